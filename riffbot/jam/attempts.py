"""Attempts to begin a jam that this machine turned out to be too slow for.

An attempt computes a chunk or two before everybody else's riffs. So what failed is not repeated at
once: all attempts together take a third of the engine's time at most. And as a machine that was
busy is not busy for ever, no attempt counts for longer than some minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# By name: a local Discord puts a simulated clock at `time.monotonic` for the bot's own tasks.
from time import monotonic

from riffbot.request import RiffRequest

PAUSE = 2.0
"""A pause after an attempt is so many times as long as the attempt."""

COUNTS_S = 120.0
"""No attempt counts for longer than this."""

REMEMBERED = 16


@dataclass(frozen=True)
class Attempt:
    """One that failed.

    Attributes:
        request: its chunk.
        factor: seconds of this jam that the machine made in a second.
        until: when the next may be made, on the clock.
    """

    request: RiffRequest
    factor: float
    until: float


class Attempts:
    """Remembers failed attempts.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._failed: list[Attempt] = []

    def failed(self, request: RiffRequest, *, factor: float, took_s: float) -> None:
        """The machine was too slow for jams of such chunks; the attempt took so many seconds."""
        until = self._clock() + min(COUNTS_S, PAUSE * took_s)
        self._failed = [*self._failed[1 - REMEMBERED :], Attempt(request, factor, until)]

    def lately(self, request: RiffRequest) -> tuple[float, float] | None:
        """What is known of jams of such chunks, or of easier ones.

        Returns:
            the measured factor and the seconds until it is measured again; None if it may be tried.
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
