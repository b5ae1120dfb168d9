"""Who may start a jam on the page now: each start computes a chunk before everybody's riffs.

Three limits, none of them for whoever sits at this machine:

- each network starts a few jams at once and then one every 20 s;
- while riffs wait for the engine, all starts together take a third of its time at most, as failed
  attempts do (`riffbot/jam/attempts.py`);
- a jam that its starter had no time to listen to yet is ended for nobody else (this one holds for
  everybody).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from time import monotonic

from riffbot.errors import Refused
from riffbot.jam.attempts import PAUSE_FACTOR
from riffbot.web.security import Allowance, TooMany

GRACE_S = 20.0
"""How long a new jam waits for its first listener."""

SAVED_S = 5.0
"""Seconds of the engine's time that quiet times save up for starts."""

SHARE = 1 / (1 + PAUSE_FACTOR)
"""Of the engine's time, for all starts together."""

LONGEST_WAIT_S = 120.0
"""However long a start took, the next one waits no longer than this."""


class JamStarts:
    """Limits the starts of jams on the page.

    Args:
        allowance: for each network; by default three at once and one every 20 s.
        clock: seconds that only grow.
        has_riffs: whether a riff waits for the engine or runs in it.
    """

    def __init__(
        self,
        allowance: Allowance | None = None,
        clock: Callable[[], float] = monotonic,
        has_riffs: Callable[[], bool] = lambda: True,
    ) -> None:
        self._allowance = allowance or Allowance(burst=3, every_s=20.0)
        self._clock = clock
        self._has_riffs = has_riffs
        self._saved = SAVED_S
        self._since = clock()
        self._unheard: dict[str, float] = {}  # jam → when its grace ends

    def admit(self, address: str) -> bool:
        """Let one start of a visitor in.

        Returns:
            whether riffs wait for the engine, for `charge`.

        Raises:
            TooMany: this network started several just now.
            Refused: riffs wait, and all starts together took too much of the engine's time lately.
        """
        has_riffs = self._has_riffs()
        self._save_up()
        if has_riffs and self._saved <= 0:
            wait_s = min(LONGEST_WAIT_S, -self._saved / SHARE + 1)
            raise Refused(
                "Starting jams took much of this machine's time just now, and the riffs that wait "
                f"have their turn first: please try again in {math.ceil(wait_s)} seconds.",
                wait_s=wait_s,
            )
        try:
            self._allowance.take(address)
        except TooMany as error:
            wait_s = error.wait_s or 0.0
            raise TooMany(
                "You started several jams just now: please listen to one of them, or try again in "
                f"{math.ceil(wait_s)} seconds.",
                wait_s=wait_s,
            ) from None
        return has_riffs

    def charge(self, engine_s: float, *, had_riffs: bool) -> None:
        """Count a start's time of the engine, unless no riff wanted the engine before or after it.

        A start that is refused counts in `FailedAttempts` instead.
        """
        if had_riffs or self._has_riffs():
            self._save_up()
            self._saved = max(-LONGEST_WAIT_S * SHARE, self._saved - engine_s)

    def began(self, jam_id: str) -> None:
        """A jam can be heard from now on, and waits for its first listener."""
        now = self._clock()
        self._unheard = {jam: until for jam, until in self._unheard.items() if until > now}
        self._unheard[jam_id] = now + GRACE_S

    def heard(self, jam_id: str) -> None:
        """Somebody listens to a jam: when nobody does any more, it may be ended for another."""
        self._unheard.pop(jam_id, None)

    def waits(self, jam_id: str) -> bool:
        """Whether a jam waits for its first listener, so that it is ended for nobody else."""
        return self._unheard.get(jam_id, -math.inf) > self._clock()

    def _save_up(self) -> None:
        now = self._clock()
        self._saved = min(SAVED_S, self._saved + (now - self._since) * SHARE)
        self._since = now
