"""What a command starts from: a riff that was typed or picked, a message, an upload."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import discord
from discord import app_commands

from cogs.common.errors import report_error
from cogs.common.formatting import MUTED, format_age, join_parts
from cogs.common.visibility import author_of, get_visible_riff, origin_of, viewer_of, visible_to_all
from riffbot.clips import edits
from riffbot.clips.edits import EditSource
from riffbot.clips.lineage import how
from riffbot.clips.recipes import Recipe, required_images
from riffbot.clips.sources import load_edit_source
from riffbot.clips.uploads import MAX_BYTES, Source, open_upload, shown_name, too_large
from riffbot.errors import BadRequest, NotFound, shorten
from riffbot.file_threads import run_in_file_thread
from riffbot.library.models import StoredRiff
from riffbot.library.types import Author, Origin
from riffbot.rendering import heading

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

CHOICES = 25
"""Discord shows at most so many suggestions."""

NOT_VISIBLE = (
    "This clip was made in a place that you cannot see: whoever made it can bring it here, with "
    "`/library show`."
)

_ID = re.compile(r"#?([0-9a-z]{12})")
_LINK = re.compile(r"https?://\S+/channels/\S+/(\d{15,21})")


@dataclass(frozen=True)
class ResolvedSource:
    """A start, and a sentence about how it was taken where there is something to say."""

    start: EditSource
    note: str | None = None


@asynccontextmanager
async def acknowledging(
    interaction: discord.Interaction[RiffBot], doing: str = "Looking at what to start from …"
) -> AsyncIterator[None]:
    """Acknowledge at once what takes a while to read; a refusal leaves no trace in the channel.

    With a message rather than by deferring: what is said first after that would take the place of
    the deferred answer, for everybody to see.

    Args:
        doing: what the message says meanwhile.
    """
    looking = discord.Embed(description=doing, colour=MUTED)
    await interaction.response.send_message(embed=looking)
    try:
        yield
    except Exception as error:
        await report_error(interaction, error)
        with suppress(discord.HTTPException):
            await interaction.delete_original_response()


async def resolve_source(
    interaction: discord.Interaction[RiffBot],
    riff: str | None,
    upload: discord.Attachment | None,
    *,
    start: float = 0.0,
    whole: bool = False,
) -> ResolvedSource:
    """The start that a command's options name: exactly one of a riff and an upload.

    Raises:
        BadRequest: neither or both, or the upload cannot be used.
        NotFound: there is no such riff.
    """
    if (riff is None) == (upload is None):
        raise BadRequest(
            "Say what to start from: pick a riff, or add an upload."
            if riff is None
            else "Start from a riff or from an upload, not from both."
        )
    if upload is not None:
        author, here = author_of(interaction), origin_of(interaction)
        return await source_from_upload(interaction, upload, author, here, start=start, whole=whole)
    assert riff is not None
    stored = edits.check_remix_allowed(await find_riff(interaction, riff), interaction.user.id)
    return ResolvedSource(
        await source_from_riff(interaction.client, stored, start=start, whole=whole)
    )


async def find_riff(interaction: discord.Interaction[RiffBot], typed: str) -> StoredRiff:
    """The riff that is meant: by id, by a message's link, or by words of its prompt.

    Raises:
        NotFound: there is none of the asker's, nor any of this server's that they may see.
    """
    library, typed = interaction.client.services.library, typed.strip()
    if link := _LINK.fullmatch(typed):
        found = await library.riffs.find_by_message(int(link[1]))
        if found is not None and found.is_visible_to(viewer_of(interaction)):
            return found
        raise NotFound("There is no riff in that message that you can see from here.")
    if named := _ID.fullmatch(typed):
        with suppress(NotFound):
            return await get_visible_riff(interaction, named[1])
    viewer = viewer_of(interaction)
    for scope in _scopes(interaction):
        if hits := await library.riffs.search(typed, **scope, viewer=viewer, limit=1):
            return hits[0]
    raise NotFound(
        f"I found no riff of yours or of this server's with “{shorten(typed, 60)}”; "
        "pick one from the list, or see /library."
    )


async def source_from_riff(
    bot: RiffBot, riff: StoredRiff, *, start: float = 0.0, whole: bool = False
) -> EditSource:
    """A riff as a start; of a song, the stretch that one clip can hold (unless `whole`)."""
    services = bot.services
    return await load_edit_source(
        services.clip_service, services.images, riff, start=start, whole=whole
    )


async def source_from_upload(
    interaction: discord.Interaction[RiffBot],
    attachment: discord.Attachment,
    author: Author,
    origin: Origin | None,
    *,
    start: float = 0.0,
    seconds: float | None = None,
    drawing: bool = False,
    whole: bool = False,
) -> ResolvedSource:
    """Fetch, open and keep an upload. A file that was made here is known again as its riff.

    Args:
        start, whole: as for `from_riff`.
        seconds, drawing: as for `open_upload`.

    Raises:
        BadRequest: it cannot be used, or its author does not allow it.
    """
    services = interaction.client.services
    user = interaction.user.id
    async with interaction.client.reading:  # what is fetched takes memory, too
        data = await download_attachment(attachment)
        known = await services.library.riffs.find_by_file(hashlib.sha256(data).hexdigest())
        if known is not None:
            _admit(interaction, known, author.user_id)
            edits.check_remix_allowed(known, user)  # whichever part of it is taken
        elif author.user_id != user and not await services.library.privacy.remixes_allowed(
            author.user_id
        ):
            raise BadRequest("The author of this message keeps their sounds for themselves.")
        if known is None or drawing:
            source = await run_in_file_thread(
                open_upload,
                data,
                attachment.filename,
                start=start,
                seconds=seconds,
                drawing=drawing,
            )
    if known is not None and not drawing:
        # By whom says the credit below, which is written anew should they be erased.
        note = "I know this clip."
        here = origin_of(interaction)
        is_visible = visible_to_all(
            interaction.guild, here.audience_id if here is not None else None
        )
        if known.audience_id is None or is_visible(known.audience_id):  # an id opens what it names
            note = f"I know this clip: it is `#{known.id}`."
        riff = await source_from_riff(interaction.client, known, start=start, whole=whole)
        return ResolvedSource(riff, note)
    stored = await services.clip_service.importer.import_upload(
        source, author=author, origin=origin
    )
    return ResolvedSource(_of_source(stored, source), str(source))


async def authorise_replay(
    interaction: discord.Interaction[RiffBot], data: bytes, recipe: Recipe
) -> StoredRiff | None:
    """The riff that a file was, if it is known here.

    Raises:
        BadRequest: it, or anything that its recipe or one inside it starts from, is a riff that its
            author keeps or that was made where the asker may not look.
    """
    library, user = interaction.client.services.library, interaction.user.id
    known = await library.riffs.find_by_file(hashlib.sha256(data).hexdigest())
    if known is not None:
        _admit(interaction, known, user)
        # What somebody made of a riff while they might stays theirs to offer.
        return edits.check_remix_allowed(known, user)
    for ref in sorted(required_images(recipe)):
        # A recipe can be written by hand: it opens no riff that a remix would not, however deep.
        if (source := await library.riffs.find_by_file(ref.removeprefix("sha256:"))) is not None:
            _admit(interaction, source, user)
            edits.check_remix_allowed(source, user)
    return None


def _admit(interaction: discord.Interaction[RiffBot], riff: StoredRiff, brought_by: int) -> None:
    """Let a known file in whose riff the asker may see, or that its maker brought.

    Files of the page and the command line were made in no place at all: who has one may use it.

    Raises:
        BadRequest: it was made where the asker may not look.
    """
    nowhere = riff.audience_id is None and riff.guild_id is None
    if (
        not nowhere
        and brought_by != riff.author_id
        and not riff.is_visible_to(viewer_of(interaction))
    ):
        raise BadRequest(NOT_VISIBLE)


async def download_attachment(attachment: discord.Attachment) -> bytes:
    """An attachment's bytes. Raises BadRequest where it is too large or gone."""
    shown = shown_name(attachment.filename)
    if attachment.size > MAX_BYTES:
        raise BadRequest(too_large(shown, attachment.size))
    try:
        return await attachment.read()
    except discord.NotFound as error:
        raise BadRequest(f"“{shown}” is gone from Discord: please upload it again.") from error


