"""/riff: generates riffs from a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from cogs.common.buttons import CancelButton
from cogs.common.errors import reporting_errors
from cogs.common.generation import generate_and_post
from cogs.common.options import (
    Chords,
    Denoising,
    Guidance,
    KeyName,
    OptionalText,
    Prompt,
    Seed,
    check_seed_image,
    command_anywhere,
    suggest_seed_images,
)
from cogs.riff._buttons import ClipButton
from riffbot.generation_options import GenerationOptions
from riffbot.request import DEFAULT_DENOISING, build_takes

if TYPE_CHECKING:
    from riffbot.bot import RiffBot


class RiffCog(commands.Cog, name="riff"):
    """The /riff command; registers the buttons under riffs."""

    def __init__(self, bot: RiffBot) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        """Handle the buttons of all messages, those from before this start included."""
        self.bot.add_dynamic_items(ClipButton, CancelButton)

    @command_anywhere("riff")
    @app_commands.autocomplete(seed_image=suggest_seed_images)
    async def riff(
        self,
        interaction: discord.Interaction[RiffBot],
        *,
        prompt: Prompt,
        negative: OptionalText = "",
        seed: Seed | None = None,
        seed_image: str | None = None,
        denoising: Denoising = DEFAULT_DENOISING,
        guidance: Guidance | None = None,
        steps: app_commands.Range[int, 1, 200] | None = None,
        count: app_commands.Range[int, 1, 4] = 1,
        tempo: app_commands.Range[float, 40, 240] | None = None,
        key: KeyName | None = None,
        chords: Chords | None = None,
    ) -> None:
        """Generate one to four riffs."""
        async with reporting_errors(interaction):
            check_seed_image(interaction.client, seed_image)
            options = GenerationOptions.build(
                prompt=prompt,
                negative=negative,
                seed=seed,
                seed_image=seed_image,
                denoising=denoising,
                guidance=guidance,
                steps=steps,
                bpm=tempo,
                key=key,
                chords=chords,
            )
            requests = build_takes(options.build_request(), count)
            await generate_and_post(interaction, requests)


async def setup(bot: RiffBot) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(RiffCog(bot))
