"""Extension: sets the command tree's translator. Load it before the commands are synced."""

from __future__ import annotations

from discord.ext import commands

from cogs.common.i18n import CommandTranslator


async def setup(bot: commands.Bot | commands.AutoShardedBot) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.tree.set_translator(CommandTranslator())
