"""Time of the library's queries at 100,000 riffs, compared with the ordinary way.

The baseline is what such bots do: `prompt LIKE '%word%'` on the same table in the same file, and
pages by OFFSET.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from riffbot.bench.progress import ProgressBar
from riffbot.library.connection import database_url, file_of
from riffbot.library.store import Library
from riffbot.library.tokenize import tokenize
from riffbot.library.types import Viewer
from riffbot.request import RiffRequest
from riffbot.settings import Settings

RIFFS = 100_000
SERVERS, MEMBERS = 40, 3000
_FILLING = 3
"""The work of writing the riffs, in queries."""

MEMBER_ID, GUILD_ID = 7, 3
"""The member and the server that search: busy ones, which have the most riffs."""

CHANNELS = 60
VISIBLE_CHANNELS = frozenset(range(CHANNELS * GUILD_ID, CHANNELS * GUILD_ID + CHANNELS // 20))
"""A server's channels, and the few that a guest sees, whose searches skip the most riffs."""


_WORDS = {
    "moods": "slow fast dark bright warm dusty late sunny lonely huge tiny broken calm wild",
    "styles": "funky lo-fi acid ambient jazz techno dub reggae disco trance folk metal gospel "
    "blues bossa swing house garage jungle grime soul ska punk surf klezmer flamenco samba",
    "sounds": "saxophone violin piano guitar bass drums bells rain organ flute choir synth "
    "marimba trumpet cello harp clavinet vibraphone banjo accordion sitar koto oud birds waves",
}
_MOODS, _STYLES, _SOUNDS = (words.split() for words in _WORDS.values())


@dataclass(frozen=True)
class LibraryResult:
    """What was measured, in milliseconds.

    Attributes:
        riffs: rows in the library.
        ours, baseline: (median, 95th percentile) by query.
    """

    riffs: int
    riffbot: dict[str, tuple[float, float]] = field(default_factory=dict)
    baseline: dict[str, tuple[float, float]] = field(default_factory=dict)

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
        return "\n".join(lines)


def run(*, repeats: int = 3, riffs: int = RIFFS, bar: ProgressBar | None = None) -> LibraryResult:
    """Fill a library in a temporary folder and time the queries.

    Args:
        repeats: rounds; every query runs twenty times a round with different words.
        riffs: how many rows.
        bar: shows the progress.
    """
    bar = bar or ProgressBar("library")
    with tempfile.TemporaryDirectory(prefix="riffbot-bench-", ignore_cleanup_errors=True) as folder:
        return asyncio.run(_run(Settings(data_dir=Path(folder)), repeats, riffs, bar))


async def _run(settings: Settings, repeats: int, riffs: int, bar: ProgressBar) -> LibraryResult:
    library = await Library.open(settings)
    try:
        path = file_of(database_url(settings.database))
        assert path is not None
        bar.expect(_FILLING)
        with bar.part(f"writing {riffs} riffs", _FILLING):
            await asyncio.to_thread(fill_library, path, riffs)
        return await _time_queries(library, path, repeats, riffs, bar)
    finally:
        await library.close()


def fill_library(path: Path, riffs: int, *, seed: int = 0) -> None:
    """Write random riffs into a library's SQLite file: rows and words, without files."""
    rng = random.Random(seed)
    now = datetime.now(UTC)
    db = sqlite3.connect(path)
    rows, words = [], []
    for number in range(riffs):
        prompt = _make_prompt(rng)
        riff_id = f"{number:012d}"
        author, guild = _skewed(rng, MEMBERS), _skewed(rng, SERVERS)
        at = str((now - timedelta(seconds=13 * number)).replace(tzinfo=None))
        parent = f"{rng.randrange(number):012d}" if number and rng.random() < 0.4 else None
        request = RiffRequest(prompt=prompt, seed=number).model_dump_json()
        place = CHANNELS * guild + rng.randrange(CHANNELS)
        values = (
            request,
            prompt,
            prompt.casefold(),
            number,
            0.75,
            author,
            guild,
            place,
            at,
            parent,
        )
        rows.append((riff_id, *values))
        words += [(riff_id, word, at, author, guild, place) for word in tokenize(prompt)]
    with db:
        db.executemany(
            "INSERT INTO riffs (id, request, prompt, prompt_key, seed, denoising, author_id, "
            "guild_id, audience_id, created_at, parent_id, model_name, model_hash, batch, "
            "author_name, duration_s, alt, png, mp3, picture, remix_allowed, kind) VALUES "
            "(?,?,?,?,?,?,?,?,?,?,?,'mini','0',1,'somebody',5.12,'', '', '', '', 1, 'riff')",
            rows,
        )
        db.executemany(
            "INSERT INTO riff_words (riff_id, word, created_at, author_id, guild_id, audience_id) "
            "VALUES (?,?,?,?,?,?)",
            sorted(words, key=itemgetter(1, 2)),  # as the table lies; the order is no part of it
        )
    db.execute("ANALYZE")
    db.close()


