"""What members wish of the chunk to come, from the wish until its beat has come.

Wishes that come together are one. While one is being made the next ones wait, and what failed goes
back in front of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# By name: a local Discord puts a simulated clock at `time.monotonic` for the bot's own tasks.
from time import monotonic
from typing import Any

from riffbot.jam.values import Steerer
from riffbot.jam.walk import Walk


@dataclass
class Wish:
    """What the next chunk should be like.

    Attributes:
        changes: as `Walk.steered` takes them.
        who: who wished last; None is nobody any more.
        since: when the first wished, in the seconds of `time.monotonic`.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    who: Steerer | None = None
    since: float = 0.0


class Wishes:
    """The wishes of one jam.

    Attributes:
        waiting: of which nothing is made yet; without changes while there is none.
        making: whose chunk is being made.
    """

    def __init__(self) -> None:
        self.waiting = Wish()
        self.making: Wish | None = None
        self._followed: tuple[int, dict[str, Any]] | None = None

    def add(self, who: Steerer, changes: dict[str, Any]) -> None:
        """Wish something more; of two wishes for the same the later one counts."""
        if not self.waiting.changes:
            self.waiting = Wish(since=monotonic())
        self.waiting.changes |= changes
        self.waiting.who = who

    def take(self) -> Wish | None:
        """What is to be made now; None where nobody wishes anything."""
        if not self.waiting.changes:
            return None
        self.making, self.waiting = self.waiting, Wish()
        return self.making

    def take_back(self, wish: Wish) -> None:
        """A wish could not be made this time; what was wished since then goes first."""
        wish.changes |= self.waiting.changes
        wish.who = self.waiting.who or wish.who
        self.waiting = wish

    def followed(self, wish: Wish, start: int) -> None:
        """A wish's chunk comes in at a column."""
        self._followed = (start, wish.changes)

    def steered(self, wish: Wish, walk: Walk, begins: int | None) -> Walk:
        """A walk bent towards a wish.

        Args:
            begins: the column at which the chunk that is on came in; None while none is.
        """
        if self._followed is not None and (begins is None or begins < self._followed[0]):
            # A wish was followed whose beat has not come yet: this chunk may take its place.
            wish.changes = {**self._followed[1], **wish.changes}
        return walk.steered(**wish.changes)

    @property
    def pending(self) -> bool:
        """Whether somebody waits for a change."""
        return self.making is not None or bool(self.waiting.changes)

    def wanted(self, name: str) -> Any:
        """What was wished last of `prompt`, `seed` or `denoising` and is not there yet, or None."""
        for wish in (self.waiting, self.making):
            if wish is not None and name in wish.changes:
                return wish.changes[name]
        return None

    def forget_member(self, user_id: int) -> None:
        """Take a member's name out; what they wished comes all the same."""
        for wish in (self.waiting, self.making):
            if wish is not None and wish.who is not None and wish.who.user_id == user_id:
                wish.who = None
