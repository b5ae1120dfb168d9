"""Time of the library's queries at 100,000 riffs, compared with the ordinary ways.

The baseline is what such bots do: `prompt LIKE '%word%'` on the same table in the same file, and
pages by OFFSET. Word search is compared with the databases' own text indexes as well
(`text_indexes.py`).
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL

from riffbot.bench.library_data import (
    GUILD_ID,
    MEMBER_ID,
    SEARCHES,
    Search,
    riff_id,
    two_words,
    write_riffs,
)
from riffbot.bench.progress import ProgressBar
from riffbot.bench.text_indexes import FTS5, WordTable
from riffbot.bench.text_search import (
    FILLING,
    IndexComparison,
    Percentiles,
    build_index,
    compare_index,
    compare_on_postgres,
    summarise,
)
from riffbot.library.connection import database_url, file_of
from riffbot.library.database import Database
from riffbot.library.search import RiffFilter
from riffbot.library.store import Library
from riffbot.library.types import Viewer
from riffbot.settings import Settings

RIFFS = 100_000


@dataclass(frozen=True)
class LibraryResult:
    """What was measured, in milliseconds.

    Attributes:
        riffs: rows in the library.
        riffbot, baseline: percentiles by query.
        text_indexes: word search, compared with the databases' own text indexes.
    """

    riffs: int
    riffbot: dict[str, Percentiles] = field(default_factory=dict)
    baseline: dict[str, Percentiles] = field(default_factory=dict)
    text_indexes: list[IndexComparison] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`, with the ratios of the 95th percentiles."""
        return {
            "riffs": self.riffs,
            "milliseconds": {
                name: {
                    "median": self.riffbot[name][0],
                    "p95": self.riffbot[name][1],
                    "like_p95": self.baseline[name][1],
                    "times_faster": self.baseline[name][1] / self.riffbot[name][1],
                }
                for name in self.riffbot
            },
            "text_indexes": [compared.as_dict() for compared in self.text_indexes],
        }

    def table(self) -> str:
        """For people."""
        lines = [
            f"{self.riffs} riffs, SQLite, one process",
            f"{'milliseconds':<34}{'median':>9}{'p95':>9}{'LIKE/OFFSET p95':>18}{'ratio':>9}",
        ]
        for name, (half, most) in self.riffbot.items():
            baseline = self.baseline[name][1]
            lines.append(
                f"{name:<34}{half:>9.2f}{most:>9.2f}{baseline:>18.2f}{baseline / most:>8.1f}×"
            )
        return "\n\n".join(["\n".join(lines), *(each.table() for each in self.text_indexes)])


def run(
    *,
    repeats: int = 3,
    riffs: int = RIFFS,
    postgres: URL | None = None,
    bar: ProgressBar | None = None,
) -> LibraryResult:
    """Fill a library in a temporary folder and time the queries.

    Args:
        repeats: rounds; every query runs twenty times a round with different words.
        riffs: how many rows.
        postgres: a server on which PostgreSQL's text search is timed, too, in a new database that
            is dropped afterwards.
        bar: shows the progress.
    """
    bar = bar or ProgressBar("library")
    with tempfile.TemporaryDirectory(prefix="riffbot-bench-", ignore_cleanup_errors=True) as folder:
        settings = Settings(data_dir=Path(folder), database_url=None)
        return asyncio.run(_run(settings, repeats, riffs, postgres, bar))


async def _run(
    settings: Settings, repeats: int, riffs: int, postgres: URL | None, bar: ProgressBar
) -> LibraryResult:
    bar.expect(FILLING * (1 if postgres is None else 2))
    library = await Library.open(settings)
    url = database_url(settings.database)
    path = file_of(url)
    assert path is not None
    database = Database(url, library.files)
    try:
        with bar.part(f"writing {riffs} riffs", FILLING):
            rows = await write_riffs(database, riffs)
            words_mb = await build_index(database, WordTable(), rows)
        result = await _time_queries(library, path, repeats, riffs, bar)
        if await database.query(FTS5.is_available):
            index = FTS5()
            megabytes = words_mb, await build_index(database, index, rows)
            compared = await compare_index(
                database, index, rows, megabytes, repeats=repeats, bar=bar
            )
            result.text_indexes.append(compared)
        if postgres is not None:
            compared = await compare_on_postgres(postgres, path.parent, riffs, repeats, bar)
            result.text_indexes.append(compared)
    finally:
        await database.close()
        await library.close()
    return result


Query = Callable[[random.Random], Awaitable[object]]


