"""Writing a riff: its files, its row, and the words by which search finds it."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from riffbot.inference.job import GeneratedRiff
from riffbot.library.files import Files
from riffbot.library.tables import Member, RiffWord, StoredJob, StoredRiff
from riffbot.library.tokenize import tokenize
from riffbot.library.types import classify_request, second_image_ref
from riffbot.rendering import Rendered


def store_files(files: Files, rendered: Rendered) -> tuple[str, str, str]:
    """Write the files of a riff and return the sha256 of PNG, MP3 and plot. Call it in a thread.

    Raises:
        StorageError: the disk is full or read-only.
    """
    return (
        files.put(rendered.png, ".png"),
        files.put(rendered.mp3, ".mp3"),
        files.put(rendered.plot, ".png"),
    )


def build_row(
    job: StoredJob, riff: GeneratedRiff, rendered: Rendered, hashes: tuple[str, str, str]
) -> StoredRiff:
    """Build the row of a job's riff; the caller sets its parents and `remix_allowed`."""
    request = riff.request
    png, mp3, plot = hashes
    return StoredRiff(
        id=job.id,
        request=request,
        prompt=request.prompt,
        prompt_key=request.prompt.casefold(),
        seed=request.seed,
        seed_image=request.seed_image,
        mask=request.mask,
        second_image=second_image_ref(request),
        kind=classify_request(request),
        denoising=request.denoising,
        model_name=riff.model_name,
        model_hash=riff.model_hash,
        batch=riff.batch,
        author_id=job.author_id,
        author_name=job.author_name,
        guild_id=job.guild_id,
        channel_id=job.channel_id,
        audience_id=job.audience_id,
        message_id=job.message_id,
        created_at=datetime.now(UTC),
        duration_s=rendered.duration_s,
        alt=rendered.alt,
        png=png,
        mp3=mp3,
        picture=plot,
    )


async def insert_riff(session: AsyncSession, stored: StoredRiff) -> None:
    """Insert a riff and the words of its prompt."""
    session.add(stored)
    await session.flush()
    session.add_all(words_of(stored))


def words_of(stored: StoredRiff) -> list[RiffWord]:
    """Build the rows of the words by which search finds a riff."""
    return [
        RiffWord(
            riff_id=stored.id,
            word=word,
            created_at=stored.created_at,
            author_id=stored.author_id,
            guild_id=stored.guild_id,
            audience_id=stored.audience_id,
        )
        for word in tokenize(stored.prompt)
    ]


async def is_remix_allowed(session: AsyncSession, user_id: int) -> bool:
    """Whether others may remix this member's riffs; true unless they have forbidden it."""
    member = await session.get(Member, user_id)
    return member is None or member.remix_allowed
