"""Extension: reports what the command tree raises through `cogs.common.errors`."""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from cogs.common.errors import report_error


async def on_tree_error(
    interaction: discord.Interaction[Any], error: app_commands.AppCommandError
) -> None:
    """The tree's error handler: failed checks, options that cannot be read, unknown commands."""
    await report_error(interaction, error)


async def setup(bot: commands.Bot | commands.AutoShardedBot) -> None:
    """Called by discord.py when the extension is loaded."""
    bot.tree.error(on_tree_error)
