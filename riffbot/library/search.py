"""Word search: finds the riffs whose prompts have all of some words.

The table `riff_words` lists the riffs of each word in the order of time. A search reads the list of
its rarest word from the newest on and looks up each riff in the lists of the others, which are in
the same order: no list is read to its end, and a page for common words is full after a few lookups.

The statements are written as SQL: building them from objects takes longer than running them.

SQLite's FTS5 and PostgreSQL's tsvector (GIN) can find the same riffs in the same order
(`riffbot.bench.text_indexes`). In `riffbot bench library`, with 100,000 riffs on two busy cores, a
search took FTS5 0.4 to 1.9 times as long as this module in the median and 0.5 to 1.8 at the 95th
percentile, tsvector 0.6 to 1.4 and 0.7 to 1.4; indexing a new riff took 1.5 and 0.9 times as long.
FTS5's index has 10 MB instead of 106, tsvector's 25 instead of 183. They are not used because:

- `riff_words` serves both databases; these would be two searches with two migrations each way;
- FTS5 keeps the words of deleted riffs until its index is merged. Before SQLite 3.42, which has the
  option `secure-delete`, erasing a member would have to rewrite it: 1.4 s under the write lock;
- SQLite may be built without FTS5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Integer, String, TextClause, bindparam, text
from sqlalchemy.orm import Session

from riffbot.library.tables import UTCTime
from riffbot.library.tokenize import prefix_end

MAX_COMPLETIONS = 8
"""An incomplete last word is replaced by its completions if it has at most this many."""

MAX_COUNTED = 1000
"""The riffs of a word are counted up to this, to find the rarest word."""


@dataclass(frozen=True)
class RiffFilter:
    """The conditions on the riffs of a search; None is no condition.

    Attributes:
        author_id: the author.
        guild_id: the server in which they were made.
        audiences: the channels that they were made in (`Origin.audience_id`).
    """

    author_id: int | None = None
    guild_id: int | None = None
    audiences: frozenset[int] | None = None


@dataclass(frozen=True)
class PageSlice:
    """A part of a list in the order of time, by cursor.

    Attributes:
        cursor: time and id of the riff after which the part begins; None for the first part.
        backward: whether it goes from the cursor towards newer riffs.
        limit: the most riffs in the part.
    """

    cursor: tuple[datetime, str] | None
    backward: bool
    limit: int


def find_matching(
    session: Session, words: Sequence[str], wanted: RiffFilter, part: PageSlice
) -> Sequence[str]:
    """Return the ids of the riffs with all words; the last word may be incomplete."""
    terms = _build_terms(session, words)
    counts = _count_riffs(session, terms, wanted)
    if not all(counts):
        return []
    return _intersect(session, terms, counts.index(min(counts)), wanted, part)


_COMPLETIONS = text("""
    WITH RECURSIVE completion(word, number) AS (
        SELECT min(word), 1 FROM riff_words WHERE word >= :prefix AND word < :behind
        UNION ALL
        SELECT (SELECT min(word) FROM riff_words WHERE word > completion.word AND word < :behind),
            number + 1
        FROM completion WHERE completion.word IS NOT NULL AND number <= :most
    )
    SELECT word FROM completion WHERE word IS NOT NULL
