"""What members wish of the chunk to come, from the wish until its beat has come.

Wishes that come together are one. While one is being made the next ones wait, and what failed goes
back in front of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# By name: a local Discord puts a simulated clock at `time.monotonic` for the bot's own tasks.
from time import monotonic
from typing import Any

from riffbot.jam.prompt_path import Walk
from riffbot.jam.types import Steerer


@dataclass
class Wish:
    """What the next chunk should be like.

    Attributes:
        changes: as `Walk.steered` takes them.
        whose: who wished each of them last; a member who was forgotten is not in it.
        who: who wished last of all; None is nobody any more.
        since: when the first wished, in the seconds of `time.monotonic`.
        steering: the changes, and those of an earlier wish whose place its chunk takes.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    whose: dict[str, Steerer] = field(default_factory=dict)
    who: Steerer | None = None
    since: float = 0.0
    steering: dict[str, Any] = field(default_factory=dict)

    def drop(self, name: str) -> None:
        """Wish one of the changes no more."""
        self.changes.pop(name, None)
        self.whose.pop(name, None)


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
        self.waiting.whose |= dict.fromkeys(changes, who)
        self.waiting.who = who

    def take(self) -> Wish | None:
        """What is to be made now; None where nobody wishes anything."""
        if not self.waiting.changes:
            return None
        self.making, self.waiting = self.waiting, Wish()
        return self.making

    def take_back(self, wish: Wish) -> None:
        """A wish could not be made this time; what was wished since then goes first."""
        later = self.waiting
        # Who is forgotten meanwhile is in neither, so no earlier name may stand for a later change.
        wish.whose = {n: w for n, w in wish.whose.items() if n not in later.changes} | later.whose
        wish.changes |= later.changes
        wish.who = later.who if later.changes else wish.who
        self.waiting = wish

    def followed(self, wish: Wish, start: int) -> None:
        """A wish's chunk comes in at a column."""
        self._followed = (start, wish.steering)

    def vote_again(self, prompt: str | None) -> None:
        """What waits is the blend of the votes that are left; None where there are none."""
        if "prompt" not in self.waiting.changes:
            return
        if prompt is None:
            self.waiting.drop("prompt")
        else:
            self.waiting.changes["prompt"] = prompt

    def steered(self, wish: Wish, walk: Walk, begins: int | None) -> Walk:
        """A walk bent towards a wish.

        Args:
            begins: the column at which the chunk that is on came in; None while none is.
        """
        wish.steering = dict(wish.changes)
        if self._followed is not None and (begins is None or begins < self._followed[0]):
            # A wish was followed whose beat has not come yet: this chunk may take its place.
            wish.steering = {**self._followed[1], **wish.changes}
        return walk.steered(**wish.steering)

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
            if wish is None:
                continue
            if wish.who is not None and wish.who.user_id == user_id:
                wish.who = None
            wish.whose = {n: who for n, who in wish.whose.items() if who.user_id != user_id}