async def complete_riffs(
    interaction: discord.Interaction[RiffBot], typed: str, *, mine: bool = False
) -> list[app_commands.Choice[str]]:
    """Riffs to suggest: the asker's, then this server's; by prefix, then by words."""
    library = interaction.client.services.library
    found: dict[str, StoredRiff] = {}
    viewer = viewer_of(interaction)
    scopes = [{"author_id": interaction.user.id}] if mine else _scopes(interaction)
    for scope in scopes:
        hits: Sequence[StoredRiff] = await library.riffs.complete(typed, **scope, viewer=viewer)
        found.update((riff.id, riff) for riff in hits)
    for scope in scopes if typed.strip() and len(found) < CHOICES else ():
        found.update(
            (riff.id, riff) for riff in await library.riffs.search(typed, **scope, viewer=viewer)
        )
    user = interaction.user.id
    open_to_me = [r for r in found.values() if r.remix_allowed or r.author_id == user]
    return [_choice(riff) for riff in open_to_me[:CHOICES]]


def _choice(riff: StoredRiff) -> app_commands.Choice[str]:
    """A riff in the picker: takes of one prompt are told apart by seed and age."""
    seed = None if riff.kind == "upload" else f"seed {riff.seed}"
    length, when = f"{riff.duration_s:.1f} s", format_age(discord.utils.utcnow() - riff.created_at)
    tail = join_parts(riff.author.name[:20], how(riff), length, seed, when)
    words = " ".join(heading(riff.request).split())
    room = 100 - len(tail) - 3
    words = words if len(words) <= room else words[: room - 1] + "…"
    return app_commands.Choice(name=join_parts(words, tail), value=riff.id)


def _scopes(interaction: discord.Interaction[RiffBot]) -> list[dict[str, int]]:
    """Where the asker may look: among their own riffs, and in the server they are in."""
    scopes = [{"author_id": interaction.user.id}]
    if interaction.guild_id is not None:
        scopes.append({"guild_id": interaction.guild_id})
    return scopes


def _of_source(stored: StoredRiff, source: Source) -> EditSource:
    return EditSource(
        stored.image_ref, source.pixels.shape[1], source.bpm, source.prompt, stored.id
    )
