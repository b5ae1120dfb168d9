"""A database's rows as JSON lines, from one snapshot, and back into another database.

The tables are read as the database has them, not as this version declares them, so that a library
of an earlier version can be backed up before it is upgraded. Values are those of JSON, times in
ISO 8601, so that SQLite's rows fit into PostgreSQL and the other way round.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, DateTime, MetaData, Table, bindparam, inspect, select, update
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from riffbot.errors import BadRequest, StorageError
from riffbot.library.connection import connect, connect_reader, with_repeatable_read
from riffbot.library.db_errors import translate_db_errors
from riffbot.library.job_states import UNFINISHED
from riffbot.library.tables import Base
from riffbot.library.types import referenced_images
from riffbot.request import RiffRequest

Row = dict[str, Any]
"""A row's values by the names of their columns."""

T = TypeVar("T")

_BATCH = 500
"""Rows that are read or inserted at a time."""

_PREFIX = "sha256:"

_RIFF_FILES = ("png", "mp3", "picture")
_RIFF_IMAGES = ("seed_image", "mask", "second_image")


def run_in_snapshot(url: URL, function: Callable[[Connection], T]) -> T:
    """Run a reading function on a new connection, all of whose statements see one snapshot.

    Others may write meanwhile. Runs its own event loop on PostgreSQL: call it in a thread, or
    before an event loop runs.

    Raises:
        StorageError: the database cannot be read.
    """
    reader = connect_reader(url)
    if reader is not None:
        try:
            with translate_db_errors(), reader.connect() as connection:
                return function(connection)
        finally:
            reader.dispose()

    async def run() -> T:
        engine = with_repeatable_read(connect(url))
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(function)
        finally:
            await engine.dispose()

    with translate_db_errors():
        return asyncio.run(run())


def reflect_tables(connection: Connection) -> list[Table]:
    """Return RiffBot's tables as the database has them, those that others refer to first."""
    there = set(inspect(connection).get_table_names())
    metadata = MetaData()
    metadata.reflect(connection, only=sorted(there & set(Base.metadata.tables)))
    return list(metadata.sorted_tables)


def read_rows(connection: Connection, table: Table, columns: Iterable[str] = ()) -> Iterator[Row]:
    """Yield all rows of a table, or some of its columns, with values that JSON has."""
    chosen = [table.c[name] for name in columns] or list(table.c)
    query = select(*chosen).execution_options(yield_per=_BATCH)
    for row in connection.execute(query).mappings():
        yield {name: _to_json(value) for name, value in row.items()}


def insert_rows(connection: Connection, table: Table, rows: Iterable[Row]) -> int:
    """Insert rows that `read_rows` gave; returns how many.

    A reference to a row of the same table is set once all of them are there. PostgreSQL's texts
    lose their NUL characters, which it does not store.

    Raises:
        StorageError: their columns are not those of the table, or the database refuses them.
    """
    own = {
        key.parent.name: key.column.name for key in table.foreign_keys if key.column.table is table
    }
    times = {column.name for column in table.c if isinstance(column.type, DateTime)}
    naive = connection.dialect.name == "sqlite"
    references: list[Row] = []
    count = 0
    todo = iter(rows)
    while batch := list(islice(todo, _BATCH)):
        for row in batch:
            if row.keys() != set(table.c.keys()):
                raise StorageError(
                    f"The backup is damaged (its rows do not fit into the table {table.name}): "
                    "take another one."
                )
            if not naive:
                _drop_nul(row)
            for name in times:
                row[name] = _to_time(row[name], naive=naive)
        if own:
            references += [_take_references(row, own) for row in batch if any(row[n] for n in own)]
        with _refuse_bad_rows(table):
            connection.execute(table.insert(), batch)
        count += len(batch)
    with _refuse_bad_rows(table):
        _set_references(connection, table, own, references)
    return count


@contextmanager
def _refuse_bad_rows(table: Table) -> Iterator[None]:
    """Translate what a database says to rows that it does not take: a key that is there twice."""
    try:
        with translate_db_errors():
            yield
    except (SQLAlchemyError, ValueError, TypeError, OverflowError) as error:
        raise StorageError(
            f"The backup is damaged (the database refuses its rows of {table.name}): take another "
            "one."
        ) from error


def _drop_nul(row: Row) -> None:
    """Remove the characters from a row's texts that PostgreSQL does not store."""
    for name, value in row.items():
        if isinstance(value, str) and "\0" in value:
            row[name] = value.replace("\0", "")


def _take_references(row: Row, own: dict[str, str]) -> Row:
    """Move a row's references to its own table out of it, with its key."""
    taken = {f"_{target}": row[target] for target in set(own.values())}
    for name in own:
        taken[name], row[name] = row[name], None
    return taken


def _set_references(
    connection: Connection, table: Table, own: dict[str, str], references: list[Row]
) -> None:
    if not references:
        return
    keys = [table.c[target] == bindparam(f"_{target}") for target in set(own.values())]
    statement = update(table).where(*keys).values({name: bindparam(name) for name in own})
    for start in range(0, len(references), _BATCH):
        connection.execute(statement, references[start : start + _BATCH])


def find_references(connection: Connection, tables: Iterable[Table]) -> set[str]:
    """Return the sha256 of all files that the rows refer to."""
    found: set[str] = set()
    for table in tables:
        wanted = [name for name in _columns_with_references(table.name) if name in table.c]
        if wanted:
            for row in read_rows(connection, table, wanted):
                found |= references_of(table.name, row)
    return found


def references_of(table: str, row: Row) -> set[str]:
    """Return the sha256 of the files that one row refers to."""
    if table == "riffs":
        values = {row.get(name) for name in (*_RIFF_FILES, *_RIFF_IMAGES)}
    elif table == "jams":
        values = {row["seed_image"]}
    elif table == "jobs" and row["state"] in UNFINISHED:
        values = set(_images_of_request(row["request"]))
    else:
        return set()
    return {
        digest
        for value in values
        if value and len(digest := value.removeprefix(_PREFIX)) == 64 and digest.isalnum()
    }


def _columns_with_references(table: str) -> tuple[str, ...]:
    return {
        "riffs": (*_RIFF_FILES, *_RIFF_IMAGES),
        "jams": ("seed_image",),
        "jobs": ("state", "request"),
    }.get(table, ())


def _images_of_request(text: str) -> set[str]:
    try:
        return referenced_images(RiffRequest.from_json(text))
    except BadRequest:  # its job will fail, with or without its pictures
        return set()


def encode_row(row: Row) -> bytes:
    """Format a row as one line of JSON."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def decode_row(line: bytes) -> Row:
    """Parse a line of `encode_row`. Raises ValueError."""
    row = json.loads(line)
    if not isinstance(row, dict):
        raise ValueError("a row is a JSON object")
    return row


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        # SQLite stores no time zone; every time of the library is in UTC.
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.isoformat()
    return value


def _to_time(value: str | None, *, naive: bool) -> datetime | None:
    if value is None:
        return None
    time = datetime.fromisoformat(value)
    return time.replace(tzinfo=None) if naive else time
