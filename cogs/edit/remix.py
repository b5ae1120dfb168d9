"""/remix, /draw, /replay and the message command “Remix this riff”."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from cogs.common.attachments import choose_attachment
from cogs.common.errors import reporting_errors
from cogs.common.generation import generate_and_post, generate_from_source
from cogs.common.options import (
    Chords,
    Denoising,
    Guidance,
    KeyName,
    OptionalText,
    Prompt,
    Seed,
    StartSeconds,
    command_anywhere,
)
from cogs.common.remix_modal import RemixModal
from cogs.common.rules import require_allowed
from cogs.common.sources import (
    acknowledging,
    authorise_replay,
    download_attachment,
    resolve_source,
    source_from_upload,
)
from cogs.common.visibility import (
    audience_id_of,
    author_of,
    origin_of,
    require_unrestricted,
)
from riffbot.clips import edits
from riffbot.file_threads import run_in_file_thread
from riffbot.generation_options import GenerationOptions
from riffbot.library.types import Author, Origin
from riffbot.request import DEFAULT_DENOISING

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

MENU_NAME = "Remix this riff"


class RemixCog(commands.Cog, name="remix"):
    """Edits of a whole riff, upload or picture."""

    def __init__(self, bot: RiffBot) -> None:
        self.bot = bot
        self._menu = app_commands.ContextMenu(name=MENU_NAME, callback=self.remix_message)

    async def cog_load(self) -> None:
        """Add the message command, which discord.py does not find in a cog."""
        app_commands.allowed_installs(guilds=True, users=True)(self._menu)
        app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)(self._menu)
        self.bot.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        """Remove the message command."""
        self.bot.tree.remove_command(MENU_NAME, type=self._menu.type)

    async def remix_message(
        self, interaction: discord.Interaction[RiffBot], message: discord.Message
    ) -> None:
        """Remix a message's riff, or anybody's sound or picture in it."""
        async with reporting_errors(interaction):
            await require_allowed(interaction)
            riff = await interaction.client.services.library.riffs.find_by_message(message.id)
            if riff is not None:
                edits.check_remix_allowed(riff, interaction.user.id)
                require_unrestricted(interaction, riff)
                await interaction.response.send_modal(RemixModal.of_riff(riff))
                return
            attachment = choose_attachment(message)
            author = message.author
            if author == self.bot.user and message.interaction_metadata is not None:
                author = message.interaction_metadata.user  # who gave the command
            brought_by = Author(author.id, author.display_name, interaction.guild_id)
            channel = message.channel
            origin = Origin(
                channel_id=channel.id,
                audience_id=audience_id_of(channel, channel.id),
                message_id=message.id,
            )
            await interaction.response.send_modal(
                RemixModal.of_upload(attachment, brought_by, origin, message.id)
            )

    @command_anywhere("remix")
    async def remix(
        self,
        interaction: discord.Interaction[RiffBot],
        *,
        prompt: Prompt,
        riff: str | None = None,
        upload: discord.Attachment | None = None,
        negative: OptionalText = "",
        denoising: Denoising = DEFAULT_DENOISING,
        guidance: Guidance | None = None,
        seed: Seed | None = None,
        start: StartSeconds = 0.0,
        key: KeyName | None = None,
        chords: Chords | None = None,
    ) -> None:
        """Generate with img2img from a riff or an upload."""
        async with reporting_errors(interaction), acknowledging(interaction):
            resolved = await resolve_source(interaction, riff, upload, start=start)
            options = GenerationOptions.build(
                prompt=prompt,
                negative=negative,
                seed=seed,
                denoising=denoising,
                guidance=guidance,
                key=key,
                chords=chords,
            )
            request = edits.remix(resolved.source, options)
            await generate_from_source(interaction, resolved, request)

    @command_anywhere("draw")
    async def draw(
        self,
        interaction: discord.Interaction[RiffBot],
        *,
        picture: discord.Attachment,
        prompt: OptionalText = "",
        seconds: app_commands.Range[float, 0.64, 20.48] | None = None,
        negative: OptionalText = "",
        denoising: Denoising = DEFAULT_DENOISING,
        seed: Seed | None = None,
    ) -> None:
        """Play a picture as a spectrogram, with or without diffusion on top."""
        async with reporting_errors(interaction), acknowledging(interaction):
            author, origin = author_of(interaction), origin_of(interaction)
            resolved = await source_from_upload(
                interaction, picture, author, origin, seconds=seconds, drawing=True
            )
            options = GenerationOptions.build(
                prompt=prompt.strip() or None, negative=negative, seed=seed, denoising=denoising
            )
            request = edits.draw(resolved.source, options)
            await generate_from_source(interaction, resolved, request)

    @command_anywhere("replay")
    async def replay(
        self, interaction: discord.Interaction[RiffBot], *, file: discord.Attachment
    ) -> None:
        """Make a clip again from the recipe in its file; the library need not have it."""
        async with reporting_errors(interaction), acknowledging(interaction):
            clip_service = interaction.client.services.clip_service
            await require_allowed(interaction)
            async with interaction.client.upload_slots:  # downloads take memory, too
                data = await download_attachment(file)
                recipe = await run_in_file_thread(clip_service.replayer.read_recipe, data)
            known = await authorise_replay(interaction, data, recipe)
            recipe = await clip_service.replayer.restore_sources(
                recipe, author=author_of(interaction)
            )
            await generate_and_post(
                interaction,
                [recipe.request],
                parent=known.id if known is not None else None,
                heading=" ".join(["Made again from its file.", recipe.differs]).strip(),
                model_hash=recipe.model_hash,
            )


async def setup(bot: RiffBot) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(RemixCog(bot))
