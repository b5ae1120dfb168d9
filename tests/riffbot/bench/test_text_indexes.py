"""The databases' own text indexes find the same riffs as RiffBot's table of words."""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, text
from sqlalchemy.engine import URL

from riffbot.bench import library as bench
from riffbot.bench.library_data import SEARCHES, make_rows, write_riffs
from riffbot.bench.progress import ProgressBar
from riffbot.bench.text_indexes import FTS5, Row, TextIndex, TSVector, WordTable
from riffbot.bench.text_search import build_index
from riffbot.library.connection import connect, database_url
from riffbot.library.database import Database
from riffbot.library.files import Files
from riffbot.library.migrate import upgrade
from riffbot.library.search import PageSlice, RiffFilter
from riffbot.library.tables import StoredRiff
from riffbot.library.tokenize import tokenize
from tests.support import postgres

PROMPTS = (
    "Straße Ä snake_case don't",
    "ジャズ piano",
    "𝄞 İstanbul",
    "हिन्दी",
    "x" * 60,
    "lo-fi 808",
)
SEARCHED = (
    "STRASSE",
    "ä",
    "snake_",
    "ジャ",
    "İST",
    "ह",
    "x" * 50,
    "lo f",
    "do",
    "piano ジャズ",
    "@",
)


async def compare(database: Database, index: TextIndex) -> None:
    """Find the same with both indexes, on every page of every search."""
    rows: list[Row] = [*await write_riffs(database, 400)]
    newest: datetime = rows[-1]["created_at"]
    odd = make_rows(range(-1, -len(PROMPTS) - 1, -1), newest=newest)
    for row, prompt in zip(odd, PROMPTS, strict=True):
        row["prompt"] = prompt
    async with database.write() as session:
        await session.execute(insert(StoredRiff), odd)
    rows += odd
    both = WordTable(), index
    sizes = [await build_index(database, each, rows) for each in both]
    assert min(sizes) > 0
    rng = random.Random(1)
    asked = [(search.make_words(rng), search.wanted) for search in SEARCHES.values()]
    asked += [(typed, RiffFilter()) for typed in SEARCHED]
    for typed, wanted in asked:
        if not (words := tokenize(typed)):
            continue
        expected, found = [await pages(database, each, words, wanted) for each in both]
        assert found == expected, typed
        if expected:
            (gone,) = (row for row in rows if row["id"] == expected[0])
            await remove(database, both, gone)
            left = [await pages(database, each, words, wanted) for each in both]
            assert left == [expected[1:]] * 2, typed


async def remove(database: Database, indexes: Sequence[TextIndex], row: Row) -> None:
    async with database.write() as session:
        for index in indexes:
            await session.run_sync(index.remove, row)


async def pages(
    database: Database, index: TextIndex, words: Sequence[str], wanted: RiffFilter
) -> list[str]:
    """All that an index finds, by pages of three; and from each page all that is newer."""

    async def find(part: PageSlice) -> list[str]:
        return [*await database.query(lambda own: index.find(own, words, wanted, part))]

    found: list[str] = []
    cursor = None
    while some := await find(PageSlice(cursor, backward=False, limit=3)):
        found += some
        cursor = await find_cursor(database, some[-1])
        assert await find(PageSlice(cursor, backward=True, limit=1000)) == found[-2::-1]
    return found


async def find_cursor(database: Database, riff_id: str) -> tuple[datetime, str]:
    riff = await database.query(lambda session: session.get_one(StoredRiff, riff_id))
    return riff.created_at, riff.id


async def test_fts5_finds_the_same(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'riffbot.db'}"
    await asyncio.to_thread(upgrade, url)
    database = Database(database_url(url), Files(tmp_path))
    await compare(database, FTS5())
    await database.close()


@pytest.mark.needs("postgres", "asyncpg")
async def test_tsvector_finds_the_same(tmp_path: Path) -> None:
    with postgres.running() as url:
        await asyncio.to_thread(upgrade, url)
        database = Database(database_url(url), Files(tmp_path))
        await compare(database, TSVector())
        await database.close()


@pytest.mark.needs("postgres", "asyncpg")
def test_the_bench_leaves_nothing_on_the_server() -> None:
    with postgres.running() as server:
        url, bar = database_url(server), ProgressBar("library", io.StringIO())
        result = bench.run(repeats=1, riffs=300, postgres=url, bar=bar)
        names = asyncio.run(database_names(url))
    assert [each.index for each in result.text_indexes] == ["FTS5", "tsvector"]
    assert "postgres" in names
    assert not [name for name in names if "riffbot" in name]


async def database_names(url: URL) -> Sequence[str]:
    engine = connect(url)
    async with engine.connect() as connection:
        names = (await connection.scalars(text("SELECT datname FROM pg_database"))).all()
    await engine.dispose()
    return names
