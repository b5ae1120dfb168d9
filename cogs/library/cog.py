"""/library: lists, shows, traces, exports and deletes riffs."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from cogs.common.audit import describe_deleted, record
from cogs.common.cleanup import delete_messages, refresh_credits
from cogs.common.delivery import send_ephemeral
from cogs.common.errors import reporting_errors
from cogs.common.formatting import ACCENT
from cogs.common.i18n import command_description, option_descriptions
from cogs.common.markdown import escape_line
from cogs.common.options import suggest_own_riffs, suggest_riffs
from cogs.common.permissions import may_delete_riff
from cogs.common.riff_lookup import find_riff
from cogs.common.rules import require_postable
from cogs.common.sources import acknowledging
from cogs.common.visibility import is_restricted_here, viewer_of
from cogs.library._pages import (
    MAX_SEARCH,
    LibraryQuery,
    PageButton,
    RiffSelect,
    send_first_page,
    show_riff,
)
from riffbot.clips.export import FORMATS, export
from riffbot.clips.lineage import draw_family_tree, format_family_tree
from riffbot.errors import BadRequest
from riffbot.rendering import heading

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

_MAX_TREE = 3800
"""Characters of a family tree in an embed, whose description holds 4096."""

_TREE_WIDTH = 50
"""Characters that fit on one line of an embed."""

_MAX_ALT = 1000
"""Characters of an alternative text; Discord allows 1024."""


@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
class LibraryCog(commands.GroupCog, name="library", description=command_description("library")):
    """The commands of the library."""

    def __init__(self, bot: RiffBot) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        """Handle the buttons of all pages, those from before this start included."""
        self.bot.add_dynamic_items(PageButton, RiffSelect)

    @app_commands.command(name="mine", description=command_description("library mine"))
    async def mine(self, interaction: discord.Interaction[RiffBot]) -> None:
        """List the asker's riffs."""
        async with reporting_errors(interaction):
            await send_first_page(interaction, LibraryQuery("m"))

    @app_commands.command(name="server", description=command_description("library server"))
    async def server(self, interaction: discord.Interaction[RiffBot]) -> None:
        """List the server's riffs."""
        async with reporting_errors(interaction):
            await send_first_page(interaction, LibraryQuery("s"))

    @app_commands.command(name="favourites", description=command_description("library favourites"))
    async def favourites(self, interaction: discord.Interaction[RiffBot]) -> None:
        """List the asker's favourites."""
        async with reporting_errors(interaction):
            await send_first_page(interaction, LibraryQuery("f"))

    @app_commands.command(name="search", description=command_description("library search"))
    @app_commands.describe(**option_descriptions("library search"))
    async def search(
        self,
        interaction: discord.Interaction[RiffBot],
        *,
        words: app_commands.Range[str, 1, MAX_SEARCH],
        mine: bool = False,
    ) -> None:
        """List riffs whose prompt contains words."""
        async with reporting_errors(interaction):
            own = mine or interaction.guild_id is None
            await send_first_page(interaction, LibraryQuery("m" if own else "s", words.strip()))

    @app_commands.command(name="show", description=command_description("library show"))
    @app_commands.describe(**option_descriptions("library show", "riff"))
    @app_commands.autocomplete(riff=suggest_riffs)
    async def show(
        self, interaction: discord.Interaction[RiffBot], *, riff: str, private: bool = False
    ) -> None:
        """Post a riff again, or show it to the asker alone."""
        async with reporting_errors(interaction):
            if private:
                await interaction.response.defer(ephemeral=True, thinking=True)
                await show_riff(interaction, (await find_riff(interaction, riff)).id)
                return
            async with acknowledging(interaction, "Fetching that riff …"):
                found = await find_riff(interaction, riff)
                await require_postable(interaction, found)
                await show_riff(interaction, found.id)

    @app_commands.command(name="lineage", description=command_description("library lineage"))
    @app_commands.describe(**option_descriptions("library lineage", "riff"))
    @app_commands.autocomplete(riff=suggest_riffs)
    async def lineage(self, interaction: discord.Interaction[RiffBot], *, riff: str) -> None:
        """Post the family tree as a picture and as text."""
        async with (
            reporting_errors(interaction),
            acknowledging(interaction, "Drawing the family tree …"),
        ):
            library, clip_service = self.bot.services.library, self.bot.services.clip_service
            found = await find_riff(interaction, riff)
            await require_postable(interaction, found)
            family = (await library.riffs.family(found.id)).redact_for(
                viewer_of(interaction),
                is_hidden=lambda member: is_restricted_here(interaction, member),
            )
            text = format_family_tree(family, width=_TREE_WIDTH, ids=False)
            tree = await asyncio.to_thread(
                lambda: draw_family_tree(family, clip_service.importer.thumbnails(family.members))
            )
            embed = discord.Embed(
                title=f"The family of {escape_line(heading(family.riff.request), 200)}",
                description=f"```\n{_code_block_text(text)}\n```",
                colour=ACCENT,
            )
            embed.set_image(url="attachment://family.png")
            picture = discord.File(
                io.BytesIO(tree), "family.png", description=f"Family tree: {text}"[:_MAX_ALT]
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
        """Send a riff as a file that only the asker sees."""
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
                file=discord.File(io.BytesIO(data), name, description=clip.alt[:_MAX_ALT]),
                ephemeral=True,
            )

    @app_commands.command(name="delete", description=command_description("library delete"))
    @app_commands.describe(**option_descriptions("library delete", "riff"))
    @app_commands.autocomplete(riff=suggest_own_riffs)
    async def delete(self, interaction: discord.Interaction[RiffBot], *, riff: str) -> None:
        """Delete a riff and its messages."""
        async with reporting_errors(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            library = self.bot.services.library
            found = await find_riff(interaction, riff)
            if not may_delete_riff(interaction, found):
                raise BadRequest("Only the one who made it, or a moderator, can delete this riff.")
            deletion = await library.riffs.delete(found.id)
            await record(interaction, "deleted", found.id, describe_deleted(interaction, found))
            remaining = await delete_messages(self.bot, deletion)
            await send_ephemeral(
                interaction,
                f"`#{found.id}` is deleted."
                + (" Discord keeps its message: please remove that by hand." if remaining else ""),
            )
            await refresh_credits(self.bot, deletion)


def _code_block_text(text: str) -> str:
    """A tree for a code block: without backticks, which would end it, and not too long."""
    lines = text.replace("`", "ˋ").splitlines()
    while sum(len(line) + 1 for line in lines) > _MAX_TREE:
        lines = [*lines[:-2], "…"]
    return "\n".join(lines)


async def setup(bot: RiffBot) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(LibraryCog(bot))
