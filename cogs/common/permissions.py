"""Who may delete a riff or cancel its generation: whoever it belongs to, and moderators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord

from riffbot.library.tables import StoredRiff

if TYPE_CHECKING:
    from riffbot.bot import RiffBot


def may_delete_riff(interaction: discord.Interaction[RiffBot], riff: StoredRiff) -> bool:
    """Whether the asker made the riff, or moderates the server that it was made in.

    A riff can be shown anywhere by its id, so moderating the current server is not enough.
    """
    if riff.guild_id is None or riff.guild_id != interaction.guild_id:
        return interaction.user.id == riff.author_id
    return is_owner_or_moderator(interaction, riff.author.user_id)


def is_owner_or_moderator(interaction: discord.Interaction[RiffBot], owner_id: int) -> bool:
    """Whether the asker is the member of this id, or may manage messages in this channel."""
    return interaction.user.id == owner_id or interaction.permissions.manage_messages