def _make_prompt(rng: random.Random) -> str:
    parts = [rng.choice(_MOODS), rng.choice(_STYLES), rng.choice(_SOUNDS)]
    if rng.random() < 0.5:
        parts += ["with", rng.choice(_SOUNDS)]
    if rng.random() < 0.3:
        parts.append(f"take{rng.randrange(3000)}")
    return " ".join(parts)


def _skewed(rng: random.Random, most: int) -> int:
    """A few do most: member 1 has more than member 2000."""
    return min(most, int(rng.paretovariate(0.6)))


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
        result.riffbot[name], result.baseline[name] = (_summarise(side) for side in times)
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

    def search(self, words: Callable[[random.Random], str], where: str, **scope: Any) -> Pair:
        """Riffs with all the words in their prompts."""

        async def riffbot(rng: random.Random) -> object:
            return await self._library.riffs.page(text=words(rng), **scope)

        async def baseline(rng: random.Random) -> object:
            return self._like(*(f"%{word}%" for word in words(rng).split()), where=where)

        return riffbot, baseline

    def autocomplete(self, where: str, **scope: Any) -> Pair:
        """Riffs whose prompts begin with some letters."""

        async def riffbot(rng: random.Random) -> object:
            start = _two_words(rng)[: rng.randrange(1, 9)]
            return await self._library.riffs.complete(start, **scope)

        async def baseline(rng: random.Random) -> object:
            return self._like(_two_words(rng)[: rng.randrange(1, 9)] + "%", where=where)

        return riffbot, baseline

    def page(self, where: str, **scope: Any) -> Pair:
        """A page anywhere in the list."""

        async def riffbot(rng: random.Random) -> object:
            older_than = f"{rng.randrange(self._riffs):012d}"
            return await self._library.riffs.page(older_than=older_than, **scope)

        async def baseline(rng: random.Random) -> object:
            return self._like(where=where, offset=rng.randrange(self._riffs), limit=10)

        return riffbot, baseline

    def family(self) -> Pair:
        """The family tree of a riff; the baseline is one recursive query."""

        async def riffbot(rng: random.Random) -> object:
            return await self._library.riffs.family(f"{rng.randrange(self._riffs):012d}")

        async def baseline(rng: random.Random) -> object:
            return self._db.execute(_TREE, (f"{rng.randrange(self._riffs):012d}",)).fetchall()

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
    search, autocomplete, page = queries.search, queries.autocomplete, queries.page
    by_member, in_guild = f"author_id = {MEMBER_ID}", f"guild_id = {GUILD_ID}"
    as_guest = f"{in_guild} AND audience_id IN ({', '.join(map(str, sorted(VISIBLE_CHANNELS)))})"
    return {
        "search here, a common word": search(
            lambda r: r.choice(_STYLES), in_guild, guild_id=GUILD_ID
        ),
        "search here, two words": search(_two_words, in_guild, guild_id=GUILD_ID),
        "search here, an unfinished word": search(
            lambda r: r.choice(_SOUNDS)[:1], in_guild, guild_id=GUILD_ID
        ),
        "search here, as a guest": search(
            _two_words, as_guest, guild_id=GUILD_ID, viewer=Viewer(0, VISIBLE_CHANNELS)
        ),
        "search everything, three words": search(_three_words, "1"),
        "search everything, a rare word": search(lambda r: f"take{r.randrange(3000)}", "1"),
        "search everything, never together": search(lambda r: "funky acid techno", "1"),
        "search mine, two words": search(_two_words, by_member, author_id=MEMBER_ID),
        "autocomplete here": autocomplete(in_guild, guild_id=GUILD_ID),
        "autocomplete mine": autocomplete(by_member, author_id=MEMBER_ID),
        "a page of this server": page(in_guild, guild_id=GUILD_ID),
        "a page of everything": page("1"),
        "a family": queries.family(),
    }


def _two_words(rng: random.Random) -> str:
    return f"{rng.choice(_MOODS)} {rng.choice(_STYLES)}"


def _three_words(rng: random.Random) -> str:
    return f"{rng.choice(_MOODS)} {rng.choice(_STYLES)} {rng.choice(_SOUNDS)}"


def _summarise(times: Sequence[float]) -> tuple[float, float]:
    return median(times), quantiles(times, n=20)[-1]
