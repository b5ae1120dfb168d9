"""Checks the rows of a library against each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, Table, text

from riffbot.errors import RiffBotError
from riffbot.library.backup.rows import Row, read_rows, reflect_tables
from riffbot.library.inspection.problems import Inspection, Kind
from riffbot.library.job_states import UNFINISHED
from riffbot.library.tokenize import tokenize
from riffbot.library.types import second_image_ref
from riffbot.request import RiffRequest

ReadJam = Callable[[str], object]
"""Reads a stored jam; raises StorageError. (The library does not interpret it.)"""

MAX_MESSAGES = 20
"""The most lines of the database's own check that are reported."""


def check_rows(connection: Connection, found: Inspection, read_jam: ReadJam) -> None:
    """Check all rows in the snapshot of a connection, and add what is wrong."""
    if connection.dialect.name == "sqlite":
        for (message,) in connection.execute(text(f"PRAGMA integrity_check({MAX_MESSAGES})")):
            if message != "ok":
                found.add(Kind.DATABASE, "integrity", message)
    tables = {table.name: table for table in reflect_tables(connection)}
    made = _check_riffs(connection, tables, found)
    _check_references(connection, tables, found, set(made))
    _check_words(connection, tables, found, made)
    for row in read_rows(connection, tables["jobs"]):
        if row["state"] in UNFINISHED and row["id"] in made:
            found.add(Kind.JOB, row["id"])
        elif row["state"] in UNFINISHED:
            _read_request(row, found, "job")
    for row in read_rows(connection, tables["jams"], ("id", "state")):
        try:
            read_jam(row["state"])
        except RiffBotError:
            found.add(Kind.JAM, row["id"])


def _check_riffs(
    connection: Connection, tables: dict[str, Table], found: Inspection
) -> dict[str, list[str]]:
    """Check every riff's row; returns the words of each by its id."""
    words: dict[str, list[str]] = {}
    for row in read_rows(connection, tables["riffs"]):
        found.riffs += 1
        words[row["id"]] = []
        request = _read_request(row, found, "riff")
        if request is None or row["gone"] is not None:
            continue
        words[row["id"]] = tokenize(request.prompt)
        for name, value in columns_of(request).items():
            if row[name] != value:
                found.add(Kind.COLUMN, row["id"], column=name)
    return words


def columns_of(request: RiffRequest) -> dict[str, Any]:
    """Return what the columns of a riff say that repeat parts of its request."""
    return {
        "prompt": request.prompt,
        "prompt_key": request.prompt.casefold(),
        "seed": request.seed,
        "seed_image": request.seed_image,
        "mask": request.mask,
        "second_image": second_image_ref(request),
    }


def _read_request(row: Row, found: Inspection, what: str) -> RiffRequest | None:
    try:
        return RiffRequest.from_json(row["request"])
    except RiffBotError as error:
        found.add(Kind.REQUEST, row["id"], f"{what}: {error}")
        return None


def _check_references(
    connection: Connection, tables: dict[str, Table], found: Inspection, riffs: set[str]
) -> None:
    """Find rows that refer to riffs that are not there (databases without checks let them in)."""
    for table, column in (
        ("riffs", "parent_id"),
        ("riffs", "second_parent_id"),
        ("riff_words", "riff_id"),
        ("favourites", "riff_id"),
    ):
        absent = {
            row[column]
            for row in read_rows(connection, tables[table], (column,))
            if row[column] is not None and row[column] not in riffs
        }
        for riff_id in sorted(absent):
            found.add(Kind.REFERENCE, riff_id, table, column=column)


def _check_words(
    connection: Connection,
    tables: dict[str, Table],
    found: Inspection,
    expected: dict[str, list[str]],
) -> None:
    stored: defaultdict[str, set[str]] = defaultdict(set)
    for row in _words(connection, tables["riff_words"]):
        stored[row["riff_id"]].add(row["word"])
    for riff_id, words in expected.items():
        if stored[riff_id] != set(words):
            found.add(Kind.WORDS, riff_id)


def _words(connection: Connection, table: Table) -> Iterator[Row]:
    return read_rows(connection, table, ("riff_id", "word"))
