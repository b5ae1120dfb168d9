"""Text indexes of the databases, as alternatives to RiffBot's table of words.

SQLite's FTS5 and PostgreSQL's tsvector with a GIN index are given RiffBot's own words, since their
tokenisers would find others (in `lo-fi`, of accents and numbers), and a riff's author, server and
channel as further terms, so that the index itself selects by them. All return the same riffs in the
same order. FTS5 is set up for speed: its row numbers are in the order of time, so that a search
ends when a page is full; it stores no positions, and lists all prefixes of up to three letters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import delete, insert, text
from sqlalchemy.orm import Session

from riffbot.library.search import PageSlice, RiffFilter, find_matching
from riffbot.library.tables import RiffWord
from riffbot.library.tokenize import tokenize

Row = Mapping[str, Any]
"""Columns of a riff: id, prompt, created_at, author_id, guild_id, audience_id."""


class TextIndex(ABC):
    """A way to find riffs by words.

    Attributes:
        name, database: what it is called, and in which database it is.
    """

    name: str
    database: str

    @abstractmethod
    def create(self, session: Session) -> None:
        """Create the tables, if RiffBot's own do not have them."""

    @abstractmethod
    def add(self, session: Session, rows: Sequence[Row]) -> None:
        """Index riffs, which come in the order of time."""

    @abstractmethod
    def remove(self, session: Session, row: Row) -> None:
        """Remove a riff."""

    @abstractmethod
    def find(
        self, session: Session, words: Sequence[str], wanted: RiffFilter, part: PageSlice
    ) -> Sequence[str]:
        """Return the ids of the riffs with all words, as `riffbot.library.search` does."""


class WordTable(TextIndex):
    """RiffBot's own table of words."""

    name, database = "riff_words", "both"

    def create(self, session: Session) -> None:
        """Do nothing: RiffBot's migrations create it."""

    def add(self, session: Session, rows: Sequence[Row]) -> None:
        """Insert one row a word, in the order in which they lie in the table."""
        words = [word for row in rows for word in _word_rows(row)]
        session.execute(insert(RiffWord), sorted(words, key=itemgetter("word", "created_at")))

    def remove(self, session: Session, row: Row) -> None:
        """Delete the rows of all words of the riff."""
        session.execute(delete(RiffWord).where(RiffWord.riff_id == row["id"]))

    def find(
        self, session: Session, words: Sequence[str], wanted: RiffFilter, part: PageSlice
    ) -> Sequence[str]:
        """Search as RiffBot does."""
        return find_matching(session, words, wanted, part)


class FTS5(TextIndex):
    """SQLite's full-text index, without a copy of the text."""

    name, database = "FTS5", "SQLite"

    @staticmethod
    def is_available(session: Session) -> bool:
        """Whether this SQLite was built with it."""
        modules = session.scalars(text("SELECT name FROM pragma_module_list")).all()
        return "fts5" in modules

    def create(self, session: Session) -> None:
        """Create the index, and a table of the riffs' row numbers.

        The tokeniser `ascii` changes no character outside of ASCII.
        """
        session.execute(
            text("CREATE TABLE bench_numbers (number INTEGER PRIMARY KEY, riff_id TEXT UNIQUE)")
        )
        session.execute(
            text(
                "CREATE VIRTUAL TABLE bench_terms USING fts5(terms, content='', detail=none, "
                "prefix='1 2 3', tokenize=\"ascii tokenchars '_@'\")"
            )
        )

    def add(self, session: Session, rows: Sequence[Row]) -> None:
        """Insert one row a riff, numbered from the largest number on."""
        first = session.scalar(text("SELECT coalesce(max(number), 0) + 1 FROM bench_numbers"))
        values = [
            {"number": number, "riff": row["id"], "terms": " ".join(_terms(row))}
            for number, row in enumerate(rows, start=first or 1)
        ]
        session.execute(text("INSERT INTO bench_numbers VALUES (:number, :riff)"), values)
        session.execute(
            text("INSERT INTO bench_terms (rowid, terms) VALUES (:number, :terms)"), values
        )

    def remove(self, session: Session, row: Row) -> None:
        """Delete the row, for which an index without content needs the same terms again."""
        session.execute(
            text(
                "INSERT INTO bench_terms (bench_terms, rowid, terms) "
                "SELECT 'delete', number, :terms FROM bench_numbers WHERE riff_id = :riff"
            ),
            {"riff": row["id"], "terms": " ".join(_terms(row))},
        )
        session.execute(
            text("DELETE FROM bench_numbers WHERE riff_id = :riff"), {"riff": row["id"]}
        )

    def find(
        self, session: Session, words: Sequence[str], wanted: RiffFilter, part: PageSlice
    ) -> Sequence[str]:
        """Run one MATCH in the order of the row numbers, which ends at a full page."""
        match = _query(words, wanted, quote='"', prefix=" *", either=" OR ", both=" AND ")
        values: dict[str, Any] = {"match": match, "limit": part.limit}
        beyond, way = "", "ASC" if part.backward else "DESC"
        if part.cursor is not None:
            side = ">" if part.backward else "<"
            beyond = f"AND rowid {side} (SELECT number FROM bench_numbers WHERE riff_id = :riff)"
            values["riff"] = part.cursor[1]
        query = text(
            "SELECT riff_id FROM bench_numbers WHERE number IN (SELECT rowid FROM bench_terms "
            f"WHERE bench_terms MATCH :match {beyond} ORDER BY rowid {way} LIMIT :limit) "
            f"ORDER BY number {way}"
        )
        return session.scalars(query, values).all()


