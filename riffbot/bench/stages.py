"""Times one method of making a clip, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import torch

from riffbot.inference.models.model import Model

STAGES = ("text", "denoise", "decode", "codec", "encode")


class StageTimer:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time of the block to a stage."""
        began = _now()
        try:
            yield
        finally:
            self.spent[name] += _now() - began


class TimedMethod:
    """One of the two methods, timed by stage.

    Stages inside a pipeline are distinguished by its modules: the time of each call of the text
    encoder, the denoiser or the decoder counts for that stage.

    Args:
        model: the modules to time.
        make: makes one clip, from prompt to MP3, and times the stages after the pipeline itself.
    """

    def __init__(self, model: Model, make: Callable[[StageTimer], object]) -> None:
        self._parts = (
            (model.text_encoder, "forward", "text"),
            (model.unet, "forward", "denoise"),
            (model.vae, "decode", "decode"),
        )
        self._make = make
        self.times: list[dict[str, float]] = []

    def measure(self) -> None:
        """Make one clip."""
        timer = StageTimer()
        for part, name, stage in self._parts:
            setattr(part, name, _time_calls(timer, stage, getattr(part, name)))
        try:
            total = measure_seconds(lambda: self._make(timer))
        finally:
            for part, name, _ in self._parts:
                delattr(part, name)  # the class's own comes through again
        other = total - sum(timer.spent.values())
        self.times.append({**timer.spent, "other": other, "total": total})

    def medians(self) -> dict[str, float]:
        """Seconds by stage."""
        return {name: median(times[name] for times in self.times) for name in self.times[0]}


def _time_calls(timer: StageTimer, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*args: Any, **options: Any) -> Any:
        with timer.stage(stage):
            return function(*args, **options)

    return timed


def measure_seconds(work: Callable[[], object]) -> float:
    """How long some work takes, in seconds; waits for the GPU where there is one."""
    began = _now()
    work()
    return _now() - began


def _now() -> float:
    # A GPU answers before it is done.
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
