"""Queries that list riffs: pages, and suggestions for autocompletion.

Each is answered from an index in the order in which it is shown, so that its time does not depend
on the size of the library: pages are cut by cursor, never by offset. Words are found by `search`.
Where a `viewer` is given, only what they may see is found: their own riffs, and what was made in
a channel that they see. Without one everything is found, as for the library's owner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from riffbot.library.search import PageSlice, RiffFilter, find_matching
from riffbot.library.tables import Favourite, RiffWord, StoredRiff, UTCTime
from riffbot.library.tokenize import prefix_end, tokenize
from riffbot.library.types import Viewer


@dataclass(frozen=True)
class Page:
    """A page of riffs, the newest first.

    Attributes:
        riffs: at most as many as were asked for.
        newer, older: ids of the riffs from which the pages on either side begin; None where there
            is no such page.
        likes: how many members keep each among their favourites.
    """

    riffs: tuple[StoredRiff, ...]
    newer: str | None
    older: str | None
    likes: dict[str, int]


def select_recent(
    *,
    author_id: int | None,
    guild_id: int | None,
    viewer: Viewer | None,
    before: datetime | None = None,
    limit: int,
) -> Select[StoredRiff]:
    """The newest riffs first; see `RiffRepository.recent`."""
    query = _select_riffs(_filter(author_id, guild_id, viewer))
    if before is not None:
        query = query.where(StoredRiff.created_at < before)
    newest = (StoredRiff.created_at.desc(), StoredRiff.id.desc())
    return query.order_by(*newest).limit(limit)


def select_by_prefix(
    prefix: str,
    *,
    author_id: int | None,
    guild_id: int | None,
    viewer: Viewer | None,
    limit: int,
) -> Select[StoredRiff]:
    """Riffs whose prompts begin like this; see `RiffRepository.complete`."""
    key = prefix.strip().casefold()
    if not key:
        return select_recent(author_id=author_id, guild_id=guild_id, viewer=viewer, limit=limit)
    query = _select_riffs(_filter(author_id, guild_id, viewer))
    query = query.where(_begins(StoredRiff.prompt_key, key))
    return query.order_by(StoredRiff.prompt_key).limit(limit)


@dataclass(frozen=True)
class PageQuery:
    """Which page of the library is asked for.

    Attributes:
        author_id, guild_id, saved_by: whose riffs, where, or whose favourites.
        viewer: who asks.
        text: only riffs whose prompts have all these words (the last may be unfinished).
        older_than, newer_than: the page on that side of this riff.
        limit: riffs on it.
    """

    author_id: int | None = None
    guild_id: int | None = None
    saved_by: int | None = None
    viewer: Viewer | None = None
    text: str = ""
    older_than: str | None = None
    newer_than: str | None = None
    limit: int = 10


def find_page(session: Session, asked: PageQuery) -> Page:
    """Run a page query; see `RiffRepository.page`."""
    words, limit = tokenize(asked.text), asked.limit
    if asked.text and not words:
        return Page((), None, None, {})
    turned = asked.older_than or asked.newer_than
    cursor = _cursor(session, turned, asked.saved_by) if turned else None
    backward = asked.newer_than is not None and cursor is not None
    # One more than the page has: it tells whether there is another page.
    part = PageSlice(cursor, backward, limit + 1)
    found = list(session.scalars(_select_page(session, asked, words, part)))
    more, found = len(found) > limit, found[:limit]
    riffs = found[::-1] if backward else found
    before, after = (more, True) if backward else (cursor is not None, more)
    return Page(
        tuple(riffs),
        riffs[0].id if riffs and before else None,
        riffs[-1].id if riffs and after else None,
        count_likes(session, [riff.id for riff in riffs]),
    )


def _select_page(
    session: Session, asked: PageQuery, words: Sequence[str], part: PageSlice
) -> Select[StoredRiff]:
    viewer = asked.viewer
    if asked.saved_by is not None:
        query = _select_riffs(_filter(asked.author_id, asked.guild_id, None))
        query = query.join(Favourite, Favourite.riff_id == StoredRiff.id)
        query = query.where(Favourite.user_id == asked.saved_by, *_having(words))
        if viewer is not None:
            own = StoredRiff.author_id == viewer.user_id
            query = query.where(or_(own, StoredRiff.audience_id.in_(viewer.audiences)))
        return _cut(query, (Favourite.created_at, Favourite.riff_id), part)
    wanted = _filter(asked.author_id, asked.guild_id, viewer)
    if not words:
        return _cut(_select_riffs(wanted), _BY_TIME, part)
    hits = find_matching(session, words, wanted, part)
    query = _select_riffs(RiffFilter()).where(StoredRiff.id.in_(hits))
    return _sorted(query, _BY_TIME, part.backward)


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


_BY_TIME: tuple[Any, ...] = (StoredRiff.created_at, StoredRiff.id)


def _sorted(query: Select[StoredRiff], order: Sequence[Any], backward: bool) -> Select[StoredRiff]:
    return query.order_by(*(column.asc() if backward else column.desc() for column in order))


def _cut(query: Select[StoredRiff], order: Sequence[Any], part: PageSlice) -> Select[StoredRiff]:
    if part.cursor is not None:
        here = tuple_(literal(part.cursor[0], UTCTime), literal(part.cursor[1]))
        query = query.where(tuple_(*order) > here if part.backward else tuple_(*order) < here)
    return _sorted(query, order, part.backward).limit(part.limit)


def _cursor(session: Session, riff_id: str, saved_by: int | None) -> tuple[datetime, str] | None:
    """The place of a riff in the order of its page."""
    found: Favourite | StoredRiff | None
    if saved_by is not None:
        found = session.get(Favourite, (saved_by, riff_id))
    else:
        found = session.get(StoredRiff, riff_id)
    return (found.created_at, riff_id) if found is not None else None


def _filter(author_id: int | None, guild_id: int | None, viewer: Viewer | None) -> RiffFilter:
    if viewer is None or author_id == viewer.user_id:
        return RiffFilter(author_id, guild_id)
    return RiffFilter(author_id, guild_id, viewer.audiences)


def _select_riffs(wanted: RiffFilter) -> Select[StoredRiff]:
    query = select(StoredRiff).where(StoredRiff.gone.is_(None))
    if wanted.author_id is not None:
        query = query.where(StoredRiff.author_id == wanted.author_id)
    if wanted.guild_id is not None:
        query = query.where(StoredRiff.guild_id == wanted.guild_id)
    if wanted.audiences is not None:
        query = query.where(StoredRiff.audience_id.in_(wanted.audiences))
    return query


def _having(words: Sequence[str]) -> list[ColumnElement[bool]]:
    """Conditions that a riff has all these words; for one member's few favourites."""
    conditions: list[ColumnElement[bool]] = []
    for number, word in enumerate(words, start=1):
        other = aliased(RiffWord)
        same = _begins(other.word, word) if number == len(words) else other.word == word
        conditions.append(exists().where(other.riff_id == StoredRiff.id, same))
    return conditions


def _begins(column: InstrumentedAttribute[str], prefix: str) -> ColumnElement[bool]:
    """A prefix as a range, which any ordinary index serves."""
    return and_(column >= prefix, column < prefix_end(prefix))
