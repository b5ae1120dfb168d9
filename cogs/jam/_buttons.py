"""The buttons and the menu under a jam's panel: DynamicItems, so that they work after a restart.

As under riffs, an item knows only the jam's id; what each does is written in `_jam_actions`, which
registers itself here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import discord

from cogs.common.persistent import PersistentButton, PersistentSelect
from riffbot.jam.types import JamStatus

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

    Action = Callable[[discord.Interaction[RiffBot], str], Awaitable[None]]
    """What a click does, given the jam's id."""

    Vote = Callable[[discord.Interaction[RiffBot], str, str], Awaitable[None]]
    """What a choice in the menu does, given the jam's id and the prompt's key."""

MENU = 25
"""Entries of a menu."""


@dataclass(frozen=True)
class _Look:
    label: str
    emoji: str
    row: int = 0
    style: discord.ButtonStyle = discord.ButtonStyle.secondary


LOOKS = {
    "keep": _Look("Keep last 30 s", "💾", style=discord.ButtonStyle.primary),
    "seed": _Look("New seed", "🎲"),
    "wilder": _Look("Wilder", "🌶️"),
    "tamer": _Look("Tamer", "🧊"),
    "steer": _Look("Steer…", "🧭"),
    "pause": _Look("Pause", "⏸️", row=1),
    "stop": _Look("Stop", "⏹️", row=1, style=discord.ButtonStyle.danger),
}
GO_ON = _Look("Go on", "▶️", row=1, style=discord.ButtonStyle.success)


class JamButton(
    PersistentButton,
    template=r"jam:(?P<action>keep|seed|wilder|tamer|steer|pause|stop):(?P<jam>[0-9a-z]{1,40})",
):
    """One of the buttons under a panel."""

    actions: ClassVar[dict[str, Action]] = {}

    def __init__(self, action: str, jam_id: str, look: _Look | None = None) -> None:
        look = look or LOOKS[action]
        super().__init__(
            discord.ui.Button(
                label=look.label,
                emoji=look.emoji,
                style=look.style,
                row=look.row,
                custom_id=f"jam:{action}:{jam_id}",
            )
        )
        self.action, self.jam_id = action, jam_id

    @classmethod
    def from_match(cls, match: re.Match[str]) -> JamButton:
        return cls(match["action"], match["jam"])

    async def on_click(self, interaction: discord.Interaction[Any]) -> None:
        """Do what the button says."""
        await self.actions[self.action](interaction, self.jam_id)


class VoteMenu(
    PersistentSelect,
    template=r"jam:vote:(?P<jam>[0-9a-z]{1,40})",
):
    """The ballot: everybody has one vote, and what plays is their blend."""

    action: ClassVar[Vote]

    def __init__(self, jam_id: str, prompts: tuple[str, ...] = ()) -> None:
        options = [
            discord.SelectOption(label=" ".join(prompt.split())[:100], value=ballot_key(prompt))
            for prompt in prompts[:MENU]
        ]
        super().__init__(
            discord.ui.Select(
                placeholder="Vote for what comes",
                options=options or [discord.SelectOption(label="…", value="none")],
                row=2,
                custom_id=f"jam:vote:{jam_id}",
            )
        )
        self.jam_id = jam_id

    @classmethod
    def from_match(cls, match: re.Match[str]) -> VoteMenu:
        return cls(match["jam"])

    async def on_click(self, interaction: discord.Interaction[Any]) -> None:
        """Count the vote."""
        (chosen,) = interaction.data["values"]  # type: ignore[typeddict-item, index]
        await type(self).action(interaction, self.jam_id, chosen)


def panel_view(jam_id: str, status: JamStatus) -> discord.ui.View:
    """Everything that can be done to a jam that plays or is paused."""
    view = discord.ui.View(timeout=None)
    for action in LOOKS:
        look = GO_ON if action == "pause" and status.phase == "paused" else None
        view.add_item(JamButton(action, jam_id, look))
    prompts = tuple(share.prompt for share in status.shares)
    if len(prompts) > 1:
        view.add_item(VoteMenu(jam_id, prompts))
    return view


def paused_view(jam_id: str) -> discord.ui.View:
    """What can be done to a jam that only the library keeps."""
    view = discord.ui.View(timeout=None)
    view.add_item(JamButton("pause", jam_id, GO_ON))
    return view


def ballot_key(prompt: str) -> str:
    """A prompt as a menu's value, which has to be short."""
    return hashlib.sha256(prompt.encode()).hexdigest()[:16]
