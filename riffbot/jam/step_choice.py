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

    The chosen number is in the chunk's resolved request, and so in the recipe of what is kept.

    Args:
        resolve: resolves a request with the model's defaults; None while the model loads.
        capacity: measures the chunks.
    """

    def __init__(
        self, resolve: Callable[[RiffRequest], RiffRequest | None], capacity: Capacity
    ) -> None:
        self._resolve = resolve
        self._capacity = capacity
        self._last_units: float | None = None

    def choose(self, request: RiffRequest) -> RiffRequest:
        """The request of the next chunk, with its steps.

        Where the request names its steps it stays as it is. Otherwise it gets the most steps, the
        model's default at most, with which this machine sustains the jam by the last measurements.

        Raises:
            BadRequest: the model cannot take the request.
        """
        if request.steps is not None or (usual := self._resolve(request)) is None:
            return request
        chosen = usual
        for chosen in _candidates(usual):
            if self._fits(work_units(chosen)):
                break
        self._expect(work_units(chosen))
        return request.model_copy(update={"steps": chosen.steps})

    def _fits(self, units: float) -> bool:
        if self._last_units is None:
            return True
        margin = RAISE_MARGIN if units > self._last_units else 1.0
        return self._capacity.can_sustain(units / self._last_units, margin=margin)

    def _expect(self, units: float) -> None:
        """The measurements so far are of chunks with other steps: convert them."""
        if self._last_units is not None:
            self._capacity.scale_cost(units / self._last_units)
        self._last_units = units


def _candidates(usual: RiffRequest) -> Iterator[RiffRequest]:
    """A resolved request with its own steps, then with fewer, as long as its image is heard."""
    yield usual
    for steps in range((usual.steps or 0) - 1, MIN_STEPS - 1, -1):
        candidate = usual.model_copy(update={"steps": steps})
        if steps_to_run(candidate) < steps or steps_to_run(usual) == usual.steps:
            yield candidate
