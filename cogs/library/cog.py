"""/library: find what was made, trace it, take it along, let it go."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from cogs.common.actions import may_delete
from cogs.common.cleanup import delete_messages, refresh_credits
from cogs.common.delivery import send_ephemeral
from cogs.common.errors import reporting_errors
from cogs.common.formatting import ACCENT
from cogs.common.i18n import command_description, option_descriptions
from cogs.common.markdown import escape_line
from cogs.common.options import suggest_own_riffs, suggest_riffs
from cogs.common.sources import acknowledging, find_riff
from cogs.common.visibility import viewer_of
from cogs.library._pages import WORDS, OpenSelect, Shelf, TurnButton, open_shelf, show
from riffbot.clips.export import FORMATS, export
from riffbot.clips.lineage import draw_family_tree, format_family_tree
from riffbot.errors import BadRequest
from riffbot.rendering import heading

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

_TEXT = 3800
"""Characters of a tree in an embed, which holds 4096."""

_WIDTH = 50
"""Characters that stand beside each other in an embed."""

_ALT = 1000


@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
class Shelves(
    commands.GroupCog, group_name="library", group_description=command_description("library")
):
    """The library's desk."""

    def __init__(self, bot: RiffBot) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        """Make the pages that are open anywhere turn again."""
        self.bot.add_dynamic_items(TurnButton, OpenSelect)

    @app_commands.command(name="mine", description=command_description("library mine"))
    async def mine(self, interaction: discord.Interaction[RiffBot]) -> None:
        """The asker's riffs."""
        async with reporting_errors(interaction):
            await open_shelf(interaction, Shelf("m"))

    @app_commands.command(name="server", description=command_description("library server"))
    async def server(self, interaction: discord.Interaction[RiffBot]) -> None:
        """The server's riffs."""
        async with reporting_errors(interaction):
            await open_shelf(interaction, Shelf("s"))

    @app_commands.command(name="favourites", description=command_description("library favourites"))
    async def favourites(self, interaction: discord.Interaction[RiffBot]) -> None:
        """What the asker saved."""
        async with reporting_errors(interaction):
            await open_shelf(interaction, Shelf("f"))

    @app_commands.command(name="search", description=command_description("library search"))
    @app_commands.describe(**option_descriptions("library search"))
    async def search(
        self,
        interaction: discord.Interaction[RiffBot],
        *,
        words: app_commands.Range[str, 1, WORDS],
        mine: bool = False,
    ) -> None:
        """By words of the prompts."""
        async with reporting_errors(interaction):
            own = mine or interaction.guild_id is None
            await open_shelf(interaction, Shelf("m" if own else "s", words.strip()))

    @app_commands.command(name="show", description=command_description("library show"))
    @app_commands.describe(**option_descriptions("library show", "riff"))
    @app_commands.autocomplete(riff=suggest_riffs)
    async def show(
        self, interaction: discord.Interaction[RiffBot], *, riff: str, private: bool = False
    ) -> None:
        """A riff again."""
        async with reporting_errors(interaction):
            if private:
                await interaction.response.defer(ephemeral=True, thinking=True)
                await show(interaction, (await find_riff(interaction, riff)).id)
                return
            async with acknowledging(interaction, "Fetching that riff …"):
                await show(interaction, (await find_riff(interaction, riff)).id)

    @app_commands.command(name="lineage", description=command_description("library lineage"))
    @app_commands.describe(**option_descriptions("library lineage", "riff"))
    @app_commands.autocomplete(riff=suggest_riffs)
    async def lineage(self, interaction: discord.Interaction[RiffBot], *, riff: str) -> None:
        """The family tree, drawn and in words."""
        async with (
            reporting_errors(interaction),
            acknowledging(interaction, "Drawing the family tree …"),
        ):
            library, clip_service = self.bot.services.library, self.bot.services.clip_service
            family = await library.riffs.family((await find_riff(interaction, riff)).id)
            family = family.redact_for(viewer_of(interaction))
            text = format_family_tree(family, width=_WIDTH, ids=False)
            tree = await asyncio.to_thread(
                lambda: draw_family_tree(family, clip_service.importer.thumbnails(family.members))
            )
            embed = discord.Embed(
                title=f"The family of {escape_line(heading(family.riff.request), 200)}",
                description=f"```\n{_fenced(text)}\n```",
                colour=ACCENT,
            )
            embed.set_image(url="attachment://family.png")
            picture = discord.File(
                io.BytesIO(tree), "family.png", description=f"Family tree: {text}"[:_ALT]
            )
            await interaction.edit_original_response(embed=embed, attachments=[picture])

    @app_commands.command(name="export", description=command_description("library export"))
    @app_commands.describe(**option_descriptions("library export", "riff"))
    @app_commands.autocomplete(riff=suggest_riffs)
    @app_commands.choices(
        format=[
            app_commands.Choice(name=app_commands.locale_str(words), value=name)
            for name, words in FORMATS.items()
        ]
    )
    async def export(
        self,
        interaction: discord.Interaction[RiffBot],
        *,
        riff: str,
        format: app_commands.Choice[str],
    ) -> None:
        """A riff as a file."""
        async with reporting_errors(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            found = await find_riff(interaction, riff)
            clip = await self.bot.services.clip_service.clip(found.id)
            name, data = await asyncio.to_thread(
                export, clip, format.value, self.bot.services.settings.loudness_lufs
            )
            if len(data) > interaction.filesize_limit:
                raise BadRequest(
                    f"As {format.value.upper()} it has {len(data) / 1024**2:.0f} MB, more than "
                    "may be uploaded here; MP3 is the smallest with sound."
                )
            await interaction.followup.send(
                file=discord.File(io.BytesIO(data), name, description=clip.alt[:_ALT]),
                ephemeral=True,
            )

    @app_commands.command(name="delete", description=command_description("library delete"))
    @app_commands.describe(**option_descriptions("library delete", "riff"))
    @app_commands.autocomplete(riff=suggest_own_riffs)
    async def delete(self, interaction: discord.Interaction[RiffBot], *, riff: str) -> None:
        """Let a riff go, and its message with it."""
        async with reporting_errors(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            library = self.bot.services.library
            found = await find_riff(interaction, riff)
            if not may_delete(interaction, found):
                raise BadRequest("Only the one who made it, or a moderator, can delete this riff.")
            farewell = await library.riffs.delete(found.id)
            stay = await delete_messages(self.bot, farewell)
            await send_ephemeral(
                interaction,
                f"`#{found.id}` is deleted."
                + (" Discord keeps its message: please remove that by hand." if stay else ""),
            )
            await refresh_credits(self.bot, farewell)


def _fenced(text: str) -> str:
    """A tree inside a code block, which a prompt may not end."""
    lines = text.replace("`", "ˋ").splitlines()
    while sum(len(line) + 1 for line in lines) > _TEXT:
        lines = [*lines[:-2], "…"]
    return "\n".join(lines)


async def setup(bot: RiffBot) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(Shelves(bot))
