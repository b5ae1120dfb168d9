"""Chooses a jam's denoising steps: the model's default, or fewer where the machine is too slow."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from riffbot.inference.batching import steps_to_run
from riffbot.inference.engine.throughput import work_units
from riffbot.jam.capacity import Capacity
from riffbot.request import RiffRequest

MIN_STEPS = 3
"""Fewer steps than this are never chosen: see the figures for each in training/LOG.md."""

RAISE_MARGIN = 0.9
"""More steps are taken again when they need this share of the limit at most, so that the number
does not go to and fro with every measurement."""


class StepChooser:
    """Chooses the steps of each chunk by what the chunks before it took.

    The number is in the chunk's resolved request, and so in the recipe of what is kept.

    Args:
        resolve: resolves a request with the model's defaults; None while the model loads.
        capacity: measures the chunks.
    """

    def __init__(
        self, resolve: Callable[[RiffRequest], RiffRequest | None], capacity: Capacity
    ) -> None:
        self._resolve = resolve
        self._capacity = capacity
        self._measured_units: float | None = None

    def choose(self, request: RiffRequest) -> RiffRequest:
        """The request of the next chunk, with its steps where they are not the model's default.

        Where the request names its steps it stays as it is. Otherwise it gets the most steps, the
        model's default at most, with which this machine sustains the jam by the last measurements;
        the fewest if it sustains none.

        Raises:
            BadRequest: the model cannot take the request.
        """
        if request.steps is not None or (usual := self._resolve(request)) is None:
            return request
        chosen = usual
        for chosen in _candidates(usual):
            if self._can_sustain(chosen):
                break
        return request if chosen is usual else request.model_copy(update={"steps": chosen.steps})

    def record(self, request: RiffRequest, seconds: float) -> None:
        """Record how long a chunk took, by its resolved request."""
        units = work_units(request)
        if self._measured_units is not None:
            # What was measured before is converted, so that the average is of chunks like this.
            self._capacity.scale_cost(units / self._measured_units)
        self._measured_units = units
        self._capacity.record(seconds)

    def _can_sustain(self, request: RiffRequest) -> bool:
        if self._measured_units is None:
            return True
        ratio = work_units(request) / self._measured_units
        return self._capacity.can_sustain(ratio, margin=RAISE_MARGIN if ratio > 1 else 1.0)


def _candidates(usual: RiffRequest) -> Iterator[RiffRequest]:
    """A resolved request with its own steps, then cheaper ones with fewer and fewer.

    First those that keep the image, then those that run all of their steps and so forget it, as
    may happen with a denoising near 1: then only the beat grid keeps the beat.
    """
    yield usual
    fewer = [
        usual.model_copy(update={"steps": steps})
        for steps in range((usual.steps or 0) - 1, MIN_STEPS - 1, -1)
    ]
    cheapest = steps_to_run(usual)
    for keeps_image in (True, False):
        for request in fewer:
            run = steps_to_run(request)
            if run < cheapest and (run < (request.steps or 0)) is keeps_image:
                cheapest = run
                yield request
