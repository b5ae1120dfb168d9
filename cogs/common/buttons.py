"""The buttons under every riff, and Cancel: DynamicItems, so that they work after a restart.

A button knows the riff's id from its own custom id and nothing else; whatever it does begins with
asking the library. What each does is written in `_actions`, which registers itself here: the
actions post riffs, riffs carry buttons, and this keeps the circle open.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import discord

from cogs.common.persistent import PersistentButton

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

    Action = Callable[[discord.Interaction[RiffBot], str], Awaitable[None]]
    """What a click does, given the riff's id."""

    Cancel = Callable[[discord.Interaction[RiffBot], str, int], Awaitable[None]]
    """What Cancel does, given the session and whose it is."""


@dataclass(frozen=True)
class _Look:
    label: str
    emoji: str
    style: discord.ButtonStyle = discord.ButtonStyle.secondary


LOOKS = {
    "seed": _Look("New seed", "🎲"),
    "remix": _Look("Remix…", "🎛️", discord.ButtonStyle.primary),
    "four": _Look("Again ×4", "🔁"),
    "save": _Look("Save", "⭐"),
    "delete": _Look("Delete", "🗑️"),
}


class ClipButton(
    PersistentButton,
    template=r"riff:(?P<action>seed|remix|four|save|delete):(?P<clip>[0-9a-z]{1,40})",
):
    """One of the buttons under a riff."""

    actions: ClassVar[dict[str, Action]] = {}

    def __init__(self, action: str, clip_id: str) -> None:
        look = LOOKS[action]
        super().__init__(
            discord.ui.Button(
                label=look.label,
                emoji=look.emoji,
                style=look.style,
                custom_id=f"riff:{action}:{clip_id}",
            )
        )
        self.action = action
        self.clip_id = clip_id

    @classmethod
    def from_match(cls, match: re.Match[str]) -> ClipButton:
        return cls(match["action"], match["clip"])

    async def on_click(self, interaction: discord.Interaction[Any]) -> None:
        """Do what the button says."""
        await self.actions[self.action](interaction, self.clip_id)


class CancelButton(
    PersistentButton,
    template=r"riff:cancel:(?P<session>\d{1,20}):(?P<user>\d{1,20})",
):
    """Takes back what one command or click asked for."""

    action: ClassVar[Cancel]

    def __init__(self, session: str, user_id: int) -> None:
        super().__init__(
            discord.ui.Button(
                label="Cancel", emoji="✖️", custom_id=f"riff:cancel:{session}:{user_id}"
            )
        )
        self.session = session
        self.user_id = user_id

    @classmethod
    def from_match(cls, match: re.Match[str]) -> CancelButton:
        return cls(match["session"], int(match["user"]))

    async def on_click(self, interaction: discord.Interaction[Any]) -> None:
        """Stop the session, if it is the clicker's own or the clicker moderates here."""
        await type(self).action(interaction, self.session, self.user_id)


def clip_view(clip_id: str) -> discord.ui.View:
    """The row of buttons under a riff."""
    view = discord.ui.View(timeout=None)
    for action in LOOKS:
        view.add_item(ClipButton(action, clip_id))
    return view


def cancel_view(session: str, user_id: int) -> discord.ui.View:
    """The button under a progress message."""
    view = discord.ui.View(timeout=None)
    view.add_item(CancelButton(session, user_id))
    return view
