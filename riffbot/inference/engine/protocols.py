"""The interface of a pipeline, so that the engine runs without torch (and with fakes in tests)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from audio.arrays import Pixels
from riffbot.request import RiffRequest


class StepEvent(Protocol):
    """The report of a pipeline after each denoising step."""

    step: int
    steps: int

    @property
    def preview(self) -> Callable[[], Sequence[Pixels]]:
        """A function that decodes the unfinished pictures, one for each request."""
        ...


class PipelineLike(Protocol):
    """The part of `riffbot.inference.pipeline.pipeline.Pipeline` that the engine uses."""

    @property
    def model(self) -> Any:
        """The model, with `name`, `hash`, `card` and `device`."""
        ...

    @property
    def images(self) -> Any:
        """The store of the pictures that requests refer to."""
        ...

    def run(
        self, requests: Sequence[RiffRequest], *, on_step: Callable[[Any], bool | None] | None
    ) -> Sequence[Pixels]:
        """Compute one picture for each request; stops when `on_step` returns False."""
        ...
