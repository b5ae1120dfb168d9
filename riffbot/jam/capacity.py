"""How much of this machine a jam needs, and whether that much is there."""

from __future__ import annotations

from collections.abc import Callable

from riffbot.errors import Refused

LOAD = 0.8
"""The share of the machine's time that all jams together may need."""

DOUBT = 2.0
"""What is only expected may in truth be so many times faster."""

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

    def measured(self, seconds: float) -> None:
        """A chunk took so long."""
        if seconds > 0:
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

        Alone it may always go on: the door let it in, and while it stands still nothing measures
        anew what a busy moment has made look slow.
        """
        if self._others():
            self.check()

    def check_expected(self, seconds: float | None) -> None:
        """The same before the first chunk, from what other clips took: a hint, no measurement."""
        self._refuse_if_slow(self._turn_s / seconds if seconds else None, doubt=DOUBT)

    def _refuse_if_slow(self, factor: float | None, *, doubt: float = 1.0) -> None:
        others = self._others()
        if factor is None or 1 / (doubt * factor) + others <= LOAD:
            return
        beside, advice = "", "a smaller model or a faster machine can play one."
        if others:
            beside = f" beside the jams that play already (they take {others:.0%} of it)"
            advice = "please let one of them end first."
        raise Refused(
            f"This machine makes {factor:.2f} seconds of this jam in a second and needs "
            f"{1 / max(LOAD - others, 0.01):.2f}{beside}: {advice}"
        )
