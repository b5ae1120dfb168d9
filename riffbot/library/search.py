"""Word search: finds the riffs whose prompts have all of some words.

`riff_words` holds the riffs of each word in the order of time. A search reads the list of its
rarest word from the newest on and looks each riff up in the lists of the others, which lie in the
same order: no list is read as a whole, and a page of common words is full after a few looks.

Written as SQL, since to build such statements out of objects takes longer than to run them.
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

FEW = 8
"""An unfinished word that begins so many words at most is looked up as each of them."""

COUNTED = 1000
"""Riffs of a word are counted so far, to find the rarest; beyond that, common is common."""


@dataclass(frozen=True)
class RiffFilter:
    """Which riffs are asked for; None is no condition.

    Attributes:
        author_id: by whom.
        guild_id: in which server.
        audiences: in which of its channels (`Origin.audience_id`).
    """

    author_id: int | None = None
    guild_id: int | None = None
    audiences: frozenset[int] | None = None


@dataclass(frozen=True)
class PageSlice:
    """Which part of a list in the order of time is asked for, by cursor.

    Attributes:
        cursor: time and id of the riff after which it begins; None at the beginning of the list.
        backward: from the cursor towards newer riffs.
        limit: riffs at most.
    """

    cursor: tuple[datetime, str] | None
    backward: bool
    limit: int


def find_matching(
    session: Session, words: Sequence[str], wanted: RiffFilter, part: PageSlice
) -> Sequence[str]:
    """The ids of the riffs with all these words; the last word may be unfinished."""
    terms = _terms(session, words)
    counts = _counts(session, terms, wanted)
    if not all(counts):
        return []
    return _met(session, terms, counts.index(min(counts)), wanted, part)


_BEGUN = text("""
    WITH RECURSIVE begun(word, number) AS (
        SELECT min(word), 1 FROM riff_words WHERE word >= :prefix AND word < :behind
        UNION ALL
        SELECT (SELECT min(word) FROM riff_words WHERE word > begun.word AND word < :behind),
            number + 1
        FROM begun WHERE begun.word IS NOT NULL AND number <= :few
    )
    SELECT word FROM begun WHERE word IS NOT NULL
""")
"""The words that begin like this, from one to the next: a look into the index each."""


@dataclass(frozen=True)
class _Term:
    """One word of a search, by its number.

    Attributes:
        words: what it may be in full.
        prefix: how it begins, where that is the beginning of too many words to name them.
    """

    number: int
    words: tuple[str, ...]
    prefix: str | None = None

    def among(self, table: str) -> str:
        """The condition that a row of the table is of this word."""
        if self.prefix is not None:
            return f"{table}.word >= :prefix AND {table}.word < :behind"
        # One is asked for by name, so that its riffs are known to lie in the order of time.
        return f"{table}.word {'=' if len(self.words) == 1 else 'IN'} :word{self.number}"

    def beside(self) -> str:
        """The condition that the riff of a row of `w` has this word, too."""
        same = "o.riff_id = w.riff_id"
        if self.prefix is None:  # in its list, at the same place in time
            same += " AND o.created_at = w.created_at"
        return f"EXISTS (SELECT 1 FROM riff_words AS o WHERE {self.among('o')} AND {same})"

    @property
    def values(self) -> dict[str, Any]:
        """What the conditions name."""
        if self.prefix is not None:
            return {"prefix": self.prefix, "behind": prefix_end(self.prefix)}
        single = len(self.words) == 1
        return {f"word{self.number}": self.words[0] if single else list(self.words)}

    @property
    def in_order(self) -> bool:
        """Whether its riffs come once each and in the order of time."""
        return self.prefix is None and len(self.words) == 1


def _terms(session: Session, words: Sequence[str]) -> list[_Term]:
    *whole, last = words
    known = {"prefix": last, "behind": prefix_end(last), "few": FEW}
    begun = tuple(session.scalars(_BEGUN, known))
    number = len(whole)
    unfinished = _Term(number, (), last) if len(begun) > FEW else _Term(number, begun or (last,))
    return [*(_Term(n, (word,)) for n, word in enumerate(whole)), unfinished]


def _counts(session: Session, terms: Sequence[_Term], wanted: RiffFilter) -> list[int]:
    """How many riffs each word has, counted up to `COUNTED`."""
    within = _within(wanted)
    counts = [
        f"(SELECT count(*) FROM (SELECT 1 FROM riff_words AS w WHERE {term.among('w')}{within} "
        f"LIMIT :counted) AS some{term.number})"
        for term in terms
    ]
    values = {"counted": COUNTED, **_values(terms, wanted)}
    return list(session.execute(_typed(f"SELECT {', '.join(counts)}", values), values).one())


def _met(
    session: Session, terms: Sequence[_Term], driver: int, wanted: RiffFilter, part: PageSlice
) -> Sequence[str]:
    """The riffs in the list of one word that are in the lists of all others."""
    conditions = [terms[driver].among("w") + _within(wanted)]
    conditions += [term.beside() for term in terms if term.number != driver]
    values: dict[str, Any] = {"limit": part.limit, **_values(terms, wanted)}
    if part.cursor is not None:
        side = ">" if part.backward else "<"
        conditions.append(f"(w.created_at, w.riff_id) {side} (:at, :riff)")
        values |= {"at": part.cursor[0], "riff": part.cursor[1]}
    once = "" if terms[driver].in_order else "GROUP BY w.created_at, w.riff_id"
    way = "ASC" if part.backward else "DESC"
    found = _typed(
        f"SELECT w.riff_id FROM riff_words AS w WHERE {' AND '.join(conditions)} {once} "
        f"ORDER BY w.created_at {way}, w.riff_id {way} LIMIT :limit",
        values,
    )
    return session.scalars(found, values).all()


def _within(wanted: RiffFilter) -> str:
    """The conditions of a wanted on rows of `w`."""
    conditions = []
    if wanted.author_id is not None:
        conditions.append(" AND w.author_id = :author_id")
    if wanted.guild_id is not None:
        conditions.append(" AND w.guild_id = :guild_id")
    if wanted.audiences is not None:
        conditions.append(" AND w.audience_id IN :audiences")
    return "".join(conditions)


def _values(terms: Sequence[_Term], wanted: RiffFilter) -> dict[str, Any]:
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


def _typed(statement: str, values: dict[str, Any]) -> TextClause:
    """The statement with the types of its values, which PostgreSQL wants to know."""
    lists = frozenset(name for name, value in values.items() if isinstance(value, list))
    return _prepared(statement, frozenset(values), lists)


@lru_cache(maxsize=200)
def _prepared(statement: str, names: frozenset[str], lists: frozenset[str]) -> TextClause:
    return text(statement).bindparams(
        *(bindparam(name, type_=_TYPES.get(name, _TEXT), expanding=name in lists) for name in names)
    )
