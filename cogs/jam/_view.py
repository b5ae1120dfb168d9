"""The buttons and the vote menu of a panel, as members see them; `_buttons` handles the clicks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import discord

from cogs.common.persistent import PlainButton
from riffbot.jam.types import JamStatus

BUTTON_TEMPLATE = (
    r"jam:(?P<action>keep|seed|wilder|tamer|steer|pause|stop):(?P<jam_id>[0-9a-z]{1,40})"
)
VOTE_TEMPLATE = r"jam:vote:(?P<jam_id>[0-9a-z]{1,40})"

MAX_OPTIONS = 25
"""Entries of a select menu that Discord accepts."""


@dataclass(frozen=True)
class ButtonStyle:
    """How a button looks."""

    label: str
    emoji: str
    row: int = 0
    colour: discord.ButtonStyle = discord.ButtonStyle.secondary


BUTTONS = {
    "keep": ButtonStyle("Keep last 30 s", "💾", colour=discord.ButtonStyle.primary),
    "seed": ButtonStyle("New seed", "🎲"),
    "wilder": ButtonStyle("Wilder", "🌶️"),
    "tamer": ButtonStyle("Tamer", "🧊"),
    "steer": ButtonStyle("Steer…", "🧭"),
    "pause": ButtonStyle("Pause", "⏸️", row=1),
    "stop": ButtonStyle("Stop", "⏹️", row=1, colour=discord.ButtonStyle.danger),
}
"""The buttons of a jam that plays, by the action in their custom ids."""

RESUME = ButtonStyle("Go on", "▶️", row=1, colour=discord.ButtonStyle.success)
"""The style of `pause` while the jam is paused or parked."""


class _PlainSelect(discord.ui.Select[discord.ui.View]):
    """A menu whose choices are handled by a `PersistentItem`, as with `PlainButton`."""

    def is_dispatchable(self) -> bool:
        """Called by discord.py when the view is sent."""
        return False


def panel_view(status: JamStatus, *, is_parked: bool) -> discord.ui.View:
    """Build the buttons of a panel: all of them for a jam in memory, `Go on` for a parked one."""
    view = discord.ui.View(timeout=None)
    if is_parked:
        view.add_item(_button("pause", status.id, RESUME))
        return view
    for action, style in BUTTONS.items():
        is_resume = action == "pause" and status.phase == "paused"
        view.add_item(_button(action, status.id, RESUME if is_resume else style))
    prompts = [share.prompt for share in status.shares]
    if len(prompts) > 1:
        view.add_item(_vote_menu(status.id, prompts))
    return view


def option_value(prompt: str) -> str:
    """A prompt as the value of a select option, which has to be short: a hash."""
    return hashlib.sha256(prompt.encode()).hexdigest()[:16]


def _button(action: str, jam_id: str, style: ButtonStyle) -> PlainButton:
    return PlainButton(
        label=style.label,
        emoji=style.emoji,
        style=style.colour,
        row=style.row,
        custom_id=f"jam:{action}:{jam_id}",
    )


def _vote_menu(jam_id: str, prompts: list[str]) -> _PlainSelect:
    return _PlainSelect(
        placeholder="Vote for what comes",
        options=[
            discord.SelectOption(label=" ".join(prompt.split())[:100], value=option_value(prompt))
            for prompt in prompts[:MAX_OPTIONS]
        ],
        row=2,
        custom_id=f"jam:vote:{jam_id}",
    )
