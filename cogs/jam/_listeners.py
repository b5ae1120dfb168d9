"""Decides when a jam pauses, resumes or leaves because of who listens. Pure: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto

import discord


class ListenerAction(Enum):
    """What to do about the number of listeners."""

    NOTHING = auto()
    PAUSE = auto()
    RESUME = auto()
    LEAVE = auto()


@dataclass
class ListenerWatch:
    """Follows the number of listeners of one jam.

    Args:
        leave_after_s: leave when nobody has listened for so long.

    Attributes:
        has_paused: the jam is paused because nobody listened, not because a member paused it.
        refusal: why the jam stays paused although somebody listens, as a sentence; empty otherwise.
    """

    leave_after_s: float
    has_paused: bool = field(default=False, init=False)
    refusal: str = field(default="", init=False)
    _empty_since: float | None = field(default=None, init=False)

    @property
    def is_waiting(self) -> bool:
        """Whether the pause ends as soon as somebody listens."""
        return self.has_paused and not self.refusal

    def update(self, listeners: int, *, is_playing: bool, now: float) -> ListenerAction:
        """Return what to do.

        After `PAUSE` the caller pauses the jam. After `RESUME` it resumes the jam and calls
        `resumed` or `resume_refused`; until then every update with a listener asks for it again.

        Args:
            listeners: people who can hear the jam.
            is_playing: the jam is not paused.
            now: seconds on a monotonic clock.
        """
        if listeners:
            self._empty_since = None
            return ListenerAction.RESUME if self.has_paused else ListenerAction.NOTHING
        self.refusal = ""
        if self._empty_since is None:
            self._empty_since = now
        if now - self._empty_since >= self.leave_after_s:
            return ListenerAction.LEAVE
        if is_playing:
            self.has_paused = True
            return ListenerAction.PAUSE
        return ListenerAction.NOTHING

    def resumed(self) -> None:
        """Record that the jam plays again."""
        self.has_paused, self.refusal = False, ""

    def resume_refused(self, reason: str) -> None:
        """Record that the jam cannot resume now; `reason` is a sentence for the panel."""
        self.refusal = reason


def count_hearing(members: Iterable[discord.Member]) -> int:
    """Count the people among a voice channel's members who are not deafened."""
    return sum(1 for member in members if _can_hear(member))


def _can_hear(member: discord.Member) -> bool:
    voice = member.voice
    return not member.bot and voice is not None and not (voice.deaf or voice.self_deaf)
