"""Writes the audit log, and posts to a server's audit channel."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import discord

from cogs.common.delivery import DELIVERY_ERRORS
from cogs.common.formatting import MUTED
from cogs.common.markdown import escape_line
from riffbot.errors import RiffBotError
from riffbot.library.audit import AuditAction
from riffbot.library.tables import StoredRiff

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

log = logging.getLogger(__name__)

_VERBS: dict[AuditAction, str] = {
    "made": "made",
    "deleted": "deleted",
    "refused": "was refused a word of the list:",
    "warned": "used a word of the list:",
    "settings": "changed the settings:",
    "blocked": "blocked",
    "unblocked": "unblocked",
    "drain": "switched draining",
    "announced": "announced",
}


async def record(
    interaction: discord.Interaction[RiffBot],
    action: AuditAction,
    subject: str = "",
    detail: str = "",
) -> None:
    """Record what the asker did, and post it to the server's audit channel, if it has one.

    Never raises: what was done is done.
    """
    bot, guild_id = interaction.client, interaction.guild_id
    library = bot.services.library
    try:
        await library.audit.add(
            action,
            actor_id=interaction.user.id,
            guild_id=guild_id,
            subject=subject,
            detail=detail,
        )
        channel_id = (await library.guilds.get_rules(guild_id)).audit_channel_id
    except RiffBotError as error:
        log.warning("%s by member %s was not recorded: %s", action, interaction.user.id, error)
        return
    if channel_id is not None:
        what = " ".join(filter(None, (escape_line(subject, 100), escape_line(detail, 600))))
        await _post(bot, channel_id, f"{interaction.user.mention} {_VERBS[action]} {what}".strip())


def describe_deleted(interaction: discord.Interaction[RiffBot], riff: StoredRiff) -> str:
    """Whose riff was deleted, where it was not the asker's own."""
    return "" if riff.author_id == interaction.user.id else f"of member {riff.author_id}"


async def _post(bot: RiffBot, channel_id: int, text: str) -> None:
    channel = bot.get_partial_messageable(channel_id)
    embed = discord.Embed(description=text, colour=MUTED, timestamp=discord.utils.utcnow())
    try:
        await channel.send(embed=embed, allowed_mentions=discord.AllowedMentions.none())
    except DELIVERY_ERRORS as error:
        log.info("the audit channel %s cannot be written to: %s", channel_id, error)
