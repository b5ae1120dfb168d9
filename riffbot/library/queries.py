"""Queries that list riffs: pages, and suggestions for autocompletion.

Each query reads an index in the order in which its result is shown, so that its time does not
depend on the size of the library: pages are addressed by cursor, never by offset. Words are found
by `search`. With a `viewer`, only the riffs that they may see are found: their own, and those made
in a channel that they see. Without one all riffs are found, as for the library's owner.
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
        riffs: at most as many as the query's limit.
        newer, older: the cursors of the pages on either side, as ids of riffs; None if there is
            no such page.
        likes: how many members have each riff among their favourites.
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
    """Select the newest riffs first; see `RiffRepository.recent`."""
    query = _select_riffs(_build_filter(author_id, guild_id, viewer))
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
    """Select the riffs whose prompts begin with `prefix`; see `RiffRepository.complete`."""
    key = prefix.strip().casefold()
    if not key:
        return select_recent(author_id=author_id, guild_id=guild_id, viewer=viewer, limit=limit)
    query = _select_riffs(_build_filter(author_id, guild_id, viewer))
    query = query.where(_starts_with(StoredRiff.prompt_key, key))
    return query.order_by(StoredRiff.prompt_key).limit(limit)


@dataclass(frozen=True)
class PageQuery:
    """A query for a page of the library.

    Attributes:
        author_id, guild_id: the author and the server of the riffs; None for all.
        saved_by: the member whose favourites are listed; None for all riffs.
        viewer: the member on whose behalf the library is read.
        text: only riffs whose prompts have all these words (the last may be incomplete).
        older_than, newer_than: the cursor: the id of the riff beside which the page lies.
        limit: the most riffs on the page.
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
    cursor = _find_cursor(session, turned, asked.saved_by) if turned else None
    backward = asked.newer_than is not None and cursor is not None
    # One more than the page has shows whether there is another page.
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
        query = _select_riffs(_build_filter(asked.author_id, asked.guild_id, None))
        query = query.join(Favourite, Favourite.riff_id == StoredRiff.id)
        query = query.where(Favourite.user_id == asked.saved_by, *_match_words(words))
        if viewer is not None:
            own = StoredRiff.author_id == viewer.user_id
            query = query.where(or_(own, StoredRiff.audience_id.in_(viewer.audiences)))
        return _slice(query, (Favourite.created_at, Favourite.riff_id), part)
    wanted = _build_filter(asked.author_id, asked.guild_id, viewer)
    if not words:
        return _slice(_select_riffs(wanted), _BY_TIME, part)
    hits = find_matching(session, words, wanted, part)
    query = _select_riffs(RiffFilter()).where(StoredRiff.id.in_(hits))
    return _order(query, _BY_TIME, part.backward)


def count_likes(session: Session, riff_ids: Sequence[str]) -> dict[str, int]:
    """Count the members that have each riff among their favourites; zeros are left out."""
    if not riff_ids:
        return {}
    query = (
        select(Favourite.riff_id, func.count())
        .where(Favourite.riff_id.in_(riff_ids))
        .group_by(Favourite.riff_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


_BY_TIME: tuple[Any, ...] = (StoredRiff.created_at, StoredRiff.id)


def _order(query: Select[StoredRiff], order: Sequence[Any], backward: bool) -> Select[StoredRiff]:
    return query.order_by(*(column.asc() if backward else column.desc() for column in order))


def _slice(query: Select[StoredRiff], order: Sequence[Any], part: PageSlice) -> Select[StoredRiff]:
    if part.cursor is not None:
        here = tuple_(literal(part.cursor[0], UTCTime), literal(part.cursor[1]))
        query = query.where(tuple_(*order) > here if part.backward else tuple_(*order) < here)
    return _order(query, order, part.backward).limit(part.limit)


def _find_cursor(
    session: Session, riff_id: str, saved_by: int | None
) -> tuple[datetime, str] | None:
    """Return the cursor of a riff: its place in the order of the page."""
    found: Favourite | StoredRiff | None
    if saved_by is not None:
        found = session.get(Favourite, (saved_by, riff_id))
    else:
        found = session.get(StoredRiff, riff_id)
    return (found.created_at, riff_id) if found is not None else None


def _build_filter(author_id: int | None, guild_id: int | None, viewer: Viewer | None) -> RiffFilter:
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


def _match_words(words: Sequence[str]) -> list[ColumnElement[bool]]:
    """Build the conditions that a riff has all words; for the few favourites of one member."""
    conditions: list[ColumnElement[bool]] = []
    for number, word in enumerate(words, start=1):
        other = aliased(RiffWord)
        same = _starts_with(other.word, word) if number == len(words) else other.word == word
        conditions.append(exists().where(other.riff_id == StoredRiff.id, same))
    return conditions


def _starts_with(column: InstrumentedAttribute[str], prefix: str) -> ColumnElement[bool]:
    """Build the condition for a prefix as a range, for which any ordinary index is used."""
    return and_(column >= prefix, column < prefix_end(prefix))
