"""After a deletion: deletes the messages of riffs and rewrites the credits of their remixes."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import discord

from cogs.common.clip_cards import PIXELS_FILE, PLOT_FILE, clip_embed
from cogs.common.delivery import DELIVERY_ERRORS
from cogs.common.visibility import visible_to_all
from riffbot.errors import RiffBotError
from riffbot.library.deletion import DeletionResult

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

log = logging.getLogger(__name__)

_MAX_MESSAGES = 200
"""Messages touched after one deletion: Discord limits the rate."""


async def delete_messages(bot: RiffBot, deletion: DeletionResult) -> int:
    """Delete the messages that show deleted riffs. Returns how many remain."""
    remaining = 0
    for channel_id, message_id in deletion.messages[:_MAX_MESSAGES]:
        channel = bot.get_partial_messageable(channel_id)
        try:
            await channel.get_partial_message(message_id).delete()
        except discord.NotFound:
            continue
        except DELIVERY_ERRORS as error:
            log.info("message %s in channel %s stays: %s", message_id, channel_id, error)
            remaining += 1
        await asyncio.sleep(0)
    return remaining + max(0, len(deletion.messages) - _MAX_MESSAGES)


async def refresh_credits(bot: RiffBot, deletion: DeletionResult) -> None:
    """Rewrite the credits in the messages of riffs that were made from deleted ones."""
    for riff_id in deletion.children[:_MAX_MESSAGES]:
        try:
            await _refresh_credits_of(bot, riff_id)
        except (RiffBotError, *DELIVERY_ERRORS) as error:
            log.info("the credits of riff %s stay as they are: %s", riff_id, error)


async def _refresh_credits_of(bot: RiffBot, riff_id: str) -> None:
    """Edit the message of one riff, if it has one.

    Raises:
        RiffBotError: the riff cannot be read.
        DELIVERY_ERRORS: the message cannot be edited.
    """
    riff = await bot.services.library.riffs.get(riff_id)
    if riff.channel_id is None or riff.message_id is None or riff.kind == "upload":
        return
    guild = bot.get_guild(riff.guild_id) if riff.guild_id is not None else None
    is_visible = visible_to_all(guild, riff.audience_id)
    embed = clip_embed(await bot.services.clip_service.clip(riff_id), is_visible)
    channel = bot.get_partial_messageable(riff.channel_id)
    message = await channel.fetch_message(riff.message_id)
    # The attachments stay; the new embed has to show them again.
    if message.embeds and message.embeds[0].image:
        embed.set_image(url=f"attachment://{PLOT_FILE}")
    if message.embeds and message.embeds[0].thumbnail:
        embed.set_thumbnail(url=f"attachment://{PIXELS_FILE}")
    await message.edit(embed=embed, allowed_mentions=discord.AllowedMentions.none())