class TSVector(TextIndex):
    """PostgreSQL's text search: a vector of terms for each riff, and a GIN index of them."""

    name, database = "tsvector", "PostgreSQL"

    def create(self, session: Session) -> None:
        """Create a narrow table: the rows of `riffs` are so wide that reading many takes long."""
        session.execute(
            text(
                "CREATE TABLE bench_terms (riff_id varchar(12) PRIMARY KEY, "
                "created_at timestamptz NOT NULL, terms tsvector NOT NULL)"
            )
        )
        session.execute(text("CREATE INDEX bench_terms_gin ON bench_terms USING gin (terms)"))

    def add(self, session: Session, rows: Sequence[Row]) -> None:
        """Insert one row a riff, with its terms unchanged by PostgreSQL's parser."""
        session.execute(
            text(
                "INSERT INTO bench_terms VALUES (:riff, :at, "
                "array_to_tsvector(CAST(:terms AS text[])))"
            ),
            [{"riff": row["id"], "at": row["created_at"], "terms": _terms(row)} for row in rows],
        )

    def remove(self, session: Session, row: Row) -> None:
        """Delete the riff's row."""
        session.execute(text("DELETE FROM bench_terms WHERE riff_id = :riff"), {"riff": row["id"]})

    def find(
        self, session: Session, words: Sequence[str], wanted: RiffFilter, part: PageSlice
    ) -> Sequence[str]:
        """Sort all matches by time, since a GIN index has no order."""
        match = _query(words, wanted, quote="'", prefix=":*", either=" | ", both=" & ")
        values: dict[str, Any] = {"match": match, "limit": part.limit}
        beyond, way = "", "ASC" if part.backward else "DESC"
        if part.cursor is not None:
            side = ">" if part.backward else "<"
            beyond = f"AND (created_at, riff_id) {side} (CAST(:at AS timestamptz), :riff)"
            values |= {"at": part.cursor[0], "riff": part.cursor[1]}
        query = text(
            "SELECT riff_id FROM bench_terms "
            f"WHERE terms @@ CAST(CAST(:match AS text) AS tsquery) {beyond} "
            f"ORDER BY created_at {way}, riff_id {way} LIMIT :limit"
        )
        return session.scalars(query, values).all()


def _word_rows(row: Row) -> list[dict[str, Any]]:
    columns = ("created_at", "author_id", "guild_id", "audience_id")
    same = {"riff_id": row["id"], **{column: row[column] for column in columns}}
    return [{"word": word, **same} for word in tokenize(row["prompt"])]


def _terms(row: Row) -> list[str]:
    """Return a riff's words and, as terms that no word can be, its author, server and channel."""
    scopes = [
        f"@{letter}{row[column]}"
        for letter, column in (("a", "author_id"), ("g", "guild_id"), ("c", "audience_id"))
        if row[column] is not None
    ]
    return [*tokenize(row["prompt"]), *scopes]


def _query(
    words: Sequence[str], wanted: RiffFilter, *, quote: str, prefix: str, either: str, both: str
) -> str:
    """Write a search in an index's own syntax: all words, the last unfinished, and the filter."""

    def quoted(term: str) -> str:
        return f"{quote}{term}{quote}"

    *whole, last = words
    conditions = [*map(quoted, whole), quoted(last) + prefix]
    conditions += [f"({either.join(map(quoted, some))})" for some in _scopes(wanted)]
    return both.join(conditions)


def _scopes(wanted: RiffFilter) -> list[list[str]]:
    """Return the conditions of a filter: of each list, a riff must have one term."""
    conditions = []
    if wanted.author_id is not None:
        conditions.append([f"@a{wanted.author_id}"])
    if wanted.guild_id is not None:
        conditions.append([f"@g{wanted.guild_id}"])
    if wanted.audiences is not None:
        conditions.append([f"@c{channel}" for channel in sorted(wanted.audiences)])
    return conditions
