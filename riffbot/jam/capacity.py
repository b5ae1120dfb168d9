"""How much of this machine a jam needs, and whether that much is there."""

from __future__ import annotations

import math
from collections.abc import Callable

# By name: a local Discord puts a simulated clock at `time.monotonic` for the bot's own tasks.
from time import monotonic

from riffbot.errors import Refused
from riffbot.wording import in_words

LOAD = 0.8
"""The share of the machine's time that all jams together may need."""

LEAST = 0.05
"""A share of the machine's time that is no use to a jam."""

MEASURED_S = 120.0
"""What was measured longer ago refuses nobody: the machine may have been busy just then."""

_NEWS = 0.3
"""What a new measurement weighs beside those before it."""


class Capacity:
    """What the making of one jam's chunks takes on this machine, as measured.

    Args:
        turn_s: seconds of sound in a chunk.
        others: the share of the machine's time that the other jams need now.

    Attributes:
        factor: seconds of this jam that the machine makes in a second; None is not known yet.
    """

    def __init__(self, turn_s: float, others: Callable[[], float]) -> None:
        self._turn_s = turn_s
        self._others = others
        self.factor: float | None = None
        self._measured_at = monotonic()

    def measured(self, seconds: float) -> None:
        """A chunk took so long."""
        if seconds > 0:
            self._measured_at = monotonic()
            factor = self._turn_s / seconds
            old = self.factor
            self.factor = factor if old is None else old + _NEWS * (factor - old)

    @property
    def chunk_s(self) -> float | None:
        """Seconds that a chunk takes; None is not known yet."""
        return self._turn_s / self.factor if self.factor else None

    @property
    def load(self) -> float:
        """The share of the machine's time that this jam needs while it plays."""
        return 1 / self.factor if self.factor else 0.0

    def check(self) -> None:
        """Raise Refused where the machine cannot sustain it beside the others."""
        self._refuse_if_slow(self.factor)

    def check_again(self) -> None:
        """The same at the end of a pause, where others have begun since. Raises Refused.

        Alone it may always go on: it was let in, and while it stands still nothing measures anew
        what a busy moment has made look slow.
        """
        if self._others():
            self.check()

    @property
    def outdated(self) -> bool:
        """Whether the last measurement is too old to refuse anybody."""
        return monotonic() - self._measured_at >= MEASURED_S

    def check_attempt(self, factor: float, wait_s: float) -> None:
        """The same before the first chunk, from an attempt that was made lately.

        Args:
            factor: what it measured.
            wait_s: seconds until the next attempt.

        Raises:
            Refused: that would still be too slow; the sentence says when it is measured again.
        """
        again = f" It is measured again in {in_words(wait_s)}."
        self._refuse_if_slow(factor, more=again)

    def _refuse_if_slow(self, factor: float | None, *, more: str = "") -> None:
        others = self._others()
        if factor is None or 1 / factor + others <= LOAD:
            return
        left = LOAD - others
        jams = f"the jams that play already (they take {others:.0%} of it)"
        if others and left < LEAST:
            raise Refused(
                f"This machine has nothing left for one more beside {jams}: "
                f"please let one of them end first, or make single riffs.{more}"
            )
        beside, advice = "", "make single riffs here, or try again when it has less to do."
        if others:
            beside = f" beside {jams}"
            advice = "please let one of them end first, or make single riffs."
        made = math.floor(100 * factor) / 100  # never as much as is needed, by rounding
        raise Refused(
            f"This machine makes {made:.2f} seconds of this jam in a second and needs "
            f"{1 / left:.2f}{beside}: {advice}{more}"
        )
