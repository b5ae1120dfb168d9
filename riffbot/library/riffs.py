"""Riffs: looking them up, keeping favourites, letting them go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from riffbot.errors import NotFound
from riffbot.library.database import Database
from riffbot.library.jams import forget_in_jams
from riffbot.library.models import Favourite, RiffWord, StoredJam, StoredJob, StoredRiff
from riffbot.library.words import prefix_end, words_of

PAGE = 25
"""As many as one Discord select or autocomplete can show."""


class RiffStore(Database):
    """The library's half that keeps what was made."""

    async def get(self, riff_id: str) -> StoredRiff:
        """A riff by its id. Raises NotFound."""
        async with self._read() as session:
            riff = await session.get(StoredRiff, riff_id)
        if riff is None:
            raise NotFound(f"The riff {riff_id[:20]} is not in the library (any more).")
        return riff

    async def count(self) -> int:
        """How many riffs there are."""
        async with self._read() as session:
            return await session.scalar(select(func.count()).select_from(StoredRiff)) or 0

    async def recent(
        self,
        *,
        author_id: int | None = None,
        guild_id: int | None = None,
        before: datetime | None = None,
        limit: int = PAGE,
    ) -> Sequence[StoredRiff]:
        """The newest riffs first, of a member or a server if told; `before` turns the page."""
        query = _narrowed(select(StoredRiff), author_id, guild_id)
        if before is not None:
            query = query.where(StoredRiff.created_at < before)
        return await self._some(query.order_by(StoredRiff.created_at.desc()).limit(limit))

    async def search(
        self,
        text: str,
        *,
        author_id: int | None = None,
        guild_id: int | None = None,
        limit: int = PAGE,
    ) -> Sequence[StoredRiff]:
        """Riffs whose prompts have all these words (the last may be unfinished), newest first."""
        words = words_of(text)
        if not words:
            return []
        *whole, last = words
        query = _narrowed(select(StoredRiff), author_id, guild_id)
        for word in whole:
            query = query.where(StoredRiff.id.in_(_with_word(RiffWord.word == word)))
        query = query.where(StoredRiff.id.in_(_with_word(_begins(RiffWord.word, last))))
        return await self._some(query.order_by(StoredRiff.created_at.desc()).limit(limit))

    async def complete(
        self,
        prefix: str,
        *,
        author_id: int | None = None,
        guild_id: int | None = None,
        limit: int = PAGE,
    ) -> Sequence[StoredRiff]:
        """Riffs whose prompts begin like this, for autocompletion; the newest for no prefix."""
        key = prefix.strip().casefold()
        if not key:
            return await self.recent(author_id=author_id, guild_id=guild_id, limit=limit)
        query = _narrowed(select(StoredRiff), author_id, guild_id)
        query = query.where(_begins(StoredRiff.prompt_key, key))
        return await self._some(query.order_by(StoredRiff.prompt_key).limit(limit))

    async def children(self, riff_id: str) -> Sequence[StoredRiff]:
        """The riffs made from this one, oldest first."""
        query = select(StoredRiff).where(StoredRiff.parent_id == riff_id)
        return await self._some(query.order_by(StoredRiff.created_at))

    async def save(self, riff_id: str, user_id: int) -> None:
        """Keep a riff among a member's favourites. Raises NotFound."""
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

    async def delete(self, riff_id: str) -> None:
        """Forget a riff and the files that nothing else needs; what was made from it stays.

        Raises:
            NotFound: it is not there.
        """
        riff = await self.get(riff_id)
        await self._forget([riff])

    async def erase_member(self, user_id: int) -> int:
        """Forget everything about a member: riffs, favourites, jobs and votes in jams.

        Returns:
            How many riffs there were.
        """
        riffs = await self._some(select(StoredRiff).where(StoredRiff.author_id == user_id))
        await self._forget(riffs, user_id=user_id)
        return len(riffs)

    async def collect_files(self) -> int:
        """Remove the files that no riff, no unfinished job and no jam needs. Returns how many.

        A library that would lose more than it keeps is left alone: then the database is rather
        another one than these files belong to (a new one, an old backup).
        """
        async with self._keeping:
            async with self._read() as session:
                kept = await _needed(session, None)
            return await asyncio.to_thread(self.files.collect, kept, at_most=len(kept))

    async def _forget(self, riffs: Sequence[StoredRiff], *, user_id: int | None = None) -> None:
        files = {digest for riff in riffs for digest in (riff.png, riff.mp3, riff.picture)}
        async with self._keeping:
            async with self._write() as session:
                for riff in riffs:
                    await session.execute(delete(StoredRiff).where(StoredRiff.id == riff.id))
                    # The promise that it came from holds its prompt and its author, too.
                    await session.execute(delete(StoredJob).where(StoredJob.id == riff.id))
                if user_id is not None:
                    await session.execute(delete(Favourite).where(Favourite.user_id == user_id))
                    await session.execute(delete(StoredJob).where(StoredJob.author_id == user_id))
                    await forget_in_jams(session, user_id)
                needed = await _needed(session, files)
            await asyncio.to_thread(self.files.remove, files - needed)

    async def _some(self, query: Select[StoredRiff]) -> Sequence[StoredRiff]:
        async with self._read() as session:
            return (await session.scalars(query)).all()


def _narrowed(
    query: Select[StoredRiff], author_id: int | None, guild_id: int | None
) -> Select[StoredRiff]:
    if author_id is not None:
        query = query.where(StoredRiff.author_id == author_id)
    if guild_id is not None:
        query = query.where(StoredRiff.guild_id == guild_id)
    return query


def _begins(column: InstrumentedAttribute[str], prefix: str) -> ColumnElement[bool]:
    """A prefix as a range, which any ordinary index serves."""
    return and_(column >= prefix, column < prefix_end(prefix))


def _with_word(condition: ColumnElement[bool]) -> Select[str]:
    return select(RiffWord.riff_id).where(condition)


async def _needed(session: AsyncSession, among: Iterable[str] | None) -> set[str]:
    """The files (all, or of `among`) that riffs show, or that riffs, jobs and jams start from."""
    columns = (StoredRiff.png, StoredRiff.mp3, StoredRiff.picture)
    refs = (StoredRiff.seed_image, StoredRiff.mask)
    query = select(*columns, *refs)
    if among is not None:
        digests = list(among)
        named = [f"sha256:{digest}" for digest in digests]
        query = query.where(or_(*(c.in_(digests) for c in columns), *(c.in_(named) for c in refs)))
    needed = {value for row in await session.execute(query) for value in row if value}
    jobs = select(StoredJob).where(StoredJob.state.in_(("waiting", "running")))
    for job in await session.scalars(jobs):
        needed |= {ref for ref in (job.request.seed_image, job.request.mask) if ref}
    needed |= set(await session.scalars(select(StoredJam.seed_image)))
    return {value.removeprefix("sha256:") for value in needed}
