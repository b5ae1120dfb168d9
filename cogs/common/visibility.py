"""Decides who may see which riff: its author, and whoever may see the channel that it was made in.

A riff's `audience_id` is the channel whose readers may see it: the channel that it was made in or,
for a public thread, the thread's parent. Other servers' channels never count: others read what is
answered here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import discord

from riffbot.clips import edits
from riffbot.errors import Disallowed, NotFound
from riffbot.library.riffs import riff_not_found_error
from riffbot.library.tables import StoredRiff
from riffbot.library.types import Author, Origin, Viewer

if TYPE_CHECKING:
    from riffbot.bot import RiffBot


def is_age_restricted(channel: Any) -> bool:
    """Whether a channel is age-restricted; of a thread, whether its parent is."""
    is_nsfw = getattr(channel, "is_nsfw", None)
    return is_nsfw is not None and bool(is_nsfw())


def is_restricted_here(interaction: discord.Interaction[RiffBot], riff: StoredRiff) -> bool:
    """Whether a riff was made in an age-restricted channel and the asker is in another one."""
    made_in = interaction.client.get_channel(riff.audience_id or 0)
    return is_age_restricted(made_in) and not is_age_restricted(interaction.channel)


def require_unrestricted(interaction: discord.Interaction[RiffBot], riff: StoredRiff) -> None:
    """Check that a riff may be shown to all in this channel, and made into others.

    Raises:
        Disallowed: it was made in an age-restricted channel, and this one is not.
    """
    if is_restricted_here(interaction, riff):
        raise Disallowed(
            "That riff was made in an age-restricted channel, so it can be posted and made into "
            "others in such channels only; `/library show` with `private: True` shows it to you "
            "alone."
        )


def audience_id_of(channel: Any, channel_id: int) -> int:
    """The channel whose readers may see what is made in a channel: see `Origin.audience_id`."""
    if isinstance(channel, discord.Thread) and not channel.is_private():
        return channel.parent_id
    return channel_id


def origin_of(interaction: discord.Interaction[RiffBot]) -> Origin | None:
    """The channel and audience of an interaction; None where it has no channel."""
    if interaction.channel_id is None:
        return None
    return Origin(
        channel_id=interaction.channel_id,
        audience_id=audience_id_of(interaction.channel, interaction.channel_id),
    )


def author_of(interaction: discord.Interaction[RiffBot]) -> Author:
    """The asker, as the author of what is made."""
    user = interaction.user
    return Author(user.id, user.display_name, interaction.guild_id)


def viewer_of(interaction: discord.Interaction[RiffBot]) -> Viewer:
    """The asker, with the channels and threads of this server that they may see.

    Other servers' channels are left out, whatever the asker may see there: others in this channel
    may read the answer. So are age-restricted channels, unless the asker is in one.
    """
    origin, member = origin_of(interaction), interaction.user
    channel_ids = set() if origin is None else {origin.channel_id, origin.audience_id or 0}
    may_be_restricted = is_age_restricted(interaction.channel)
    if interaction.guild is not None and isinstance(member, discord.Member):
        channel_ids |= {
            channel.id
            for channel in interaction.guild.channels
            if channel.permissions_for(member).view_channel
            and (may_be_restricted or not is_age_restricted(channel))
        }
        channel_ids |= {
            thread.id
            for thread in interaction.guild.threads
            if _can_see_thread(member, thread)
            and (may_be_restricted or not is_age_restricted(thread))
        }
    return Viewer(member.id, frozenset(channel_ids))


def visible_to_all(guild: discord.Guild | None, audience_id: int | None) -> Callable[[int], bool]:
    """A predicate on channel ids: whether everyone who reads one channel may see another, too.

    That holds for the channel itself and for those that the server opens to everyone, except
    age-restricted ones.

    Args:
        guild: the server of the channel.
        audience_id: the channel whose readers are meant.
    """

    def is_visible(other_id: int) -> bool:
        if other_id == audience_id:
            return True
        channel = guild.get_channel(other_id) if guild is not None else None
        if channel is None or is_age_restricted(channel):
            return False
        return channel.permissions_for(channel.guild.default_role).view_channel

    return is_visible


def _can_see_thread(member: discord.Member, thread: discord.Thread) -> bool:
    """Whether a member may see a thread.

    Discord tells bots only some members of a private thread: those missing from the cache count
    as non-members.
    """
    if thread.parent is None:
        return False
    allowed = thread.parent.permissions_for(member)
    if not thread.is_private() or allowed.manage_threads:
        return allowed.view_channel
    return allowed.view_channel and any(inside.id == member.id for inside in thread.members)


async def get_visible_riff(interaction: discord.Interaction[RiffBot], riff_id: str) -> StoredRiff:
    """Get a riff by its id, if the asker may see it.

    Raises:
        NotFound: it does not exist or is not visible; the message does not say which.
    """
    riff = await interaction.client.services.library.riffs.get(riff_id)
    if not riff.is_visible_to(viewer_of(interaction)):
        raise riff_not_found_error(riff_id)
    return riff


async def get_clicked_riff(interaction: discord.Interaction[RiffBot], riff_id: str) -> StoredRiff:
    """Get the riff under whose message something was clicked.

    Authors may show their own riffs in any channel; that makes them visible to its readers.

    Raises:
        NotFound: it is deleted, or somebody else showed it where it may not be seen.
    """
    riff = await interaction.client.services.library.riffs.get(riff_id)
    shown_by_author = message_owner_id(interaction.message) == riff.author_id
    if riff.is_visible_to(viewer_of(interaction)) or shown_by_author:
        return riff
    raise NotFound(
        "This riff was made in a place that you cannot see: only the one who made it can bring it "
        "here, with `/library show`."
    )


async def get_remixable_riff(interaction: discord.Interaction[RiffBot], riff_id: str) -> StoredRiff:
    """Get the riff under whose message something was clicked, to make another from it.

    Raises:
        NotFound: as for `get_clicked_riff`.
        BadRequest: its author allows no remixes.
        Disallowed: as for `require_unrestricted`.
    """
    riff = edits.check_remix_allowed(
        await get_clicked_riff(interaction, riff_id), interaction.user.id
    )
    require_unrestricted(interaction, riff)
    return riff


def message_owner_id(message: discord.Message | None) -> int | None:
    """Whose message this is: its author or, for a bot's answer, the member who gave the command."""
    if message is None:
        return None
    command = message.interaction_metadata
    return command.user.id if command is not None else message.author.id
