"""Posts what the owner announces (`riffbot admin announce`) where jams play and riffs are made."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import discord
from discord.ext import commands

from cogs.common.delivery import DELIVERY_ERRORS
from cogs.common.formatting import ACCENT
from cogs.common.generation import GenerationTask
from cogs.common.markdown import escape_markdown
from riffbot.clock import monotonic
from riffbot.errors import RiffBotError

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

log = logging.getLogger(__name__)

INTERVAL_S = 5.0


class AnnouncementsCog(commands.Cog, name="announcements"):
    """Reads the owner's announcement from the library, and posts a new one once."""

    def __init__(self, bot: RiffBot) -> None:
        self.bot = bot
        self._posted_until = datetime.now(UTC)  # what is older was announced to others
        self._next_look = 0.0

    @commands.Cog.listener()
    async def on_host_tick(self) -> None:
        """Look for a new announcement every few seconds."""
        if monotonic() < self._next_look:
            return
        self._next_look = monotonic() + INTERVAL_S
        await self.post_news()

    async def post_news(self) -> None:
        """Post the announcement, unless it was posted already."""
        try:
            status = await self.bot.services.library.operator.get_status()
        except RiffBotError as error:
            log.info("announcements could not be read: %s", error)
            return
        if status.announced_at is None or status.announced_at <= self._posted_until:
            return
        self._posted_until = status.announced_at
        embed = discord.Embed(description=escape_markdown(status.announcement), colour=ACCENT)
        for channel_id in self._find_channels():
            channel = self.bot.get_partial_messageable(channel_id)
            try:
                await channel.send(embed=embed, allowed_mentions=discord.AllowedMentions.none())
            except DELIVERY_ERRORS as error:
                log.info("channel %s got no announcement: %s", channel_id, error)

    def _find_channels(self) -> set[int]:
        """The channels in which something is under way."""
        jams = {jam.panel.target.channel_id for jam in self.bot.jam_controllers.values()}
        tasks = self.bot.generation_tasks.values()
        riffs = {task.target.channel_id for task in tasks if isinstance(task, GenerationTask)}
        return jams | riffs


async def setup(bot: RiffBot) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(AnnouncementsCog(bot))
