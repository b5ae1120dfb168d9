"""Times RiffBot's word search and a database's own text index on the same riffs."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from sqlalchemy import insert, text
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session

from riffbot.bench.library_data import SEARCHES, Search, make_rows, write_riffs
from riffbot.bench.progress import ProgressBar
from riffbot.bench.text_indexes import Row, TextIndex, TSVector, WordTable
from riffbot.library.connection import connect
from riffbot.library.database import Database
from riffbot.library.files import Files
from riffbot.library.migrate import upgrade
from riffbot.library.search import PageSlice, RiffFilter
from riffbot.library.tables import StoredRiff
from riffbot.library.tokenize import tokenize

Percentiles = tuple[float, float]
"""The median and the 95th percentile, in milliseconds."""

FILLING = 3
"""The work of writing the riffs, in searches."""

_PAGE = 11
"""Riffs that a search returns: a page, and one that shows that there is another page."""

_CHUNK = 10_000
"""Riffs that are indexed at once."""

_TWO_WORDS = "search here, two words"
_LATER = f"{_TWO_WORDS}, later page"

_WRITES = 20
"""Riffs that are written and deleted a round, each in its own transaction."""


@dataclass(frozen=True)
class IndexComparison:
    """What was measured on one database.

    Attributes:
        database, index: what RiffBot's table of words was compared with.
        milliseconds: percentiles by operation: RiffBot's, the index's.
        megabytes: of RiffBot's table with its indexes, and of the index.
    """

    database: str
    index: str
    milliseconds: dict[str, tuple[Percentiles, Percentiles]]
    megabytes: tuple[float, float]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`; a ratio is the index's time over RiffBot's."""
        return {
            "database": self.database,
            "index": self.index,
            "milliseconds": {
                name: {
                    "median": riffbot[0],
                    "p95": riffbot[1],
                    "index_median": index[0],
                    "index_p95": index[1],
                    "median_ratio": index[0] / riffbot[0],
                    "p95_ratio": index[1] / riffbot[1],
                }
                for name, (riffbot, index) in self.milliseconds.items()
            },
            "megabytes": self.megabytes[0],
            "index_megabytes": self.megabytes[1],
        }

    def table(self) -> str:
        """For people; × says how much longer the index takes."""
        lines = [
            f"{f'{self.database}: RiffBot, {self.index}':<34}"
            f"{'median':>9}{'':>9}{'':>8}{'p95':>9}{'':>9}{'':>8}"
        ]
        for name, (riffbot, index) in self.milliseconds.items():
            pairs = (
                f"{one:>9.2f}{other:>9.2f}{other / one:>7.2f}×"
                for one, other in zip(riffbot, index, strict=True)
            )
            lines.append(f"{name:<34}{''.join(pairs)}")
        one, other = self.megabytes
        lines.append(f"{'megabytes':<34}{one:>9.1f}{other:>9.1f}{other / one:>7.2f}×")
        return "\n".join(lines)


async def build_index(database: Database, index: TextIndex, rows: Sequence[Row]) -> float:
    """Create an index of riffs, which come oldest first. Returns the megabytes that it takes."""
    before = await database.query(_count_bytes)
    async with database.write() as session:
        await session.run_sync(index.create)
        for start in range(0, len(rows), _CHUNK):
            some = rows[start : start + _CHUNK]
            await session.run_sync(index.add, some)
        await session.execute(text("ANALYZE"))
    return (await database.query(_count_bytes) - before) / 1e6


