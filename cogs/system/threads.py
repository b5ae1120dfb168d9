"""Corrects the audience of riffs that were made in public threads before it was stored.

Such a riff has its thread as audience; it is to have the thread's parent channel. Discord lists no
archived threads, so nobody would count as their reader; but each can be fetched by its id.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import discord
from discord.ext import commands

from cogs.common.delivery import DELIVERY_ERRORS
from cogs.common.visibility import audience_id_of
from riffbot.errors import RiffBotError

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

log = logging.getLogger(__name__)


class ThreadsCog(commands.Cog, name="threads"):
    """Runs once after a start; each channel that is no thread is asked about only once."""

    def __init__(self, bot: RiffBot) -> None:
        self.bot = bot
        self._checked_file = bot.services.settings.data_dir / "places.json"
        self._has_run = False

    @commands.Cog.listener()
    async def on_host_ready(self, fallback_channel_id: int | None) -> None:
        """Run once, and only in a Discord that has the channels of earlier runs."""
        if fallback_channel_id is None and not self._has_run:
            self._has_run = True
            await self.correct_audiences()

    async def correct_audiences(self) -> None:
        """Find public threads among the audiences of riffs, and store their parents instead."""
        library = self.bot.services.library
        checked = self._read_checked()
        try:
            for channel_id in sorted(await library.riffs.audience_ids() - checked):
                audience_id = await self._audience_id(channel_id)
                if audience_id not in (None, channel_id):
                    count = await library.riffs.move_audience(channel_id, audience_id)
                    log.info("%d riffs of thread %d are its channel's now", count, channel_id)
                if self.bot.get_channel(channel_id) is None and audience_id is not None:
                    checked.add(channel_id)
            self._checked_file.write_text(json.dumps(sorted(checked)), encoding="utf-8")
        except (RiffBotError, *DELIVERY_ERRORS) as error:
            log.warning("old riffs of threads stay hidden until the next start: %s", error)

    async def _audience_id(self, channel_id: int) -> int | None:
        """The channel whose readers may see what is made here; None where Discord does not say."""
        channel: Any = self.bot.get_channel(channel_id)
        try:
            channel = channel or await self.bot.fetch_channel(channel_id)
        except discord.NotFound:
            return channel_id
        except (discord.Forbidden, discord.InvalidData):
            return None
        return audience_id_of(channel, channel_id)

    def _read_checked(self) -> set[int]:
        """Ids of channels that are known to need no correction."""
        try:
            channel_ids = json.loads(self._checked_file.read_text(encoding="utf-8"))
            return {int(channel_id) for channel_id in channel_ids}
        except (OSError, ValueError, TypeError):
            return set()  # without the file every channel is fetched again


async def setup(bot: RiffBot) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(ThreadsCog(bot))
