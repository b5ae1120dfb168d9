"""Who may see which riff: whoever sees the place that it was made in, and whoever made it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import discord

from riffbot.errors import NotFound
from riffbot.library.models import StoredRiff
from riffbot.library.riffs import riff_not_found
from riffbot.library.types import Author, Origin, Viewer

if TYPE_CHECKING:
    from riffbot.bot import RiffBot


def audience_id_of(channel: Any, channel_id: int) -> int:
    """The place whose visitors see what is made in a channel: see `Origin.audience_id`."""
    if isinstance(channel, discord.Thread) and not channel.is_private():
        return channel.parent_id
    return channel_id


def origin_of(interaction: discord.Interaction[RiffBot]) -> Origin | None:
    """Where an interaction takes place."""
    if interaction.channel_id is None:
        return None
    return Origin(
        channel_id=interaction.channel_id,
        audience_id=audience_id_of(interaction.channel, interaction.channel_id),
    )


def author_of(interaction: discord.Interaction[RiffBot]) -> Author:
    """Whoever asks, as the maker of what comes of it."""
    user = interaction.user
    return Author(user.id, user.display_name, interaction.guild_id)


def viewer_of(interaction: discord.Interaction[RiffBot]) -> Viewer:
    """The asker, and the places that they see: the one they ask in, and those of its server.

    Other servers' places are none of them, whoever the asker may be there: what is answered here,
    others here may read.
    """
    origin, member = origin_of(interaction), interaction.user
    places = set() if origin is None else {origin.channel_id, origin.audience_id or 0}
    if interaction.guild is not None and isinstance(member, discord.Member):
        places |= {
            channel.id
            for channel in interaction.guild.channels
            if channel.permissions_for(member).view_channel
        }
        places |= {
            thread.id for thread in interaction.guild.threads if _sees_thread(member, thread)
        }
    return Viewer(member.id, frozenset(places))


def visible_to_all(guild: discord.Guild | None, audience_id: int | None) -> Callable[[int], bool]:
    """Which places all see who read what is posted in one: that one, and what the server opens to
    everyone."""

    def is_visible(other_id: int) -> bool:
        if other_id == audience_id:
            return True
        channel = guild.get_channel(other_id) if guild is not None else None
        if channel is None:
            return False
        return channel.permissions_for(channel.guild.default_role).view_channel

    return is_visible


def _sees_thread(member: discord.Member, thread: discord.Thread) -> bool:
    """Discord tells bots who is in a private thread only in part: who is not known to be is not."""
    if thread.parent is None:
        return False
    allowed = thread.parent.permissions_for(member)
    if not thread.is_private() or allowed.manage_threads:
        return allowed.view_channel
    return allowed.view_channel and any(inside.id == member.id for inside in thread.members)


async def get_visible_riff(interaction: discord.Interaction[RiffBot], riff_id: str) -> StoredRiff:
    """A riff by its id, if the asker may see it.

    Raises:
        NotFound: it is not there, or not for their eyes; which of both is not told.
    """
    riff = await interaction.client.services.library.riffs.get(riff_id)
    if not riff.is_visible_to(viewer_of(interaction)):
        raise riff_not_found(riff_id)
    return riff


async def get_clicked_riff(interaction: discord.Interaction[RiffBot], riff_id: str) -> StoredRiff:
    """The riff under whose message something was clicked.

    Whoever shows a riff of their own in a channel, wherever it was made, opens it to those there.

    Raises:
        NotFound: it is gone, or somebody showed it to whom it does not belong.
    """
    riff = await interaction.client.services.library.riffs.get(riff_id)
    if (
        riff.is_visible_to(viewer_of(interaction))
        or message_owner_id(interaction.message) == riff.author_id
    ):
        return riff
    raise NotFound(
        "This riff was made in a place that you cannot see: only the one who made it can bring it "
        "here, with `/library show`."
    )


def message_owner_id(message: discord.Message | None) -> int | None:
    """Who had a message posted: its author, or whoever gave the command that a bot answered."""
    if message is None:
        return None
    asked = message.interaction_metadata
    return asked.user.id if asked is not None else message.author.id
