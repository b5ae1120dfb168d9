"""Riffs: looking them up, keeping favourites, letting them go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Select, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from riffbot.errors import NotFound, shortened
from riffbot.library.database import Database
from riffbot.library.jams import ScrubJam, scrub_jams
from riffbot.library.models import Favourite, Member, RiffWord, StoredJam, StoredJob, StoredRiff
from riffbot.library.types import pictures_of
from riffbot.request import RiffRequest

PAGE = 25
"""As many as one Discord select or autocomplete can show."""

_CHUNK = 500
"""Values in one IN (…): databases take a limited number."""

_EMPTY = RiffRequest(prompt="gone", seed=0, denoising=0.0)
"""What is left of the request of a riff that is gone."""


@dataclass(frozen=True)
class Farewell:
    """What went when riffs were let go.

    Attributes:
        riffs: how many.
        messages: (channel, message) of those that were posted.
        children: ids of living riffs that were made from them.
    """

    riffs: int
    messages: tuple[tuple[int, int], ...] = ()
    children: tuple[str, ...] = ()


class RiffStore(Database):
    """The library's half that keeps what was made."""

    async def get(self, riff_id: str) -> StoredRiff:
        """A riff by its id. Raises NotFound."""
        return await self._ask(lambda session: living(session, riff_id))

    async def count(self) -> int:
        """How many riffs there are."""
        query = select(func.count()).select_from(StoredRiff).where(StoredRiff.gone.is_(None))
        return await self._ask(lambda session: session.scalar(query) or 0)

    async def places(self) -> set[int]:
        """The places (`Origin.audience_id`) that riffs of servers were made in."""
        place = StoredRiff.audience_id
        query = select(place).where(StoredRiff.guild_id.is_not(None), place.is_not(None)).distinct()
        return await self._ask(lambda session: {p for p in session.scalars(query) if p is not None})

    async def seen_from(self, place: int, audience_id: int) -> int:
        """What one place's visitors see is for another's instead. Returns how many riffs."""
        changed = 0
        async with self._write() as session:
            for table in (RiffWord, StoredJob, StoredRiff):
                there = update(table).where(table.audience_id == place)
                result = await session.execute(there.values(audience_id=audience_id))
                changed = int(getattr(result, "rowcount", 0))
        return changed

    async def of_message(self, message_id: int) -> StoredRiff | None:
        """The riff that a message carries, if it carries one."""
        query = select(StoredRiff).where(StoredRiff.message_id == message_id)
        # An upload is noted with the message it came in, which is not the riff's own.
        riffs = await self._some(query.where(StoredRiff.kind != "upload"))
        return riffs[0] if riffs else None

    async def of_file(self, digest: str) -> StoredRiff | None:
        """The oldest riff with a file of this sha256: a downloaded clip is known again."""
        for column in (StoredRiff.png, StoredRiff.mp3, StoredRiff.picture):
            query = select(StoredRiff).where(column == digest, StoredRiff.gone.is_(None))
            if riffs := await self._some(query.order_by(StoredRiff.created_at).limit(1)):
                return riffs[0]
        return None

    async def needing(self, ref: str) -> Sequence[StoredRiff]:
        """The riffs that need a `sha256:` picture: they start from it, or it is their mask."""
        columns = (StoredRiff.seed_image, StoredRiff.mask, StoredRiff.second_image)
        wanted = or_(*(column == ref for column in columns))
        return await self._some(select(StoredRiff).where(wanted, StoredRiff.gone.is_(None)))

    async def children(self, riff_id: str) -> Sequence[StoredRiff]:
        """The riffs made from this one, oldest first."""
        query = select(StoredRiff).where(
            or_(StoredRiff.parent_id == riff_id, StoredRiff.second_parent_id == riff_id)
        )
        return await self._some(query.order_by(StoredRiff.created_at))

    async def save(self, riff_id: str, user_id: int) -> None:
        """Keep a riff among a member's favourites, which is a like, too. Raises NotFound."""
        await self.get(riff_id)
        async with self._write() as session:
            if await session.get(Favourite, (user_id, riff_id)) is None:
                session.add(
                    Favourite(user_id=user_id, riff_id=riff_id, created_at=datetime.now(UTC))
                )

    async def unsave(self, riff_id: str, user_id: int) -> None:
        """Take a riff out of a member's favourites."""
        async with self._write() as session:
            await session.execute(
                delete(Favourite).where(Favourite.user_id == user_id, Favourite.riff_id == riff_id)
            )

    async def saved(self, user_id: int, *, limit: int = PAGE) -> Sequence[StoredRiff]:
        """A member's favourites, newest first."""
        query = select(StoredRiff).join(Favourite, Favourite.riff_id == StoredRiff.id)
        query = query.where(Favourite.user_id == user_id)
        return await self._some(query.order_by(Favourite.created_at.desc()).limit(limit))

    async def likes(self, riff_ids: Iterable[str]) -> dict[str, int]:
        """How many members keep each of these riffs among their favourites; 0 is left out."""
        ids = list(riff_ids)
        return await self._ask(lambda session: count_likes(session, ids))

    async def delete(self, riff_id: str) -> Farewell:
        """Forget a riff and the files that nothing else needs; what was made from it stays.

        Raises:
            NotFound: it is not there.
        """
        return await self._forget([await self.get(riff_id)], "deleted")

    async def erase_member(self, user_id: int, scrub_jam: ScrubJam) -> Farewell:
        """Forget everything about a member: riffs, favourites, jobs, votes.

        What others made from their riffs stays; its parent is a former member's. A decision that
        nobody may remix what they make stays, too: it protects them, and is forgotten only when
        they take it back.

        Args:
            user_id: of the member.
            scrub_jam: removes the member from a stored jam.
        """
        async with self._keeping:  # until then a clip that is being made may still be kept
            riffs = await self._some(select(StoredRiff).where(StoredRiff.author_id == user_id))
            return await self._forgotten(riffs, "erased", member=(user_id, scrub_jam))

    async def expire(self, before: datetime) -> Farewell:
        """Forget the riffs older than this that nobody keeps among their favourites."""
        kept = select(Favourite.riff_id)
        query = select(StoredRiff).where(
            StoredRiff.created_at < before, StoredRiff.gone.is_(None), StoredRiff.id.not_in(kept)
        )
        total, messages, children = 0, list[tuple[int, int]](), dict[str, None]()
        while riffs := await self._some(query.limit(_CHUNK)):
            some = await self._forget(riffs, "deleted")
            total += some.riffs
            messages += some.messages
            for riff in riffs:  # a child of what went before
                children.pop(riff.id, None)
            children |= dict.fromkeys(some.children)
        return Farewell(total, tuple(messages), tuple(children))

    async def collect_files(self) -> int:
        """Remove the files that no riff, no unfinished job and no jam needs. Returns how many.

        A library that would lose more than it keeps is left alone: then the database is rather
        another one than these files belong to (a new one, an old backup).
        """
        async with self._keeping:
            async with self._read() as session:
                kept = await _needed(session, None)
            return await asyncio.to_thread(self.files.collect, kept, at_most=len(kept))

    async def _forget(self, riffs: Sequence[StoredRiff], why: str) -> Farewell:
        async with self._keeping:
            return await self._forgotten(riffs, why)

    async def _forgotten(
        self,
        riffs: Sequence[StoredRiff],
        why: str,
        *,
        member: tuple[int, ScrubJam] | None = None,
    ) -> Farewell:
        """The same, `_keeping` being held: no file is taken for needless while its row is made."""
        files = {digest for riff in riffs for digest in (riff.png, riff.mp3, riff.picture)} - {""}
        # What they started from may have been kept for their sake alone.
        files |= {
            ref.removeprefix("sha256:") for riff in riffs for ref in pictures_of(riff.request)
        }
        ids = [riff.id for riff in riffs]
        async with self._write() as session:
            children = await _children_of(session, ids)
            for chunk in _chunks(ids):
                await _empty(session, chunk, why)
            if member is not None:
                user_id, scrub_jam = member
                await session.execute(delete(Favourite).where(Favourite.user_id == user_id))
                await session.execute(delete(StoredJob).where(StoredJob.author_id == user_id))
                await scrub_jams(session, user_id, scrub_jam)
                # A “no” outlives its riffs: files that others saved may come back.
                yes = Member.remix_allowed.is_(True)
                await session.execute(delete(Member).where(Member.user_id == user_id, yes))
            await _prune(session)
            needed = await _needed(session, files)
        await asyncio.to_thread(self.files.remove, files - needed)
        posted = ((r.channel_id, r.message_id) for r in riffs if r.kind != "upload")
        return Farewell(
            len(riffs),
            tuple((channel, message) for channel, message in posted if channel and message),
            tuple(child for child in children if child not in set(ids)),
        )

    async def _some(self, query: Select[StoredRiff]) -> Sequence[StoredRiff]:
        return await self._ask(lambda session: session.scalars(query).all())