def _count_bytes(session: Session) -> int:
    """Count the bytes of the whole database that are in use."""
    if session.get_bind().dialect.name == "postgresql":
        return int(session.scalar(text("SELECT pg_database_size(current_database())")) or 0)
    pages, free, size = (
        int(session.scalar(text(f"PRAGMA {name}")) or 0)
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


async def compare_index(
    database: Database,
    index: TextIndex,
    rows: Sequence[Row],
    megabytes: tuple[float, float],
    *,
    repeats: int,
    bar: ProgressBar,
) -> IndexComparison:
    """Time RiffBot's table of words and another index of the same riffs in turn.

    Args:
        rows: the riffs in the library, oldest first.
        megabytes: of both, from `build_index`.
        repeats: rounds; every search runs twenty times a round with different words.
    """
    bar.expect(len(SEARCHES) + 2)
    indexes = WordTable(), index
    times: dict[str, tuple[Percentiles, Percentiles]] = {}
    for title, search in SEARCHES.items():
        with bar.part(f"{index.name}: {title}"):
            times[title] = await _time_search(database, indexes, search, None, repeats)
    with bar.part(f"{index.name}: a later page"):
        search = SEARCHES[_TWO_WORDS]
        times[_LATER] = await _time_search(database, indexes, search, rows, repeats)
    with bar.part(f"{index.name}: writing"):
        times |= await _time_writing(database, indexes, rows[-1]["created_at"], repeats)
    return IndexComparison(index.database, index.name, times, megabytes)


Indexes = tuple[TextIndex, TextIndex]


async def _time_search(
    database: Database,
    indexes: Indexes,
    search: Search,
    rows: Sequence[Row] | None,
    repeats: int,
) -> tuple[Percentiles, Percentiles]:
    """Time one search on both indexes; with rows, the page after one of them."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(20 * repeats):
        rng = random.Random(number)
        words = tokenize(search.make_words(rng))
        after = rng.choice(rows) if rows else None
        cursor = (after["created_at"], after["id"]) if after else None
        part = PageSlice(cursor, backward=False, limit=_PAGE)
        for side, index in zip(times, indexes, strict=True):
            began = time.perf_counter()
            await database.query(partial(_find, index, words, search.wanted, part))
            side.append(1000 * (time.perf_counter() - began))
    return summarise(times[0]), summarise(times[1])


def _find(
    index: TextIndex, words: Sequence[str], wanted: RiffFilter, part: PageSlice, session: Session
) -> Sequence[str]:
    return index.find(session, words, wanted, part)


async def _time_writing(
    database: Database, indexes: Indexes, newest: datetime, repeats: int
) -> dict[str, tuple[Percentiles, Percentiles]]:
    """Time writing and deleting what finds a riff, each in a transaction of its own."""
    rows = make_rows(range(-1, -_WRITES * repeats - 1, -1), newest=newest, seed=1)
    async with database.write() as session:
        await session.execute(insert(StoredRiff), rows)
    added: tuple[list[float], list[float]] = ([], [])
    removed: tuple[list[float], list[float]] = ([], [])
    for row in rows:
        for side, index in zip(added, indexes, strict=True):
            side.append(await _time_write(database, lambda own: index.add(own, [row])))  # noqa: B023
    for row in rows:
        for side, index in zip(removed, indexes, strict=True):
            side.append(await _time_write(database, lambda own: index.remove(own, row)))  # noqa: B023
    return {
        "the words of a riff, written": (summarise(added[0]), summarise(added[1])),
        "the words of a riff, deleted": (summarise(removed[0]), summarise(removed[1])),
    }


async def _time_write(database: Database, write: Callable[[Session], None]) -> float:
    began = time.perf_counter()
    async with database.write() as session:
        await session.run_sync(write)
    return 1000 * (time.perf_counter() - began)


def summarise(times: Sequence[float]) -> Percentiles:
    """Return the percentiles of some times."""
    return median(times), quantiles(times, n=20)[-1]


async def compare_on_postgres(
    url: URL, folder: Path, riffs: int, repeats: int, bar: ProgressBar
) -> IndexComparison:
    """Compare RiffBot's search with tsvector in a new database, which is dropped afterwards.

    Args:
        url: a server, and a role that may create databases there.
        folder: an empty one.

    Raises:
        StorageError: the server cannot be reached.
    """
    index = TSVector()
    async with _temporary_database(url) as own:
        await asyncio.to_thread(upgrade, own.render_as_string(hide_password=False))
        database = Database(own, Files(folder))
        try:
            with bar.part(f"{index.database}: writing {riffs} riffs", FILLING):
                rows = await write_riffs(database, riffs)
                words_mb = await build_index(database, WordTable(), rows)
                index_mb = await build_index(database, index, rows)
                await _vacuum(own)
            return await compare_index(
                database, index, rows, (words_mb, index_mb), repeats=repeats, bar=bar
            )
        finally:
            await database.close()


async def _vacuum(url: URL) -> None:
    """Do what autovacuum does after so many new rows."""
    engine = connect(url).execution_options(isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            await connection.execute(text("VACUUM (ANALYZE)"))
    finally:
        await engine.dispose()


@asynccontextmanager
async def _temporary_database(url: URL) -> AsyncIterator[URL]:
    name = f"riffbot_bench_{secrets.token_hex(4)}"
    engine = connect(url).execution_options(isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            await connection.execute(text(f"CREATE DATABASE {name}"))
            try:
                yield url.set(database=name)
            finally:
                await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        await engine.dispose()
