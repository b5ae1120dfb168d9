"""Finds the riff that a member named, and suggests riffs while they type."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import discord
from discord import app_commands

from cogs.common.formatting import format_age, join_parts
from cogs.common.visibility import get_visible_riff, viewer_of
from riffbot.clips.lineage import describe_edit
from riffbot.errors import NotFound, shorten
from riffbot.library.tables import StoredRiff
from riffbot.rendering import heading

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

MAX_CHOICES = 25
"""Discord shows at most so many suggestions."""

MAX_CHOICE_NAME = 100
"""Characters of a suggestion."""

_ID = re.compile(r"#?([0-9a-z]{12})")
_MESSAGE_LINK = re.compile(r"https?://\S+/channels/\S+/(\d{15,21})")


async def find_riff(interaction: discord.Interaction[RiffBot], typed: str) -> StoredRiff:
    """Find a riff by its id, by the link of its message, or by words of its prompt.

    Words find the asker's own riffs first, then this server's.

    Raises:
        NotFound: there is no such riff that the asker may see.
    """
    library, typed = interaction.client.services.library, typed.strip()
    viewer = viewer_of(interaction)
    if link := _MESSAGE_LINK.fullmatch(typed):
        found = await library.riffs.find_by_message(int(link[1]))
        if found is not None and found.is_visible_to(viewer):
            return found
        raise NotFound("There is no riff in that message that you can see from here.")
    if by_id := _ID.fullmatch(typed):
        with suppress(NotFound):
            return await get_visible_riff(interaction, by_id[1])
    for scope in _search_scopes(interaction):
        if hits := await library.riffs.search(typed, **scope, viewer=viewer, limit=1):
            return hits[0]
    raise NotFound(
        f"I found no riff of yours or of this server's with “{shorten(typed, 60)}”; "
        "pick one from the list, or see /library."
    )


async def complete_riffs(
    interaction: discord.Interaction[RiffBot], typed: str, *, own_only: bool = False
) -> list[app_commands.Choice[str]]:
    """Suggest riffs that may be remixed: the asker's, then this server's.

    Prompts that begin with what was typed come first, then those that contain its words.

    Args:
        own_only: leave out this server's.
    """
    library = interaction.client.services.library
    found: dict[str, StoredRiff] = {}
    viewer, user_id = viewer_of(interaction), interaction.user.id
    scopes = [{"author_id": user_id}] if own_only else _search_scopes(interaction)
    for scope in scopes:
        hits: Sequence[StoredRiff] = await library.riffs.complete(typed, **scope, viewer=viewer)
        found.update((riff.id, riff) for riff in hits)
    for scope in scopes if typed.strip() and len(found) < MAX_CHOICES else ():
        hits = await library.riffs.search(typed, **scope, viewer=viewer)
        found.update((riff.id, riff) for riff in hits)
    remixable = [r for r in found.values() if r.remix_allowed or r.author_id == user_id]
    return [_choice(riff) for riff in remixable[:MAX_CHOICES]]


def _choice(riff: StoredRiff) -> app_commands.Choice[str]:
    """A suggestion; seed and age tell riffs of the same prompt apart."""
    seed = None if riff.kind == "upload" else f"seed {riff.seed}"
    length, when = f"{riff.duration_s:.1f} s", format_age(discord.utils.utcnow() - riff.created_at)
    details = join_parts(riff.author.name[:20], describe_edit(riff), length, seed, when)
    prompt = " ".join(heading(riff.request).split())
    room = MAX_CHOICE_NAME - len(details) - 3
    prompt = prompt if len(prompt) <= room else prompt[: room - 1] + "…"
    return app_commands.Choice(name=join_parts(prompt, details), value=riff.id)


def _search_scopes(interaction: discord.Interaction[RiffBot]) -> list[dict[str, int]]:
    """Filters for the library's searches: the asker's own riffs, then this server's."""
    scopes = [{"author_id": interaction.user.id}]
    if interaction.guild_id is not None:
        scopes.append({"guild_id": interaction.guild_id})
    return scopes
