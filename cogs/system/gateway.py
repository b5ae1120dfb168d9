"""Watches the connection to Discord's gateway, for `riffbot.health`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from discord.ext import commands

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

LOST_S = 60.0
"""Seconds for which a connection may be lost: discord.py resumes within a few, as a rule."""


class Gateway(commands.Cog):
    """Remembers since when a shard is not connected."""

    def __init__(self, bot: RiffBot) -> None:
        self._bot = bot
        self._lost_since: dict[int, float] = {}

    async def cog_load(self) -> None:
        """Add the probe."""
        self._bot.services.health.add("discord", self.probe)

    async def probe(self) -> str | None:
        """Return what is wrong with the connection; None while it is there."""
        if not self._bot.is_ready():
            return "not connected yet"
        since = min(self._lost_since.values(), default=None)
        lost_s = 0.0 if since is None else time.monotonic() - since
        return f"the connection is lost for {lost_s:.0f} seconds" if lost_s > LOST_S else None

    @commands.Cog.listener()
    async def on_shard_disconnect(self, shard_id: int) -> None:
        """Remember since when; discord.py tells of every attempt that fails."""
        self._lost_since.setdefault(shard_id, time.monotonic())

    @commands.Cog.listener()
    async def on_shard_ready(self, shard_id: int) -> None:
        """Forget it."""
        self._lost_since.pop(shard_id, None)

    @commands.Cog.listener()
    async def on_shard_resumed(self, shard_id: int) -> None:
        """Forget it."""
        self._lost_since.pop(shard_id, None)


async def setup(bot: RiffBot) -> None:
    """Add the cog."""
    await bot.add_cog(Gateway(bot))
