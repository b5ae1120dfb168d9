"""Finding riffs among a hundred thousand: pages, search, suggestions.

Every question is answered from an index in the order in which it is shown, so that the answer does
not depend on how much there is: pages begin behind the last riff of the page before (never at an
offset), and a search walks the rarest of its words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from riffbot.library.models import Favourite, RiffWord, StoredRiff, UTCTime
from riffbot.library.riffs import PAGE, RiffStore
from riffbot.library.words import prefix_end, words_of

RARE = 400
"""A word that fewer riffs have is looked up from its own end; more need not be counted."""


@dataclass(frozen=True)
class Page:
    """Some riffs, the newest first.

    Attributes:
        riffs: at most as many as were asked for.
        newer, older: the riffs to turn from; None where there is nothing more.
        likes: how many members keep each among their favourites.
    """

    riffs: tuple[StoredRiff, ...]
    newer: str | None
    older: str | None
    likes: dict[str, int]


class Browser(RiffStore):
    """The library's reading desk."""

    async def recent(
        self,
        *,
        author_id: int | None = None,
        guild_id: int | None = None,
        before: datetime | None = None,
        limit: int = PAGE,
    ) -> Sequence[StoredRiff]:
        """The newest riffs first, of a member or a server if told; `before` turns the page."""
        query = _narrowed(_living(), author_id, guild_id)
        if before is not None:
            query = query.where(StoredRiff.created_at < before)
        return await self._some(query.order_by(StoredRiff.created_at.desc()).limit(limit))

    async def page(
        self,
        *,
        author_id: int | None = None,
        guild_id: int | None = None,
        saved_by: int | None = None,
        text: str = "",
        older_than: str | None = None,
        newer_than: str | None = None,
        limit: int = 10,
    ) -> Page:
        """A page of the library.

        Args:
            author_id, guild_id, saved_by: whose riffs, where, or whose favourites.
            text: only riffs whose prompts have all these words.
            older_than, newer_than: turn to what lies on that side of this riff.

        Returns:
            The page. A riff to turn from that is gone by now gives the first page.
        """
        order: list[Any] = [StoredRiff.created_at, StoredRiff.id]
        query = _narrowed(_living(), author_id, guild_id)
        if saved_by is not None:
            query = query.join(Favourite, Favourite.riff_id == StoredRiff.id)
            query = query.where(Favourite.user_id == saved_by)
            order = [Favourite.created_at, Favourite.riff_id]
        async with self._read() as session:
            if text:
                words = words_of(text)
                if not words:
                    return Page((), None, None, {})
                query, order = await self._matching(session, query, words, author_id, guild_id)
            turned = older_than or newer_than
            place = await _place(session, turned, saved_by) if turned else None
            back = newer_than is not None and place is not None
            if place is not None:
                here = tuple_(literal(place[0], UTCTime), literal(place[1]))
                side = tuple_(*order) > here if back else tuple_(*order) < here
                query = query.where(side)
            query = query.order_by(*(c.asc() if back else c.desc() for c in order))
            found = list((await session.scalars(query.limit(limit + 1))).all())
        more = len(found) > limit
        riffs = found[:limit][::-1] if back else found[:limit]
        before, after = (more, True) if back else (place is not None, more)
        return Page(
            tuple(riffs),
            riffs[0].id if riffs and before else None,
            riffs[-1].id if riffs and after else None,
            await self.likes(riff.id for riff in riffs) if riffs else {},
        )

    async def search(
        self,
        text: str,
        *,
        author_id: int | None = None,
        guild_id: int | None = None,
        limit: int = PAGE,
    ) -> Sequence[StoredRiff]:
        """Riffs whose prompts have all these words (the last may be unfinished), newest first."""
        if not words_of(text):
            return []
        page = await self.page(text=text, author_id=author_id, guild_id=guild_id, limit=limit)
        return list(page.riffs)

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
        query = _narrowed(_living(), author_id, guild_id)
        query = query.where(_begins(StoredRiff.prompt_key, key))
        return await self._some(query.order_by(StoredRiff.prompt_key).limit(limit))

    async def _matching(
        self,
        session: AsyncSession,
        query: Select[StoredRiff],
        words: list[str],
        author_id: int | None,
        guild_id: int | None,
    ) -> tuple[Select[StoredRiff], list[Any]]:
        """The query with all words, driven by the one that leaves the least to look at."""
        *whole, last = words
        conditions = [RiffWord.word == word for word in whole]
        conditions.append(_begins(RiffWord.word, last))
        scope = []
        if author_id is not None:
            scope.append(RiffWord.author_id == author_id)
        elif guild_id is not None:
            scope.append(RiffWord.guild_id == guild_id)
        counts = [await _count(session, condition, scope) for condition in conditions]
        rarest = counts.index(min(counts))
        order: list[Any] = [StoredRiff.created_at, StoredRiff.id]
        driver: int | None = rarest
        if counts[rarest] < RARE:
            ids = select(RiffWord.riff_id).where(conditions[rarest], *scope)
            query = query.where(StoredRiff.id.in_(ids))
        elif whole:
            driver = counts.index(min(counts[:-1]))
            query = query.join(RiffWord, RiffWord.riff_id == StoredRiff.id)
            query = query.where(conditions[driver], *scope)
            order = [RiffWord.created_at, RiffWord.riff_id]
        else:
            # An unfinished word that many riffs have, in no order of time: a look at the newest
            # riffs finds a page of them soon.
            driver = None
        found = StoredRiff.id if order[0] is StoredRiff.created_at else RiffWord.riff_id
        for number, word in enumerate(words):
            if number != driver:
                other = aliased(RiffWord)
                same = _begins(other.word, word) if number == len(whole) else other.word == word
                query = query.where(exists().where(other.riff_id == found, same))
        return query, order


async def _count(
    session: AsyncSession, condition: ColumnElement[bool], scope: list[ColumnElement[bool]]
) -> int:
    """How many riffs have a word, counted up to `RARE`."""
    some = select(RiffWord.riff_id).where(condition, *scope).limit(RARE).subquery()
    return await session.scalar(select(func.count()).select_from(some)) or 0


async def _place(
    session: AsyncSession, riff_id: str, saved_by: int | None
) -> tuple[datetime, str] | None:
    """Where a riff stands in the order of its page."""
    if saved_by is not None:
        kept = await session.get(Favourite, (saved_by, riff_id))
        return (kept.created_at, riff_id) if kept is not None else None
    riff = await session.get(StoredRiff, riff_id)
    return (riff.created_at, riff_id) if riff is not None else None


def _living() -> Select[StoredRiff]:
    return select(StoredRiff).where(StoredRiff.gone.is_(None))


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
