"""/riff: words in, riffs out. This cog reads what was typed and computes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

import cogs._actions  # noqa: F401  (registers what the buttons do)
from cogs._buttons import CancelButton, ClipButton
from cogs._errors import answered
from cogs._session import perform
from cogs._style import join, number
from cogs._words import describe, describe_options
from riffbot.request import DEFAULT_DENOISING, MAX_PROMPT, MAX_SEED, RiffRequest
from riffbot.studio import takes

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

CHOICES = 25
"""Discord shows at most so many suggestions."""


class Riffs(commands.Cog, name="riff"):
    """The command and the buttons under what it makes."""

    def __init__(self, bot: RiffBot) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        """Make the buttons of every riff ever posted work again."""
        self.bot.add_dynamic_items(ClipButton, CancelButton)

    @app_commands.command(name="riff", description=describe("riff"))
    @app_commands.describe(**describe_options("riff"))
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def riff(
        self,
        interaction: discord.Interaction[RiffBot],
        *,
        prompt: app_commands.Range[str, 1, MAX_PROMPT],
        negative: app_commands.Range[str, 0, MAX_PROMPT] = "",
        seed: app_commands.Range[int, 0, MAX_SEED] | None = None,
        seed_image: str | None = None,
        denoising: app_commands.Range[float, 0, 1] = DEFAULT_DENOISING,
        guidance: app_commands.Range[float, 1, 30] | None = None,
        steps: app_commands.Range[int, 1, 200] | None = None,
        count: app_commands.Range[int, 1, 4] = 1,
        tempo: app_commands.Range[float, 40, 240] | None = None,
    ) -> None:
        """Make one to four riffs."""
        async with answered(interaction):
            if seed_image is not None:
                interaction.client.services.images.bundled(seed_image)  # refuse it at the door
            first = RiffRequest.build(
                prompt=prompt,
                negative=negative,
                seed_image=seed_image,
                denoising=denoising,
                guidance=guidance,
                steps=steps,
                bpm=tempo,
                **({} if seed is None else {"seed": seed}),
            )
            await perform(interaction, takes(first, count))

    @riff.autocomplete("seed_image")
    async def _suggest_seed_image(
        self, interaction: discord.Interaction[RiffBot], current: str
    ) -> list[app_commands.Choice[str]]:
        return suggestions(interaction.client, current)


def suggestions(bot: RiffBot, typed: str) -> list[app_commands.Choice[str]]:
    """The bundled loops whose name, title or mood holds what was typed so far."""
    images = bot.services.images
    wanted = typed.strip().lower()
    found = []
    for name in images.names():
        seed = images.bundled(name)
        text = join(seed.title, f"{number(seed.bpm)} bpm", seed.mood)
        if wanted in f"{name} {text}".lower():
            found.append(app_commands.Choice(name=text[:100], value=name))
    return found[:CHOICES]


async def setup(bot: RiffBot) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(Riffs(bot))
