"""Starts of jams that failed because this machine was too slow.

An attempt generates a chunk or two before all other riffs. So a failed one is not repeated at once:
all attempts together take a third of the engine's time at most. A machine that was busy is not busy
for ever, so no attempt is remembered for longer than two minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from riffbot.clock import monotonic
from riffbot.request import RiffRequest

PAUSE_FACTOR = 2.0
"""The pause after a failed attempt is this many times as long as the attempt."""

MAX_PAUSE_S = 120.0
"""The longest pause after a failed attempt."""

MAX_RECORDS = 16


@dataclass(frozen=True)
class FailedAttempt:
    """A start that failed because the machine was too slow.

    Attributes:
        request: of its chunk.
        factor: the real-time factor that it measured.
        until: when the next attempt may be made, on the clock.
    """

    request: RiffRequest
    factor: float
    until: float


class FailedAttempts:
    """Remembers failed attempts.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._failed: list[FailedAttempt] = []

    def record(self, request: RiffRequest, *, factor: float, took_s: float) -> None:
        """Record an attempt of `took_s` seconds that showed that the machine is too slow."""
        until = self._clock() + min(MAX_PAUSE_S, PAUSE_FACTOR * took_s)
        self._failed = [*self._failed[1 - MAX_RECORDS :], FailedAttempt(request, factor, until)]

    def find(self, request: RiffRequest) -> tuple[float, float] | None:
        """The latest failed attempt with such a chunk, or with an easier one.

        Returns:
            The measured factor and the seconds until it may be measured again; None if it may be
            tried now.
        """
        now = self._clock()
        self._failed = [one for one in self._failed if one.until > now]
        known = [one for one in self._failed if _as_hard(request, one.request)]
        if not known:
            return None
        newest = known[-1]
        return newest.factor, newest.until - now


def _as_hard(request: RiffRequest, other: RiffRequest) -> bool:
    """Whether a chunk takes no fewer steps and passes than another; how long it is does not
    matter, for a longer one sounds longer, too."""
    return request.denoising >= other.denoising and request.guidance == other.guidance
