"""Finding riffs among a hundred thousand: pages and suggestions.

Every question is answered from an index in the order in which it is shown, so that the answer does
not depend on how much there is: pages begin behind the last riff of the page before (never at an
offset). How words are found is written in `searching`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, literal, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from riffbot.library.models import Favourite, RiffWord, StoredRiff, UTCTime
from riffbot.library.riffs import PAGE, RiffStore, count_likes
from riffbot.library.search import RiffFilter, PageSlice, find_matching
from riffbot.library.tokenize import prefix_end, tokenize
from riffbot.library.types import Viewer


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
    """The library's reading desk.

    Where a `viewer` asks, only what they may see is found: without `author_id`, what was made
    where they can look. Nobody else's questions have one: the library's owner sees everything.
    """

    async def recent(
        self,
        *,
        author_id: int | None = None,
        guild_id: int | None = None,
        viewer: Viewer | None = None,
        before: datetime | None = None,
        limit: int = PAGE,
    ) -> Sequence[StoredRiff]:
        """The newest riffs first, of a member or a server if told; `before` turns the page."""
        query = _living(_scope(author_id, guild_id, viewer))
        if before is not None:
            query = query.where(StoredRiff.created_at < before)
        newest = (StoredRiff.created_at.desc(), StoredRiff.id.desc())
        return await self._some(query.order_by(*newest).limit(limit))

    async def page(
        self,
        *,
        author_id: int | None = None,
        guild_id: int | None = None,
        saved_by: int | None = None,
        viewer: Viewer | None = None,
        text: str = "",
        older_than: str | None = None,
        newer_than: str | None = None,
        limit: int = 10,
    ) -> Page:
        """A page of the library.

        Args:
            author_id, guild_id, saved_by: whose riffs, where, or whose favourites.
            viewer: who asks.
            text: only riffs whose prompts have all these words (the last may be unfinished).
            older_than, newer_than: turn to what lies on that side of this riff.

        Returns:
            The page. A riff to turn from that is gone by now gives the first page.
        """
        words = tokenize(text)
        if text and not words:
            return Page((), None, None, {})
        scope = _scope(author_id, guild_id, None if saved_by is not None else viewer)
        query, order = _living(scope), _BY_TIME
        if saved_by is not None:
            query = query.join(Favourite, Favourite.riff_id == StoredRiff.id)
            query = query.where(Favourite.user_id == saved_by, *_having(words))
            if viewer is not None:
                own = StoredRiff.author_id == viewer.user_id
                query = query.where(or_(own, StoredRiff.audience_id.in_(viewer.audiences)))
            order = (Favourite.created_at, Favourite.riff_id)

        def look(session: Session) -> Page:
            turned = older_than or newer_than
            place = _place(session, turned, saved_by) if turned else None
            back = newer_than is not None and place is not None
            # One more than the page has: it tells whether there is another page.
            stretch = PageSlice(place, back, limit + 1)
            if words and saved_by is None:
                hits = find_matching(session, words, scope, stretch)
                asked = _sorted(_living(RiffFilter()).where(StoredRiff.id.in_(hits)), order, back)
            else:
                asked = _cut(query, order, stretch)
            found = list(session.scalars(asked))
            more, found = len(found) > limit, found[:limit]
            riffs = found[::-1] if back else found
            before, after = (more, True) if back else (place is not None, more)
            return Page(
                tuple(riffs),
                riffs[0].id if riffs and before else None,
                riffs[-1].id if riffs and after else None,
                count_likes(session, [riff.id for riff in riffs]),
            )

        return await self._ask(look)

    async def search(
        self,
        text: str,
        *,
        author_id: int | None = None,
        guild_id: int | None = None,
        viewer: Viewer | None = None,
        limit: int = PAGE,
    ) -> Sequence[StoredRiff]:
        """Riffs whose prompts have all these words (the last may be unfinished), newest first."""
        if not tokenize(text):
            return []
        page = await self.page(
            text=text, author_id=author_id, guild_id=guild_id, viewer=viewer, limit=limit
        )
        return list(page.riffs)

    async def complete(
        self,
        prefix: str,
        *,
        author_id: int | None = None,
        guild_id: int | None = None,
        viewer: Viewer | None = None,
        limit: int = PAGE,
    ) -> Sequence[StoredRiff]:
        """Riffs whose prompts begin like this, for autocompletion; the newest for no prefix."""
        key = prefix.strip().casefold()
        if not key:
            return await self.recent(
                author_id=author_id, guild_id=guild_id, viewer=viewer, limit=limit
            )
        scope = _scope(author_id, guild_id, viewer)
        query = _living(scope).where(_begins(StoredRiff.prompt_key, key))
        return await self._some(query.order_by(StoredRiff.prompt_key).limit(limit))


_BY_TIME: tuple[Any, ...] = (StoredRiff.created_at, StoredRiff.id)


def _sorted(query: Select[StoredRiff], order: Sequence[Any], back: bool) -> Select[StoredRiff]:
    return query.order_by(*(column.asc() if back else column.desc() for column in order))


def _cut(query: Select[StoredRiff], order: Sequence[Any], stretch: PageSlice) -> Select[StoredRiff]:
    if stretch.place is not None:
        here = tuple_(literal(stretch.place[0], UTCTime), literal(stretch.place[1]))
        query = query.where(tuple_(*order) > here if stretch.back else tuple_(*order) < here)
    return _sorted(query, order, stretch.back).limit(stretch.limit)


def _place(session: Session, riff_id: str, saved_by: int | None) -> tuple[datetime, str] | None:
    """Where a riff stands in the order of its page."""
    found: Favourite | StoredRiff | None
    if saved_by is not None:
        found = session.get(Favourite, (saved_by, riff_id))
    else:
        found = session.get(StoredRiff, riff_id)
    return (found.created_at, riff_id) if found is not None else None


def _scope(author_id: int | None, guild_id: int | None, viewer: Viewer | None) -> RiffFilter:
    if viewer is None or author_id == viewer.user_id:
        return RiffFilter(author_id, guild_id)
    return RiffFilter(author_id, guild_id, viewer.audiences)


def _living(scope: RiffFilter) -> Select[StoredRiff]:
    query = select(StoredRiff).where(StoredRiff.gone.is_(None))
    if scope.author_id is not None:
        query = query.where(StoredRiff.author_id == scope.author_id)
    if scope.guild_id is not None:
        query = query.where(StoredRiff.guild_id == scope.guild_id)
    if scope.audiences is not None:
        query = query.where(StoredRiff.audience_id.in_(scope.audiences))
    return query


def _having(words: Sequence[str]) -> list[ColumnElement[bool]]:
    """A riff has all these words; for the few that are some member's favourites."""
    conditions: list[ColumnElement[bool]] = []
    for number, word in enumerate(words, start=1):
        other = aliased(RiffWord)
        same = _begins(other.word, word) if number == len(words) else other.word == word
        conditions.append(exists().where(other.riff_id == StoredRiff.id, same))
    return conditions


def _begins(column: InstrumentedAttribute[str], prefix: str) -> ColumnElement[bool]:
    """A prefix as a range, which any ordinary index serves."""
    return and_(column >= prefix, column < prefix_end(prefix))