def living(session: Session, riff_id: str) -> StoredRiff:
    """A riff by its id. Raises NotFound."""
    # No other text is an id, and not all of it can be asked for.
    riff = session.get(StoredRiff, riff_id) if riff_id.isascii() and "\0" not in riff_id else None
    if riff is None or riff.gone is not None:
        raise not_there(riff_id)
    return riff


def not_there(riff_id: str) -> NotFound:
    """What whoever asks for a riff that is not there is told."""
    return NotFound(f"The riff {shortened(riff_id, 20)} is not in the library (any more).")


def count_likes(session: Session, riff_ids: Sequence[str]) -> dict[str, int]:
    """How many members keep each of these riffs; those that nobody keeps are left out."""
    if not riff_ids:
        return {}
    query = (
        select(Favourite.riff_id, func.count())
        .where(Favourite.riff_id.in_(riff_ids))
        .group_by(Favourite.riff_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


async def _children_of(session: AsyncSession, ids: list[str]) -> list[str]:
    found: dict[str, None] = {}
    for chunk in _chunks(ids):
        query = select(StoredRiff.id).where(
            or_(StoredRiff.parent_id.in_(chunk), StoredRiff.second_parent_id.in_(chunk)),
            StoredRiff.gone.is_(None),
        )
        found.update(dict.fromkeys(await session.scalars(query)))
    return list(found)


async def _empty(session: AsyncSession, ids: list[str], why: str) -> None:
    """Take everything out of rows but their place in the family."""
    await session.execute(delete(RiffWord).where(RiffWord.riff_id.in_(ids)))
    await session.execute(delete(Favourite).where(Favourite.riff_id.in_(ids)))
    # The promise that a riff came from holds its prompt and its author, too.
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
            gone=why,
        )
    )


async def _prune(session: AsyncSession) -> None:
    """Remove the empty rows that nothing descends from (any more)."""
    first = select(StoredRiff.parent_id).where(StoredRiff.parent_id.is_not(None))
    second = select(StoredRiff.second_parent_id).where(StoredRiff.second_parent_id.is_not(None))
    barren = select(StoredRiff.id).where(
        StoredRiff.gone.is_not(None), StoredRiff.id.not_in(first), StoredRiff.id.not_in(second)
    )
    while ids := (await session.scalars(barren.limit(_CHUNK))).all():
        await session.execute(delete(StoredRiff).where(StoredRiff.id.in_(ids)))


async def _needed(session: AsyncSession, among: Iterable[str] | None) -> set[str]:
    """The files (all, or those of `among`) that riffs show or that riffs and jobs start from."""
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
    jobs = select(StoredJob).where(StoredJob.state.in_(("waiting", "running")))
    for job in await session.scalars(jobs):
        needed |= pictures_of(job.request)
    needed |= set(await session.scalars(select(StoredJam.seed_image)))
    return {value.removeprefix("sha256:") for value in needed}


def _chunks(values: list[str]) -> Iterable[list[str]]:
    return (values[i : i + _CHUNK] for i in range(0, len(values), _CHUNK))