async def _time_queries(
    library: Library, path: Path, repeats: int, riffs: int, bar: ProgressBar
) -> LibraryResult:
    db = sqlite3.connect(path)
    result = LibraryResult(riffs)
    queries = _build_queries(library, db, riffs)
    bar.expect(len(queries))
    for name, (riffbot, baseline) in queries.items():
        times: tuple[list[float], list[float]] = ([], [])
        with bar.part(name):
            for number in range(20 * repeats):
                for side, query in zip(times, (riffbot, baseline), strict=True):
                    rng = random.Random(number)
                    began = time.perf_counter()
                    await query(rng)
                    side.append(1000 * (time.perf_counter() - began))
        result.riffbot[name], result.baseline[name] = (summarise(side) for side in times)
    db.close()
    return result


Pair = tuple[Query, Query]
"""The same query on RiffBot's library and on the baseline."""


class _Queries:
    """Builds pairs of queries: RiffBot's library, and the baseline on the same SQLite file."""

    def __init__(self, library: Library, db: sqlite3.Connection, riffs: int) -> None:
        self._library = library
        self._db = db
        self._riffs = riffs

    def search(self, search: Search) -> Pair:
        """Riffs with all the words in their prompts."""
        wanted, where = search.wanted, _where(search.wanted)
        viewer = Viewer(0, wanted.audiences) if wanted.audiences is not None else None

        async def riffbot(rng: random.Random) -> object:
            return await self._library.riffs.page(
                text=search.make_words(rng),
                author_id=wanted.author_id,
                guild_id=wanted.guild_id,
                viewer=viewer,
            )

        async def baseline(rng: random.Random) -> object:
            patterns = (f"%{word}%" for word in search.make_words(rng).split())
            return self._like(*patterns, where=where)

        return riffbot, baseline

    def autocomplete(self, where: str, **scope: Any) -> Pair:
        """Riffs whose prompts begin with some letters."""

        async def riffbot(rng: random.Random) -> object:
            start = two_words(rng)[: rng.randrange(1, 9)]
            return await self._library.riffs.complete(start, **scope)

        async def baseline(rng: random.Random) -> object:
            return self._like(two_words(rng)[: rng.randrange(1, 9)] + "%", where=where)

        return riffbot, baseline

    def page(self, where: str, **scope: Any) -> Pair:
        """A page anywhere in the list."""

        async def riffbot(rng: random.Random) -> object:
            older_than = riff_id(rng.randrange(self._riffs))
            return await self._library.riffs.page(older_than=older_than, **scope)

        async def baseline(rng: random.Random) -> object:
            return self._like(where=where, offset=rng.randrange(self._riffs), limit=10)

        return riffbot, baseline

    def family(self) -> Pair:
        """The family tree of a riff; the baseline is one recursive query."""

        async def riffbot(rng: random.Random) -> object:
            return await self._library.riffs.family(riff_id(rng.randrange(self._riffs)))

        async def baseline(rng: random.Random) -> object:
            return self._db.execute(_TREE, (riff_id(rng.randrange(self._riffs)),)).fetchall()

        return riffbot, baseline

    def _like(self, *patterns: str, where: str, offset: int = 0, limit: int = 25) -> list[Any]:
        likes = " AND ".join(["prompt LIKE ?"] * len(patterns)) or "1"
        query = (
            f"SELECT * FROM riffs WHERE {where} AND {likes} ORDER BY created_at DESC LIMIT {limit} "
            f"OFFSET {offset}"
        )
        return self._db.execute(query, patterns).fetchall()


_TREE = (
    "WITH RECURSIVE up(id, parent_id) AS (SELECT id, parent_id FROM riffs WHERE id = ? "
    "UNION SELECT r.id, r.parent_id FROM riffs r JOIN up ON r.id = up.parent_id), "
    "down(id) AS (SELECT id FROM up UNION SELECT r.id FROM riffs r JOIN down "
    "ON r.parent_id = down.id) SELECT riffs.* FROM riffs JOIN down USING (id)"
)


def _build_queries(library: Library, db: sqlite3.Connection, riffs: int) -> dict[str, Pair]:
    queries = _Queries(library, db, riffs)
    autocomplete, page = queries.autocomplete, queries.page
    by_member, in_guild = f"author_id = {MEMBER_ID}", f"guild_id = {GUILD_ID}"
    return {
        **{name: queries.search(search) for name, search in SEARCHES.items()},
        "autocomplete here": autocomplete(in_guild, guild_id=GUILD_ID),
        "autocomplete mine": autocomplete(by_member, author_id=MEMBER_ID),
        "a page of this server": page(in_guild, guild_id=GUILD_ID),
        "a page of everything": page("1"),
        "a family": queries.family(),
    }


def _where(wanted: RiffFilter) -> str:
    """Build the condition of a filter on the table `riffs`."""
    conditions = []
    if wanted.author_id is not None:
        conditions.append(f"author_id = {wanted.author_id}")
    if wanted.guild_id is not None:
        conditions.append(f"guild_id = {wanted.guild_id}")
    if wanted.audiences is not None:
        conditions.append(f"audience_id IN ({', '.join(map(str, sorted(wanted.audiences)))})")
    return " AND ".join(conditions) or "1"
