"""Deletes riffs: their rows, their words, and the files that nothing else refers to.

A riff that others were made from leaves a cleared row, so that the family tree stays connected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from riffbot.library.database import Database
from riffbot.library.jams import ScrubJam, scrub_jams
from riffbot.library.job_states import UNFINISHED
from riffbot.library.tables import (
    AuditEntry,
    Favourite,
    Member,
    QuotaCharge,
    RiffWord,
    StoredJam,
    StoredJob,
    StoredRiff,
)
from riffbot.library.types import referenced_images
from riffbot.request import RiffRequest

CHUNK = 500
"""The most values in one IN (…), whose number databases limit."""

_EMPTY = RiffRequest(prompt="gone", seed=0, denoising=0.0)
"""The request in the row of a deleted riff."""


@dataclass(frozen=True)
class DeletionResult:
    """The result of a deletion.

    Attributes:
        riffs: the number of deleted riffs.
        messages: (channel id, message id) of the deleted riffs that were posted.
        children: ids of the remaining riffs that were made from them.
    """

    riffs: int
    messages: tuple[tuple[int, int], ...] = ()
    children: tuple[str, ...] = ()


async def delete_riffs(
    database: Database,
    riffs: Sequence[StoredRiff],
    reason: str,
    *,
    member: tuple[int, ScrubJam] | None = None,
) -> DeletionResult:
    """Delete riffs and the files that nothing else refers to; the caller holds `files_lock`.

    Args:
        reason: the value of `gone` in the cleared rows, `deleted` or `erased`.
        member: delete everything else about a member, too: the user id, and the function that
            removes the member from a stored jam.
    """
    files = {digest for riff in riffs for digest in (riff.png, riff.mp3, riff.picture)} - {""}
    # The pictures that they started from may have no other reference.
    files |= {
        ref.removeprefix("sha256:") for riff in riffs for ref in referenced_images(riff.request)
    }
    ids = [riff.id for riff in riffs]
    async with database.write() as session:
        children = await _children_of(session, ids)
        for chunk in _chunks(ids):
            await _clear_rows(session, chunk, reason)
        if member is not None:
            await _erase_member(session, *member)
        await _remove_childless(session)
        needed = await referenced_files(session, files)
    await asyncio.to_thread(database.files.remove, files - needed)
    posted = ((r.channel_id, r.message_id) for r in riffs if r.kind != "upload")
    return DeletionResult(
        len(riffs),
        tuple((channel, message) for channel, message in posted if channel and message),
        tuple(child for child in children if child not in set(ids)),
    )


async def _erase_member(session: AsyncSession, user_id: int, scrub_jam: ScrubJam) -> None:
    """Delete everything about a member except their riffs."""
    await session.execute(delete(Favourite).where(Favourite.user_id == user_id))
    await session.execute(delete(StoredJob).where(StoredJob.author_id == user_id))
    await session.execute(
        update(QuotaCharge).where(QuotaCharge.user_id == user_id).values(user_id=0)
    )
    await session.execute(
        update(AuditEntry).where(AuditEntry.actor_id == user_id).values(actor_id=None)
    )
    await scrub_jams(session, user_id, scrub_jam)
    # A ban of remixes stays without riffs: others may upload files again that they saved.
    is_allowed = Member.remix_allowed.is_(True)
    await session.execute(delete(Member).where(Member.user_id == user_id, is_allowed))


async def _children_of(session: AsyncSession, ids: list[str]) -> list[str]:
    found: dict[str, None] = {}
    for chunk in _chunks(ids):
        query = select(StoredRiff.id).where(
            or_(StoredRiff.parent_id.in_(chunk), StoredRiff.second_parent_id.in_(chunk)),
            StoredRiff.gone.is_(None),
        )
        found.update(dict.fromkeys(await session.scalars(query)))
    return list(found)


async def _clear_rows(session: AsyncSession, ids: list[str], reason: str) -> None:
    """Clear all columns of rows except their place in the family tree."""
    await session.execute(delete(RiffWord).where(RiffWord.riff_id.in_(ids)))
    await session.execute(delete(Favourite).where(Favourite.riff_id.in_(ids)))
    # The job of a riff contains its prompt and its author, too.
    await session.execute(delete(StoredJob).where(StoredJob.id.in_(ids)))
    await session.execute(
        update(StoredRiff)
        .where(StoredRiff.id.in_(ids))
        .values(
            request=_EMPTY,
            prompt="",
            prompt_key="",
            seed=0,
            seed_image=None,
            second_image=None,
            mask=None,
            author_id=None,
            author_name=None,
            guild_id=None,
            channel_id=None,
            audience_id=None,
            message_id=None,
            alt="",
            png="",
            mp3="",
            picture="",
            remix_allowed=False,
            gone=reason,
        )
    )


async def _remove_childless(session: AsyncSession) -> None:
    """Remove the cleared rows that no riff descends from (any more)."""
    first = select(StoredRiff.parent_id).where(StoredRiff.parent_id.is_not(None))
    second = select(StoredRiff.second_parent_id).where(StoredRiff.second_parent_id.is_not(None))
    childless = select(StoredRiff.id).where(
        StoredRiff.gone.is_not(None), StoredRiff.id.not_in(first), StoredRiff.id.not_in(second)
    )
    while ids := (await session.scalars(childless.limit(CHUNK))).all():
        await session.execute(delete(StoredRiff).where(StoredRiff.id.in_(ids)))


async def referenced_files(session: AsyncSession, among: Iterable[str] | None) -> set[str]:
    """Return the sha256 of the files (all, or of `among`) that riffs, jobs and jams refer to."""
    files = (StoredRiff.png, StoredRiff.mp3, StoredRiff.picture)
    refs = (StoredRiff.seed_image, StoredRiff.mask, StoredRiff.second_image)
    if among is None:
        rows = await session.execute(select(*files, *refs))
        needed = {value for row in rows for value in row if value}
    else:
        digests = list(among)
        needed = set()
        for column in (*files, *refs):
            prefix = "sha256:" if column in refs else ""
            for chunk in _chunks([prefix + digest for digest in digests]):
                needed |= set(await session.scalars(select(column).where(column.in_(chunk))))
    jobs = select(StoredJob).where(StoredJob.state.in_(UNFINISHED))
    for job in await session.scalars(jobs):
        needed |= referenced_images(job.request)
    needed |= set(await session.scalars(select(StoredJam.seed_image)))
    return {value.removeprefix("sha256:") for value in needed}


def _chunks(values: list[str]) -> Iterable[list[str]]:
    return (values[i : i + CHUNK] for i in range(0, len(values), CHUNK))
