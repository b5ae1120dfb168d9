"""/remix, /draw, /replay and “Remix this riff”: from one sound or picture to another."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from cogs._actions import RemixModal
from cogs._errors import answered
from cogs._session import perform
from cogs._starts import (
    chosen,
    fetched,
    from_upload,
    may_replay,
    preparing,
    suggested,
    usable,
)
from cogs._viewer import audience_of, origin_of
from cogs._words import describe, describe_options
from riffbot import remixing
from riffbot.library.records import Author, Origin
from riffbot.remixing import DENOISING_WORDS
from riffbot.request import DEFAULT_DENOISING, MAX_PROMPT, MAX_SEED

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

Prompt = app_commands.Range[str, 1, MAX_PROMPT]
Negative = app_commands.Range[str, 0, MAX_PROMPT]
Seed = app_commands.Range[int, 0, MAX_SEED]
Denoising = app_commands.Range[float, 0, 1]
Guidance = app_commands.Range[float, 1, 30]

MENU = "Remix this riff"


class Remixes(commands.Cog, name="remix"):
    """Starting from what is there."""

    def __init__(self, bot: RiffBot) -> None:
        self.bot = bot
        self._menu = app_commands.ContextMenu(name=MENU, callback=self.remix_message)

    async def cog_load(self) -> None:
        """A cog's message command has to be added by hand."""
        app_commands.allowed_installs(guilds=True, users=True)(self._menu)
        app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)(self._menu)
        self.bot.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        """And taken away again."""
        self.bot.tree.remove_command(MENU, type=self._menu.type)

    async def remix_message(
        self, interaction: discord.Interaction[RiffBot], message: discord.Message
    ) -> None:
        """Remix what a message carries: a riff, or anybody's sound or picture."""
        async with answered(interaction):
            riff = await interaction.client.services.library.of_message(message.id)
            if riff is not None:
                remixing.permit(riff, interaction.user.id)
                await interaction.response.send_modal(RemixModal.of_riff(riff))
                return
            attachment = usable(message)
            author = message.author
            if author == self.bot.user and message.interaction_metadata is not None:
                author = message.interaction_metadata.user  # who had it shown here
            brought = Author(author.id, author.display_name, interaction.guild_id)
            here = message.channel
            origin = Origin(
                channel_id=here.id,
                audience_id=audience_of(here, here.id),
                message_id=message.id,
            )
            await interaction.response.send_modal(
                RemixModal.of_upload(attachment, brought, origin, message.id)
            )

    @app_commands.command(name="remix", description=describe("remix"))
    @app_commands.describe(
        **describe_options(
            "remix", "riff", "upload", "negative", "denoising", "guidance", "seed", "start"
        )
    )
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def remix(
        self,
        interaction: discord.Interaction[RiffBot],
        *,
        prompt: Prompt,
        riff: str | None = None,
        upload: discord.Attachment | None = None,
        negative: Negative = "",
        denoising: Denoising = DEFAULT_DENOISING,
        guidance: Guidance | None = None,
        seed: Seed | None = None,
        start: app_commands.Range[float, 0, 600] = 0.0,
    ) -> None:
        """Img2img from a riff or an upload."""
        async with answered(interaction), preparing(interaction):
            begin = await chosen(interaction, riff, upload, start=start)
            request = remixing.remix(
                begin.start,
                prompt,
                negative=negative,
                denoising=denoising,
                guidance=guidance,
                seed=seed,
            )
            await perform(interaction, [request], parent=begin.start.riff_id, heading=begin.note)

    @app_commands.command(name="draw", description=describe("draw"))
    @app_commands.describe(**describe_options("draw", "negative", "denoising", "seed"))
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def draw(
        self,
        interaction: discord.Interaction[RiffBot],
        *,
        picture: discord.Attachment,
        prompt: Negative = "",
        seconds: app_commands.Range[float, 0.64, 20.48] | None = None,
        negative: Negative = "",
        denoising: Denoising = DEFAULT_DENOISING,
        seed: Seed | None = None,
    ) -> None:
        """A picture as sound, with or without diffusion on top."""
        async with answered(interaction), preparing(interaction):
            author = Author(
                interaction.user.id, interaction.user.display_name, interaction.guild_id
            )
            begin = await from_upload(
                interaction, picture, author, origin_of(interaction), seconds=seconds, drawing=True
            )
            request = remixing.draw(
                begin.start,
                prompt,
                negative=negative,
                denoising=denoising,
                seed=seed,
            )
            await perform(interaction, [request], parent=begin.start.riff_id, heading=begin.note)

    @app_commands.command(name="replay", description=describe("replay"))
    @app_commands.describe(**describe_options("replay"))
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def replay(
        self, interaction: discord.Interaction[RiffBot], *, file: discord.Attachment
    ) -> None:
        """Make a clip again from its file, wherever its database is."""
        async with answered(interaction), preparing(interaction):
            user = interaction.user
            author = Author(user.id, user.display_name, interaction.guild_id)
            studio = interaction.client.services.studio
            async with interaction.client.reading:  # what is fetched takes memory, too
                data = await fetched(file)
                recipe = await asyncio.to_thread(studio.recipe_in, data)
            known = await may_replay(interaction, data, recipe)
            recipe = await studio.revive(recipe, author=author)
            await perform(
                interaction,
                [recipe.request],
                parent=known.id if known is not None else None,
                heading="Made again from its file.",
                weights=recipe.model_hash,
            )

    @remix.autocomplete("riff")
    async def _suggest_riff(
        self, interaction: discord.Interaction[RiffBot], current: str
    ) -> list[app_commands.Choice[str]]:
        return await suggested(interaction, current)

    @remix.autocomplete("denoising")
    @draw.autocomplete("denoising")
    async def _suggest_denoising(
        self, _: discord.Interaction[RiffBot], current: float | str
    ) -> list[app_commands.Choice[float]]:
        return strengths(str(current))


def strengths(typed: str) -> list[app_commands.Choice[float]]:
    """How far to go, with the words of the prompt guide; what was typed itself stands first."""
    choices = [app_commands.Choice(name=words, value=value) for value, words in DENOISING_WORDS]
    begun = [choice for choice in choices if choice.name.startswith(typed)]
    return begun or choices


async def setup(bot: RiffBot) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(Remixes(bot))
