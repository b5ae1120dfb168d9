"""Limits the starts of jams on the page: each computes a chunk before all waiting riffs.

There are three limits; the first two do not hold for the owner:

- each network starts a few jams at once and then one every 20 s;
- while riffs wait for the engine, all starts together take a third of its time at most, as failed
  attempts do (`riffbot/jam/attempts.py`);
- a new jam is not replaced by somebody else's before its starter had time to listen to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from riffbot.clock import monotonic
from riffbot.errors import Refused
from riffbot.jam.attempts import PAUSE_FACTOR
from riffbot.web.errors import RateLimited
from riffbot.web.rate_limit import RateLimiter

GRACE_S = 20.0
"""How long a new jam waits for its first listener."""

MAX_BALANCE_S = 5.0
"""The most seconds of the engine's time that starts may save up in a quiet time."""

SHARE = 1 / (1 + PAUSE_FACTOR)
"""The share of the engine's time for all starts together."""

LONGEST_WAIT_S = 120.0
"""However long a start took, the next one waits no longer than this."""


class JamStartLimiter:
    """Limits the starts of jams on the page.

    Args:
        limiter: limits each network; by default three at once and one every 20 s.
        clock: a monotonic clock, in seconds.
        has_riffs: whether a riff waits for the engine or runs in it.
    """

    def __init__(
        self,
        limiter: RateLimiter | None = None,
        clock: Callable[[], float] = monotonic,
        has_riffs: Callable[[], bool] = lambda: True,
    ) -> None:
        self._limiter = limiter or RateLimiter(burst=3, every_s=20.0)
        self._clock = clock
        self._has_riffs = has_riffs
        self._balance_s = MAX_BALANCE_S
        self._refilled_at = clock()
        self._unheard: dict[str, float] = {}  # jam → when its grace ends

    def admit(self, address: str) -> bool:
        """Allow one start of a visitor.

        Returns:
            `queue_was_busy` for `charge`: whether riffs wait for the engine.

        Raises:
            RateLimited: this network started several just now.
            Refused: riffs wait, and all starts together took too much of the engine's time lately.
        """
        queue_is_busy = self._has_riffs()
        self._refill()
        if queue_is_busy and self._balance_s <= 0:
            wait_s = min(LONGEST_WAIT_S, -self._balance_s / SHARE + 1)
            raise Refused(
                "Starting jams took much of this machine's time just now, and the riffs that wait "
                f"have their turn first: please try again in {math.ceil(wait_s)} seconds.",
                wait_s=wait_s,
            )
        try:
            self._limiter.take(address)
        except RateLimited as error:
            wait_s = error.wait_s or 0.0
            raise RateLimited(
                "You started several jams just now: please listen to one of them, or try again in "
                f"{math.ceil(wait_s)} seconds.",
                wait_s=wait_s,
            ) from None
        return queue_is_busy

    def charge(self, engine_s: float, *, queue_was_busy: bool) -> None:
        """Subtract a start's engine time from the balance, if a riff waited before or after it.

        A start that is refused counts in `FailedAttempts` instead.
        """
        if queue_was_busy or self._has_riffs():
            self._refill()
            self._balance_s = max(-LONGEST_WAIT_S * SHARE, self._balance_s - engine_s)

    def mark_started(self, jam_id: str) -> None:
        """Record that a jam can be heard from now on and waits for its first listener."""
        now = self._clock()
        self._unheard = {jam: until for jam, until in self._unheard.items() if until > now}
        self._unheard[jam_id] = now + GRACE_S

    def mark_heard(self, jam_id: str) -> None:
        """Record that a jam has a listener: from then on it may be replaced while it has none."""
        self._unheard.pop(jam_id, None)

    def awaits_listener(self, jam_id: str) -> bool:
        """Whether a new jam waits for its first listener, so that it may not be replaced."""
        return self._unheard.get(jam_id, -math.inf) > self._clock()

    def _refill(self) -> None:
        now = self._clock()
        self._balance_s = min(MAX_BALANCE_S, self._balance_s + (now - self._refilled_at) * SHARE)
        self._refilled_at = now