""")
"""Finds the words with a prefix, each by one lookup in the index."""


@dataclass(frozen=True)
class _Term:
    """One word of a search, by its number.

    Attributes:
        words: the word, or its completions.
        prefix: the incomplete word, if it has too many completions to list.
    """

    number: int
    words: tuple[str, ...]
    prefix: str | None = None

    def match(self, table: str) -> str:
        """Build the condition that a row of the table is of this word."""
        if self.prefix is not None:
            return f"{table}.word >= :prefix AND {table}.word < :behind"
        # With “=”, the database reads the rows in the order of time without sorting them.
        return f"{table}.word {'=' if len(self.words) == 1 else 'IN'} :word{self.number}"

    def match_other_row(self) -> str:
        """Build the condition that the riff of a row of `w` has this word, too."""
        same = "o.riff_id = w.riff_id"
        if self.prefix is None:  # with the time, it is one lookup in the primary key
            same += " AND o.created_at = w.created_at"
        return f"EXISTS (SELECT 1 FROM riff_words AS o WHERE {self.match('o')} AND {same})"

    @property
    def values(self) -> dict[str, Any]:
        """The values of the parameters in the conditions."""
        if self.prefix is not None:
            return {"prefix": self.prefix, "behind": prefix_end(self.prefix)}
        single = len(self.words) == 1
        return {f"word{self.number}": self.words[0] if single else list(self.words)}

    @property
    def is_ordered(self) -> bool:
        """Whether its riffs come once each and in the order of time."""
        return self.prefix is None and len(self.words) == 1


def _build_terms(session: Session, words: Sequence[str]) -> list[_Term]:
    *whole, last = words
    known = {"prefix": last, "behind": prefix_end(last), "most": MAX_COMPLETIONS}
    completions = tuple(session.scalars(_COMPLETIONS, known))
    number = len(whole)
    incomplete = (
        _Term(number, (), last)
        if len(completions) > MAX_COMPLETIONS
        else _Term(number, completions or (last,))
    )
    return [*(_Term(n, (word,)) for n, word in enumerate(whole)), incomplete]


def _count_riffs(session: Session, terms: Sequence[_Term], wanted: RiffFilter) -> list[int]:
    """Count the riffs of each word, up to `MAX_COUNTED`."""
    within = _build_conditions(wanted)
    counts = [
        f"(SELECT count(*) FROM (SELECT 1 FROM riff_words AS w WHERE {term.match('w')}{within} "
        f"LIMIT :counted) AS some{term.number})"
        for term in terms
    ]
    values = {"counted": MAX_COUNTED, **_collect_values(terms, wanted)}
    return list(session.execute(_prepare(f"SELECT {', '.join(counts)}", values), values).one())


def _intersect(
    session: Session, terms: Sequence[_Term], driver: int, wanted: RiffFilter, part: PageSlice
) -> Sequence[str]:
    """Return the riffs in the list of one word that are in the lists of all others."""
    conditions = [terms[driver].match("w") + _build_conditions(wanted)]
    conditions += [term.match_other_row() for term in terms if term.number != driver]
    values: dict[str, Any] = {"limit": part.limit, **_collect_values(terms, wanted)}
    if part.cursor is not None:
        side = ">" if part.backward else "<"
        conditions.append(f"(w.created_at, w.riff_id) {side} (:at, :riff)")
        values |= {"at": part.cursor[0], "riff": part.cursor[1]}
    once = "" if terms[driver].is_ordered else "GROUP BY w.created_at, w.riff_id"
    way = "ASC" if part.backward else "DESC"
    found = _prepare(
        f"SELECT w.riff_id FROM riff_words AS w WHERE {' AND '.join(conditions)} {once} "
        f"ORDER BY w.created_at {way}, w.riff_id {way} LIMIT :limit",
        values,
    )
    return session.scalars(found, values).all()


def _build_conditions(wanted: RiffFilter) -> str:
    """Build the conditions of a filter on rows of `w`."""
    conditions = []
    if wanted.author_id is not None:
        conditions.append(" AND w.author_id = :author_id")
    if wanted.guild_id is not None:
        conditions.append(" AND w.guild_id = :guild_id")
    if wanted.audiences is not None:
        conditions.append(" AND w.audience_id IN :audiences")
    return "".join(conditions)


def _collect_values(terms: Sequence[_Term], wanted: RiffFilter) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for term in terms:
        values |= term.values
    if wanted.author_id is not None:
        values["author_id"] = wanted.author_id
    if wanted.guild_id is not None:
        values["guild_id"] = wanted.guild_id
    if wanted.audiences is not None:
        values["audiences"] = list(wanted.audiences)
    return values


_TEXT = String()
_TYPES: dict[str, Any] = {
    "author_id": BigInteger(),
    "guild_id": BigInteger(),
    "audiences": BigInteger(),
    "at": UTCTime(),
    "limit": Integer(),
    "counted": Integer(),
}


def _prepare(statement: str, values: dict[str, Any]) -> TextClause:
    """Return the statement with the types of its values, which PostgreSQL requires."""
    lists = frozenset(name for name, value in values.items() if isinstance(value, list))
    return _bind_types(statement, frozenset(values), lists)


@lru_cache(maxsize=200)
def _bind_types(statement: str, names: frozenset[str], lists: frozenset[str]) -> TextClause:
    return text(statement).bindparams(
        *(bindparam(name, type_=_TYPES.get(name, _TEXT), expanding=name in lists) for name in names)
    )
