"""A page of the library as a message: a line a riff, a menu to open one, buttons to turn."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import discord

from cogs.common.cards import Card
from cogs.common.clip_cards import clip_cards
from cogs.common.delivery import is_too_large, send_ephemeral
from cogs.common.formatting import ACCENT, join_parts
from cogs.common.markdown import escape_line, escape_markdown
from cogs.common.persistent import PersistentButton, PersistentSelect
from cogs.common.visibility import get_visible_riff, origin_of, viewer_of, visible_to_all
from riffbot.clips.lineage import describe_edit
from riffbot.errors import BadRequest
from riffbot.library.models import StoredRiff
from riffbot.library.queries import Page
from riffbot.rendering import heading

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

LINES = 10
WORDS = 60
"""Characters of a search: a button carries them, and Discord allows it a hundred in all."""

ICONS = {
    "riff": "🎵",
    "remix": "🎛️",
    "inpaint": "🖌️",
    "extend": "⏩",
    "morph": "🌗",
    "layer": "🥪",
    "draw": "✏️",
    "upload": "📎",
}


@dataclass(frozen=True)
class Shelf:
    """Which riffs are shown.

    Attributes:
        whose: `m` the asker's, `s` the server's, `f` the asker's favourites.
        words: of a search; empty for all.
        turned: `o` older or `n` newer than `riff_id`; empty for the first page.
        riff_id: the riff to turn from.
    """

    whose: str
    words: str = ""
    turned: str = ""
    riff_id: str = ""

    @property
    def name(self) -> str:
        """What stands above it."""
        whose = {"m": "Your riffs", "s": "This server's riffs", "f": "Your favourites"}[self.whose]
        return f"{whose} with “{self.words}”" if self.words else whose

    async def page(self, interaction: discord.Interaction[RiffBot]) -> Page:
        """Ask the library. Raises BadRequest where there is no server."""
        user = interaction.user.id
        if self.whose == "s" and interaction.guild_id is None:
            raise BadRequest("There is no server here: `/library mine` shows your own riffs.")
        return await interaction.client.services.library.riffs.page(
            author_id=user if self.whose == "m" else None,
            guild_id=interaction.guild_id if self.whose == "s" else None,
            saved_by=user if self.whose == "f" else None,
            viewer=viewer_of(interaction),
            text=self.words,
            older_than=self.riff_id if self.turned == "o" else None,
            newer_than=self.riff_id if self.turned == "n" else None,
            limit=LINES,
        )


class TurnButton(
    PersistentButton,
    template=r"library:(?P<whose>[msf]):(?P<turned>[on]):(?P<riff>[0-9a-z]{1,12}):(?P<words>.{0,60})",
):
    """Turns the page in the same message."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__(
            discord.ui.Button(
                label="Newer" if shelf.turned == "n" else "Older",
                emoji="◀️" if shelf.turned == "n" else "▶️",
                custom_id=f"library:{shelf.whose}:{shelf.turned}:{shelf.riff_id}:{shelf.words}",
                row=1,
            )
        )
        self.shelf = shelf

    @classmethod
    def from_match(cls, match: re.Match[str]) -> TurnButton:
        return cls(Shelf(match["whose"], match["words"], match["turned"], match["riff"]))

    async def on_click(self, interaction: discord.Interaction[Any]) -> None:
        """Show what lies on that side."""
        page = await self.shelf.page(interaction)
        await interaction.response.edit_message(
            embed=shelf_embed(self.shelf, page), view=shelf_view(self.shelf, page)
        )


