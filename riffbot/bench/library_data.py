"""Random riffs for the benches of the library: rows and words, without files."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from riffbot.library.database import Database
from riffbot.library.search import RiffFilter
from riffbot.library.tables import StoredRiff
from riffbot.request import RiffRequest

SERVERS, MEMBERS = 40, 3000

MEMBER_ID, GUILD_ID = 7, 3
"""The member and the server that search: busy ones, which have the most riffs."""

CHANNELS = 60
"""Channels of each server."""

_ALL_CHANNELS = frozenset(range(CHANNELS * GUILD_ID, CHANNELS * (GUILD_ID + 1)))
_GUESTS_CHANNELS = frozenset(sorted(_ALL_CHANNELS)[: CHANNELS // 20])
"""The few channels of the server that a guest sees, whose searches skip the most riffs."""

_WORDS = {
    "moods": "slow fast dark bright warm dusty late sunny lonely huge tiny broken calm wild",
    "styles": "funky lo-fi acid ambient jazz techno dub reggae disco trance folk metal gospel "
    "blues bossa swing house garage jungle grime soul ska punk surf klezmer flamenco samba",
    "sounds": "saxophone violin piano guitar bass drums bells rain organ flute choir synth "
    "marimba trumpet cello harp clavinet vibraphone banjo accordion sitar koto oud birds waves",
}
MOODS, STYLES, SOUNDS = (words.split() for words in _WORDS.values())

TAKES = 3000
"""Rare words: `take0` to `take2999`."""

_SPACING_S = 13
"""Seconds from one riff to the next."""

_CHUNK = 10_000
"""Rows that are written by one statement."""


def two_words(rng: random.Random) -> str:
    """Choose a mood and a style."""
    return f"{rng.choice(MOODS)} {rng.choice(STYLES)}"


def three_words(rng: random.Random) -> str:
    """Choose a mood, a style and a sound."""
    return f"{two_words(rng)} {rng.choice(SOUNDS)}"


@dataclass(frozen=True)
class Search:
    """A search that is timed.

    Attributes:
        make_words: chooses what is typed.
        wanted: among which riffs.
    """

    make_words: Callable[[random.Random], str]
    wanted: RiffFilter = field(default_factory=RiffFilter)


_HERE = RiffFilter(guild_id=GUILD_ID)

SEARCHES = {
    "search here, a common word": Search(lambda rng: rng.choice(STYLES), _HERE),
    "search here, two words": Search(two_words, _HERE),
    "search here, an unfinished word": Search(lambda rng: rng.choice(SOUNDS)[:1], _HERE),
    "search here, as a member": Search(
        two_words, RiffFilter(guild_id=GUILD_ID, audiences=_ALL_CHANNELS)
    ),
    "search here, as a guest": Search(
        two_words, RiffFilter(guild_id=GUILD_ID, audiences=_GUESTS_CHANNELS)
    ),
    "search everything, three words": Search(three_words),
    "search everything, a rare word": Search(lambda rng: f"take{rng.randrange(TAKES)}"),
    "search everything, never together": Search(lambda rng: "funky acid techno"),
    "search mine, two words": Search(two_words, RiffFilter(author_id=MEMBER_ID)),
}


def riff_id(number: int) -> str:
    """Return the id of a riff by its number: 0 is the newest at first, later ones are negative."""
    return f"{number:012d}"


def make_rows(numbers: Iterable[int], *, newest: datetime, seed: int = 0) -> list[dict[str, Any]]:
    """Make rows of the table `riffs`.

    Args:
        numbers: of the riffs, see `riff_id`; some are made from riffs with lower numbers.
        newest: the time of number 0.
        seed: of the prompts, authors and channels.
    """
    rng = random.Random(seed)
    return [_make_row(number, newest, rng) for number in numbers]


def _make_row(number: int, newest: datetime, rng: random.Random) -> dict[str, Any]:
    prompt = _make_prompt(rng)
    author_id, guild_id = _skewed(rng, MEMBERS), _skewed(rng, SERVERS)
    has_parent = number > 0 and rng.random() < 0.4
    return {
        "id": riff_id(number),
        "request": RiffRequest(prompt=prompt, seed=abs(number)),
        "prompt": prompt,
        "prompt_key": prompt.casefold(),
        "seed": abs(number),
        "denoising": 0.75,
        "model_name": "mini",
        "model_hash": "0",
        "batch": 1,
        "author_id": author_id,
        "author_name": "somebody",
        "guild_id": guild_id,
        "audience_id": CHANNELS * guild_id + rng.randrange(CHANNELS),
        "created_at": newest - timedelta(seconds=_SPACING_S * number),
        "parent_id": riff_id(rng.randrange(number)) if has_parent else None,
        "duration_s": 5.12,
        "alt": "",
        "png": "",
        "mp3": "",
        "picture": "",
    }


def _make_prompt(rng: random.Random) -> str:
    parts = [rng.choice(MOODS), rng.choice(STYLES), rng.choice(SOUNDS)]
    if rng.random() < 0.5:
        parts += ["with", rng.choice(SOUNDS)]
    if rng.random() < 0.3:
        parts.append(f"take{rng.randrange(TAKES)}")
    return " ".join(parts)


def _skewed(rng: random.Random, most: int) -> int:
    """Choose a member or a server: number 1 has far more riffs than number 2000."""
    return min(most, int(rng.paretovariate(0.6)))


async def write_riffs(database: Database, riffs: int) -> list[dict[str, Any]]:
    """Write random riffs without their words. Returns their rows, the oldest first."""
    rows = await asyncio.to_thread(make_rows, range(riffs), newest=datetime.now(UTC))
    async with database.write() as session:
        for start in range(0, riffs, _CHUNK):
            await session.execute(insert(StoredRiff), rows[start : start + _CHUNK])
    return rows[::-1]
