"""Riffs of public threads from before their audience was kept: given to the channel's visitors.

Such a riff knows the thread alone. Threads that are archived are in no list that Discord sends, so
nobody would be taken for one of their visitors; Discord tells about each when asked by its id.
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


class Threads(commands.Cog, name="threads"):
    """Looks once after a start; what Discord said about a place it is not asked again."""

    def __init__(self, bot: RiffBot) -> None:
        self.bot = bot
        self._memory = bot.services.settings.data_dir / "places.json"
        self._looked = False

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """The channels are known; the local Discord's world is new, so there is nothing to find."""
        if not self.bot.simulated and not self._looked:
            self._looked = True
            await self.look()

    async def look(self) -> None:
        """Find the public threads among the places that riffs were made in."""
        library = self.bot.services.library
        asked = self._asked()
        try:
            for place in sorted(await library.riffs.audience_ids() - asked):
                audience_id = await self._audience(place)
                if audience_id not in (None, place):
                    count = await library.riffs.move_audience(place, audience_id)
                    log.info("%d riffs of thread %d are its channel's now", count, place)
                if self.bot.get_channel(place) is None and audience_id is not None:
                    asked.add(place)
            self._memory.write_text(json.dumps(sorted(asked)), encoding="utf-8")
        except (RiffBotError, *DELIVERY_ERRORS) as error:
            log.warning("old riffs of threads stay hidden until the next start: %s", error)

    async def _audience(self, place: int) -> int | None:
        """Whose visitors see what is made in a place; None where Discord will not say today."""
        channel: Any = self.bot.get_channel(place)
        try:
            channel = channel or await self.bot.fetch_channel(place)
        except discord.NotFound:
            return place
        except (discord.Forbidden, discord.InvalidData):
            return None
        return audience_id_of(channel, place)

    def _asked(self) -> set[int]:
        """Places that are no thread's any more, or a private one's."""
        try:
            told = json.loads(self._memory.read_text(encoding="utf-8"))
            return {int(place) for place in told}
        except (OSError, ValueError, TypeError):
            return set()  # a lost memory costs a question for each


async def setup(bot: RiffBot) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(Threads(bot))