class OpenSelect(PersistentSelect, template=r"library:open"):
    """Opens a riff of the page, for whoever asks."""

    def __init__(self, riffs: tuple[StoredRiff, ...] = ()) -> None:
        super().__init__(
            discord.ui.Select(
                custom_id="library:open",
                placeholder="Open one, with sound and buttons",
                options=[
                    discord.SelectOption(
                        label=" ".join(heading(riff.request).split())[:100],
                        value=riff.id,
                        emoji=ICONS.get(riff.kind),
                        description=join_parts(
                            riff.author.name[:40], describe_edit(riff), f"#{riff.id}"
                        )[:100],
                    )
                    for riff in riffs
                ]
                or [discord.SelectOption(label="…", value="-")],
                row=0,
            )
        )

    @classmethod
    def from_match(cls, match: re.Match[str]) -> OpenSelect:
        return cls()

    async def on_click(self, interaction: discord.Interaction[Any]) -> None:
        """Show the chosen riff to the asker alone."""
        data: Any = interaction.data or {}
        await interaction.response.defer(ephemeral=True, thinking=True)
        riff = await get_visible_riff(interaction, str((data.get("values") or ["-"])[0]))
        await show(interaction, riff.id)


async def show(interaction: discord.Interaction[RiffBot], riff_id: str) -> None:
    """Put a stored riff in place of the first answer, as rich as Discord takes it here.

    The asker may see it, and the interaction is acknowledged: a riff is megabytes, and Discord
    waits three seconds for the first answer, upload included.
    """
    clip = await interaction.client.services.clip_service.clip(riff_id)
    here = origin_of(interaction)
    is_visible = visible_to_all(interaction.guild, here.audience_id if here is not None else None)
    *richer, plainest = clip_cards(clip, interaction.filesize_limit, is_visible=is_visible)
    for card in richer:
        try:
            await _replace_answer(interaction, card)
        except discord.HTTPException as error:
            if not is_too_large(error):
                raise
        else:
            return
    await _replace_answer(interaction, plainest)


async def _replace_answer(interaction: discord.Interaction[RiffBot], card: Card) -> None:
    await interaction.edit_original_response(
        **card.with_command_mentions(interaction.client).edit_arguments()
    )


async def open_shelf(interaction: discord.Interaction[RiffBot], shelf: Shelf) -> None:
    """Answer with the first page of a shelf, for the asker alone."""
    await interaction.response.defer(ephemeral=True, thinking=True)
    page = await shelf.page(interaction)
    if not page.riffs:
        await send_ephemeral(interaction, _nothing(shelf))
        return
    await interaction.followup.send(
        embed=shelf_embed(shelf, page), view=shelf_view(shelf, page), ephemeral=True
    )


def shelf_embed(shelf: Shelf, page: Page) -> discord.Embed:
    """The page in words."""
    lines = [_line(riff, page.likes.get(riff.id, 0)) for riff in page.riffs]
    return discord.Embed(
        title=escape_line(shelf.name),
        description="\n".join(lines) or "Nothing more.",
        colour=ACCENT,
    )


def shelf_view(shelf: Shelf, page: Page) -> discord.ui.View:
    """The menu and the buttons."""
    view = discord.ui.View(timeout=None)
    if page.riffs:
        view.add_item(OpenSelect(page.riffs))
    for turned, riff_id in (("n", page.newer), ("o", page.older)):
        if riff_id is not None:
            view.add_item(TurnButton(replace(shelf, turned=turned, riff_id=riff_id)))
    return view


def _line(riff: StoredRiff, likes: int) -> str:
    when = discord.utils.format_dt(riff.created_at, "R")
    about = join_parts(
        escape_line(riff.author.name, 40),
        describe_edit(riff),
        f"{riff.duration_s:.1f} s",
        when,
        f"⭐ {likes}" if likes else None,
        None if riff.remix_allowed else "🔒",
    )
    icon, words = ICONS.get(riff.kind, "🎵"), escape_line(heading(riff.request), 90)
    return f"{icon} **{words}**\n{about} · `#{riff.id}`"


def _nothing(shelf: Shelf) -> str:
    if shelf.words:
        words = escape_markdown(shelf.words)
        return f"I found nothing with “{words}”; try fewer words, or the beginning of one."
    if shelf.whose == "f":
        return (
            "You have saved nothing yet: ⭐ **Save** under a riff keeps it here. What you saved on "
            "another server is shown there."
        )
    return "There is nothing here yet: `/riff` makes the first."
