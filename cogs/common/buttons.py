"""The buttons under every riff, and the Cancel button under every progress message.

The buttons of a riff are only shown here; `cogs.riff` handles their clicks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import discord

from cogs.common.delivery import send_ephemeral
from cogs.common.permissions import is_owner_or_moderator
from cogs.common.persistent import PersistentButton, PlainButton
from riffbot.errors import BadRequest

CLIP_BUTTON_TEMPLATE = r"riff:(?P<action>seed|remix|four|save|delete):(?P<riff_id>[0-9a-z]{1,40})"
"""Matches the custom ids of the buttons under a riff."""


@dataclass(frozen=True)
class _Face:
    label: str
    emoji: str
    style: discord.ButtonStyle = discord.ButtonStyle.secondary


_FACES = {
    "seed": _Face("New seed", "🎲"),
    "remix": _Face("Remix…", "🎛️", discord.ButtonStyle.primary),
    "four": _Face("Again ×4", "🔁"),
    "save": _Face("Save", "⭐"),
    "delete": _Face("Delete", "🗑️"),
}


class CancelButton(
    PersistentButton,
    template=r"riff:cancel:(?P<task>\d{1,20}):(?P<user>\d{1,20})",
):
    """Cancels everything that one command or click requested."""

    def __init__(self, task_id: str, user_id: int) -> None:
        super().__init__(
            discord.ui.Button(
                label="Cancel", emoji="✖️", custom_id=f"riff:cancel:{task_id}:{user_id}"
            )
        )
        self.task_id = task_id
        self.user_id = user_id

    @classmethod
    def from_match(cls, match: re.Match[str]) -> CancelButton:
        return cls(match["task"], int(match["user"]))

    async def on_click(self, interaction: discord.Interaction[Any]) -> None:
        """Stop what is not finished yet, for the member who asked and for moderators."""
        if not is_owner_or_moderator(interaction, self.user_id):
            raise BadRequest("Only the one who asked, or a moderator, can cancel this.")
        task = interaction.client.generation_tasks.get(self.task_id)
        if task is None:
            await send_ephemeral(interaction, "There is nothing left to cancel: it is finished.")
            return
        await send_ephemeral(interaction, "Cancelled.")
        await task.stop()


def clip_view(riff_id: str) -> discord.ui.View:
    """The row of buttons under a riff."""
    view = discord.ui.View(timeout=None)
    for action, face in _FACES.items():
        view.add_item(
            PlainButton(
                label=face.label,
                emoji=face.emoji,
                style=face.style,
                custom_id=f"riff:{action}:{riff_id}",
            )
        )
    return view


def cancel_view(task_id: str, user_id: int) -> discord.ui.View:
    """The Cancel button under a progress message."""
    view = discord.ui.View(timeout=None)
    view.add_item(CancelButton(task_id, user_id))
    return view
