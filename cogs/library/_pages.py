"""A page of the library: one line for each riff, a menu to open one, buttons for other pages."""

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
from riffbot.library.queries import Page
from riffbot.library.tables import StoredRiff
from riffbot.rendering import heading

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

PAGE_SIZE = 10
MAX_SEARCH = 60
"""Characters of a search: they are a part of a custom id, which has a hundred at most."""

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
class LibraryQuery:
    """Which riffs a page lists. All of it fits into a custom id.

    Attributes:
        scope: `m` the asker's riffs, `s` the server's, `f` the asker's favourites.
        text: words to search for; empty for all riffs.
        direction: `o` older or `n` newer than the cursor; empty for the first page.
        cursor: id of the riff where the page begins, exclusive.
    """

    scope: str
    text: str = ""
    direction: str = ""
    cursor: str = ""

    @property
    def title(self) -> str:
        """The title of the page, not escaped."""
        title = {"m": "Your riffs", "s": "This server's riffs", "f": "Your favourites"}[self.scope]
        return f"{title} with “{self.text}”" if self.text else title

    async def fetch(self, interaction: discord.Interaction[RiffBot]) -> Page:
        """Fetch the page from the library. Raises BadRequest where there is no server."""
        user_id = interaction.user.id
        if self.scope == "s" and interaction.guild_id is None:
            raise BadRequest("There is no server here: `/library mine` shows your own riffs.")
        return await interaction.client.services.library.riffs.page(
            author_id=user_id if self.scope == "m" else None,
            guild_id=interaction.guild_id if self.scope == "s" else None,
            saved_by=user_id if self.scope == "f" else None,
            viewer=viewer_of(interaction),
            text=self.text,
            older_than=self.cursor if self.direction == "o" else None,
            newer_than=self.cursor if self.direction == "n" else None,
            limit=PAGE_SIZE,
        )


class PageButton(
    PersistentButton,
    template=r"library:(?P<scope>[msf]):(?P<direction>[on]):(?P<cursor>[0-9a-z]{1,12}):(?P<text>.{0,60})",
):
    """Shows an older or newer page in the same message."""

    def __init__(self, query: LibraryQuery) -> None:
        super().__init__(
            discord.ui.Button(
                label="Newer" if query.direction == "n" else "Older",
                emoji="◀️" if query.direction == "n" else "▶️",
                custom_id=f"library:{query.scope}:{query.direction}:{query.cursor}:{query.text}",
                row=1,
            )
        )
        self.query = query

    @classmethod
    def from_match(cls, match: re.Match[str]) -> PageButton:
        return cls(LibraryQuery(match["scope"], match["text"], match["direction"], match["cursor"]))

    async def on_click(self, interaction: discord.Interaction[Any]) -> None:
        """Fetch and show the page."""
        page = await self.query.fetch(interaction)
        await interaction.response.edit_message(
            embed=page_embed(self.query, page), view=page_view(self.query, page)
        )


class RiffSelect(PersistentSelect, template=r"library:open"):
    """Shows a riff of the page to whoever picks it."""

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
    def from_match(cls, match: re.Match[str]) -> RiffSelect:
        return cls()

    async def on_click(self, interaction: discord.Interaction[Any]) -> None:
        """Show the riff to the member alone."""
        data: Any = interaction.data or {}
        await interaction.response.defer(ephemeral=True, thinking=True)
        riff = await get_visible_riff(interaction, str((data.get("values") or ["-"])[0]))
        await show_riff(interaction, riff.id)


async def show_riff(interaction: discord.Interaction[RiffBot], riff_id: str) -> None:
    """Edit the response to show a stored riff, with as many files as Discord accepts here.

    The caller has checked that the asker may see it, and acknowledged the interaction: a riff is
    megabytes, and Discord waits three seconds for the first response, uploads included.
    """
    clip = await interaction.client.services.clip_service.clip(riff_id)
    origin = origin_of(interaction)
    is_visible = visible_to_all(interaction.guild, origin.audience_id if origin else None)
    *richer, plainest = clip_cards(clip, interaction.filesize_limit, is_visible=is_visible)
    for card in richer:
        try:
            await _edit_response(interaction, card)
        except discord.HTTPException as error:
            if not is_too_large(error):
                raise
        else:
            return
    await _edit_response(interaction, plainest)


async def _edit_response(interaction: discord.Interaction[RiffBot], card: Card) -> None:
    await interaction.edit_original_response(
        **card.with_command_mentions(interaction.client).edit_arguments()
    )


async def send_first_page(interaction: discord.Interaction[RiffBot], query: LibraryQuery) -> None:
    """Answer with the first page of a query, which only the asker sees."""
    await interaction.response.defer(ephemeral=True, thinking=True)
    page = await query.fetch(interaction)
    if not page.riffs:
        await send_ephemeral(interaction, _empty_page_text(query))
        return
    await interaction.followup.send(
        embed=page_embed(query, page), view=page_view(query, page), ephemeral=True
    )


def page_embed(query: LibraryQuery, page: Page) -> discord.Embed:
    """The riffs of a page, one a line."""
    lines = [_line(riff, page.likes.get(riff.id, 0)) for riff in page.riffs]
    return discord.Embed(
        title=escape_line(query.title),
        description="\n".join(lines) or "Nothing more.",
        colour=ACCENT,
    )


def page_view(query: LibraryQuery, page: Page) -> discord.ui.View:
    """The menu of the riffs, and buttons for newer and older pages."""
    view = discord.ui.View(timeout=None)
    if page.riffs:
        view.add_item(RiffSelect(page.riffs))
    for direction, cursor in (("n", page.newer), ("o", page.older)):
        if cursor is not None:
            view.add_item(PageButton(replace(query, direction=direction, cursor=cursor)))
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
    icon, prompt = ICONS.get(riff.kind, "🎵"), escape_line(heading(riff.request), 90)
    return f"{icon} **{prompt}**\n{about} · `#{riff.id}`"


def _empty_page_text(query: LibraryQuery) -> str:
    if query.text:
        text = escape_markdown(query.text)
        return f"I found nothing with “{text}”; try fewer words, or the beginning of one."
    if query.scope == "f":
        return (
            "You have saved nothing yet: ⭐ **Save** under a riff keeps it here. What you saved on "
            "another server is shown there."
        )
    return "There is nothing here yet: `/riff` makes the first."
