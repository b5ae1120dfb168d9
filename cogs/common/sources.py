"""Resolves what an edit starts from: a riff, an attachment of a message, or an upload."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import discord

from cogs.common.errors import report_error
from cogs.common.formatting import MUTED
from cogs.common.riff_lookup import find_riff
from cogs.common.rules import check_texts, require_allowed
from cogs.common.visibility import (
    author_of,
    origin_of,
    require_unrestricted,
    viewer_of,
    visible_to_all,
)
from riffbot.clips import edits
from riffbot.clips.edits import EditSource
from riffbot.clips.recipes import Recipe, required_images
from riffbot.clips.sources import load_edit_source
from riffbot.clips.uploads import (
    MAX_BYTES,
    OpenedUpload,
    describe_too_large,
    make_name_displayable,
    open_upload,
)
from riffbot.errors import BadRequest
from riffbot.file_threads import run_in_file_thread
from riffbot.library.tables import StoredRiff
from riffbot.library.types import Author, Origin

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

NOT_VISIBLE = (
    "This clip was made in a place that you cannot see: whoever made it can bring it here, with "
    "`/library show`."
)


@dataclass(frozen=True)
class ResolvedSource:
    """What an edit starts from, and a note for the member about how it was read, if any."""

    source: EditSource
    note: str | None = None


@asynccontextmanager
async def acknowledging(
    interaction: discord.Interaction[RiffBot], status: str = "Looking at what to start from …"
) -> AsyncIterator[None]:
    """Acknowledge an interaction before slow work; on an exception, report it and clean up.

    Sends a message instead of deferring: the first follow-up to a deferred response takes its
    place, so an error would become a message that everybody sees.

    Args:
        status: what the message says meanwhile.
    """
    embed = discord.Embed(description=status, colour=MUTED)
    await interaction.response.send_message(embed=embed)
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
    """Resolve a command's options: exactly one of `riff` and `upload`.

    Args:
        riff: an id, a message's link, or words of a prompt.
        upload: a sound or a picture.
        start: seconds to skip.
        whole: take a song as a whole, not only what fits into one clip.

    Raises:
        BadRequest: neither or both are given, or the upload cannot be used.
        Disallowed: as for `source_from_riff`.
        NotFound: there is no such riff.
    """
    if (riff is None) == (upload is None):
        raise BadRequest(
            "Say what to start from: pick a riff, or add an upload."
            if riff is None
            else "Start from a riff or from an upload, not from both."
        )
    if upload is not None:
        author, origin = author_of(interaction), origin_of(interaction)
        return await source_from_upload(
            interaction, upload, author, origin, start=start, whole=whole
        )
    assert riff is not None
    stored = edits.check_remix_allowed(await find_riff(interaction, riff), interaction.user.id)
    source = await source_from_riff(interaction, stored, start=start, whole=whole)
    return ResolvedSource(source)


async def source_from_riff(
    interaction: discord.Interaction[RiffBot],
    riff: StoredRiff,
    *,
    start: float = 0.0,
    whole: bool = False,
) -> EditSource:
    """A riff as a source; of a song, the excerpt that one clip can hold (unless `whole`).

    Raises:
        Disallowed: it was made in an age-restricted channel, and this one is not.
    """
    require_unrestricted(interaction, riff)
    services = interaction.client.services
    return await load_edit_source(
        services.clip_service, services.images, riff, start_s=start, whole=whole
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
    """Download, decode and store an upload; a riff's own file resolves to that riff.

    Args:
        author, origin: who brought the file, and where.
        start, whole: as for `resolve_source`.
        seconds, drawing: as for `open_upload`.

    Raises:
        BadRequest: it cannot be decoded, or its author does not allow it.
        Disallowed: the asker may not make anything here, or its name has an unwanted word.
    """
    services = interaction.client.services
    rules = await require_allowed(interaction)
    await check_texts(interaction, rules, [attachment.filename])
    async with interaction.client.upload_slots:  # downloads take memory, too
        data = await download_attachment(attachment)
        known = await _authorise_upload(interaction, data, author)
        if known is None or drawing:
            upload = await run_in_file_thread(
                open_upload,
                data,
                attachment.filename,
                start_s=start,
                seconds=seconds,
                drawing=drawing,
            )
    if known is not None and not drawing:
        source = await source_from_riff(interaction, known, start=start, whole=whole)
        return ResolvedSource(source, _known_file_note(interaction, known))
    stored = await services.clip_service.importer.import_upload(
        upload, author=author, origin=origin
    )
    return ResolvedSource(_source_of_upload(stored, upload), str(upload))


async def _authorise_upload(
    interaction: discord.Interaction[RiffBot], data: bytes, author: Author
) -> StoredRiff | None:
    """Check that the asker may use a file that `author` brought. Returns its riff, if it is known.

    Raises:
        BadRequest: its riff is not visible or may not be remixed, or its author allows no remixes.
        Disallowed: its riff was made in an age-restricted channel, and this one is not.
    """
    library, user_id = interaction.client.services.library, interaction.user.id
    known = await library.riffs.find_by_file(hashlib.sha256(data).hexdigest())
    if known is not None:
        _require_visible(interaction, known, author.user_id)
        return edits.check_remix_allowed(known, user_id)  # also where only a part of it is used
    if author.user_id != user_id and not await library.privacy.is_remix_allowed(author.user_id):
        raise BadRequest("The author of this message keeps their sounds for themselves.")
    return None


async def authorise_replay(
    interaction: discord.Interaction[RiffBot], data: bytes, recipe: Recipe
) -> StoredRiff | None:
    """Check that the asker may replay a file. Returns its riff, if the library has it.

    Raises:
        BadRequest: the riff, or one that its recipe starts from at any depth, is not visible to
            the asker or may not be remixed.
        Disallowed: one of them was made in an age-restricted channel, and this one is not.
    """
    library, user_id = interaction.client.services.library, interaction.user.id
    known = await library.riffs.find_by_file(hashlib.sha256(data).hexdigest())
    if known is not None:
        _require_visible(interaction, known, user_id)
        # Its own sources need no check: its author was allowed to use them.
        return edits.check_remix_allowed(known, user_id)
    for ref in sorted(required_images(recipe)):
        # A recipe can be written by hand: it may use no riff that a remix could not use.
        if (riff := await library.riffs.find_by_file(ref.removeprefix("sha256:"))) is not None:
            _require_visible(interaction, riff, user_id)
            edits.check_remix_allowed(riff, user_id)
    return None


async def download_attachment(attachment: discord.Attachment) -> bytes:
    """Download an attachment. Raises BadRequest where it is too large or deleted."""
    shown = make_name_displayable(attachment.filename)
    if attachment.size > MAX_BYTES:
        raise BadRequest(describe_too_large(shown, attachment.size))
    try:
        return await attachment.read()
    except discord.NotFound as error:
        raise BadRequest(f"“{shown}” is gone from Discord: please upload it again.") from error


def _require_visible(
    interaction: discord.Interaction[RiffBot], riff: StoredRiff, brought_by: int
) -> None:
    """Check that a known file may be used: the asker may see its riff, or its author brought it.

    Riffs of the page and the command line have no audience: whoever has the file may use it.

    Raises:
        BadRequest: it was made where the asker may not look.
        Disallowed: it was made in an age-restricted channel, and this one is not.
    """
    has_no_audience = riff.audience_id is None and riff.guild_id is None
    if (
        has_no_audience
        or brought_by == riff.author_id
        or riff.is_visible_to(viewer_of(interaction))
    ):
        require_unrestricted(interaction, riff)
        return
    raise BadRequest(NOT_VISIBLE)


def _known_file_note(interaction: discord.Interaction[RiffBot], riff: StoredRiff) -> str:
    """The note about an upload that is a riff's own file.

    It names the riff's id only where all readers may see the riff: an id opens it. The author is
    named by the credits, which are rewritten when members ask to be forgotten.
    """
    origin = origin_of(interaction)
    is_visible = visible_to_all(interaction.guild, origin.audience_id if origin else None)
    if riff.audience_id is None or is_visible(riff.audience_id):
        return f"I know this clip: it is `#{riff.id}`."
    return "I know this clip."


def _source_of_upload(stored: StoredRiff, upload: OpenedUpload) -> EditSource:
    return EditSource(
        stored.image_ref,
        upload.pixels.shape[1],
        upload.bpm,
        upload.prompt,
        stored.id,
        harmony=upload.harmony,
    )
