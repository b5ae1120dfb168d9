"""When riffs are let go: their messages go with them, and their children tell the new truth."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import discord

from cogs.common.clip_cards import PICTURE, RAW, clip_embed
from cogs.common.delivery import DELIVERY_ERRORS
from cogs.common.visibility import visible_to_all
from riffbot.errors import RiffBotError
from riffbot.library.deletion import DeletionResult

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

log = logging.getLogger(__name__)

_MOST = 200
"""Messages touched for one farewell: Discord counts, and older ones have long scrolled away."""


async def delete_messages(bot: RiffBot, farewell: DeletionResult) -> int:
    """Delete the messages of riffs that are gone, as far as Discord lets. Returns how many stay."""
    resisting = 0
    for channel_id, message_id in farewell.messages[:_MOST]:
        channel = bot.get_partial_messageable(channel_id)
        try:
            await channel.get_partial_message(message_id).delete()
        except discord.NotFound:
            continue
        except DELIVERY_ERRORS as error:
            log.info("message %s in channel %s stays: %s", message_id, channel_id, error)
            resisting += 1
        await asyncio.sleep(0)
    return resisting + max(0, len(farewell.messages) - _MOST)


async def refresh_credits(bot: RiffBot, farewell: DeletionResult) -> None:
    """Write the credits of what was made from riffs that are gone anew."""
    clip_service, library = bot.services.clip_service, bot.services.library
    for riff_id in farewell.children[:_MOST]:
        try:
            riff = await library.riffs.get(riff_id)
            if riff.channel_id is None or riff.message_id is None or riff.kind == "upload":
                continue
            guild = bot.get_guild(riff.guild_id) if riff.guild_id is not None else None
            is_visible = visible_to_all(guild, riff.audience_id)
            embed = clip_embed(await clip_service.clip(riff_id), is_visible)
            channel = bot.get_partial_messageable(riff.channel_id)
            message = await channel.fetch_message(riff.message_id)
            # What is attached already stays, and the embed points at it again.
            if message.embeds and message.embeds[0].image:
                embed.set_image(url=f"attachment://{PICTURE}")
            if message.embeds and message.embeds[0].thumbnail:
                embed.set_thumbnail(url=f"attachment://{RAW}")
            nobody = discord.AllowedMentions.none()
            await message.edit(embed=embed, allowed_mentions=nobody)
        except RiffBotError as error:
            log.info("the credits of riff %s stay as they are: %s", riff_id, error)
        except DELIVERY_ERRORS as error:
            log.info("the credits of riff %s stay as they are: %s", riff_id, error)
