"""What the engine needs of a pipeline, so that it runs without torch (and with a fake in tests)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from audio.arrays import Pixels
from riffbot.request import RiffRequest


class StepEvent(Protocol):
    """What a pipeline reports after each denoising step."""

    step: int
    steps: int

    @property
    def preview(self) -> Callable[[], Sequence[Pixels]]:
        """Decodes the forming pictures, one a request."""
        ...


class PipelineLike(Protocol):
    """What the engine needs of `riffbot.inference.pipeline.pipeline.Pipeline`."""

    @property
    def model(self) -> Any:
        """With `name`, `hash`, `card` and `device`."""
        ...

    @property
    def images(self) -> Any:
        """The pictures that requests name."""
        ...

    def run(
        self, requests: Sequence[RiffRequest], *, on_step: Callable[[Any], bool | None] | None
    ) -> Sequence[Pixels]:
        """One picture a request; stops when `on_step` returns False."""
        ...
