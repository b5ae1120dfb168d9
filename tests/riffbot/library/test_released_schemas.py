"""Libraries of every released schema are upgraded with everything that is in them.

`released/` has one for each, written by the code of its time. SQLite's is upgraded in place;
PostgreSQL's is a backup of it that is restored there, which makes its tables at the old revision,
fills them and upgrades them.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from riffbot.jam.snapshot import JamSnapshot
from riffbot.library import migrate
from riffbot.library.backup.archive import Backup
from riffbot.library.backup.restore import restore_backup
from riffbot.library.backup.write import write_backup
from riffbot.library.inspection.inspect import inspect_library
from riffbot.library.inspection.problems import Kind
from riffbot.library.jam_record import GuildJam
from riffbot.library.store import Library
from riffbot.locations import bundled
from riffbot.settings import Settings
from tests.support import postgres

RELEASED = Path(__file__).parent / "released"
REVISIONS = sorted(path.stem for path in RELEASED.glob("*.sql"))

PROMPT = "Funky (Sax:1.3) – Größe 🎷"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres.running() as url:
        yield url


@pytest.fixture(params=REVISIONS)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Settings]:
    """A revision, and a data folder with the library of that time."""
    settings = Settings(_env_file=None, data_dir=tmp_path / "old")  # type: ignore[call-arg]
    settings.data_dir.mkdir()
    with closing(sqlite3.connect(settings.database_file)) as database:
        database.executescript((RELEASED / f"{request.param}.sql").read_text("utf-8"))
        if request.param >= "0002":  # jams are forgotten after a month
            database.execute("UPDATE jams SET updated_at = datetime('now')")
        database.execute("UPDATE jobs SET created_at = datetime('now')")
        database.commit()
    return request.param, settings


def test_every_revision_has_its_library() -> None:
    config = Config()
    config.set_main_option("script_location", str(bundled("migrations")).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    assert known <= set(REVISIONS), "write one with the code of that revision: released/README.md"


async def test_an_sqlite_library_is_upgraded(old: tuple[str, Settings]) -> None:
    revision, settings = old
    has, _ = await asyncio.to_thread(migrate.revisions, settings.database)
    assert has == revision
    await check(revision, settings)


@pytest.mark.needs("postgres", "asyncpg")
async def test_a_postgresql_library_is_upgraded(
    old: tuple[str, Settings], server: str, tmp_path: Path
) -> None:
    revision, settings = old
    there = Settings(  # type: ignore[call-arg]
        _env_file=None, data_dir=tmp_path / "new", database_url=server
    )

    def move() -> None:
        write_backup(settings, tmp_path / "b.zip")
        with Backup.open(tmp_path / "b.zip") as backup:
            assert backup.manifest.revision == revision
            restore_backup(there, backup, overwrite=True)

    await asyncio.to_thread(move)
    await check(revision, there)


async def check(revision: str, settings: Settings) -> None:
    """Everything that was stored then is there, and nothing is wrong with it but absent files."""
    library = await Library.open(settings)
    try:
        riffs = {riff.prompt: riff for riff in await library.riffs.recent()}
        assert set(riffs) == {PROMPT, "church bells", "its child"}
        first, remix = riffs[PROMPT], riffs["church bells"]
        assert (first.author_id, first.channel_id, first.message_id) == (1, 5, 100)
        assert (remix.kind, remix.parent_id) == ("remix", first.id)
        assert remix.request.seed_image == first.image_ref
        assert [riff.id for riff in await library.riffs.search("größe sax")] == [first.id]
        assert [riff.id for riff in await library.riffs.favourites(2)] == [first.id]
        assert remix.remix_allowed is (revision < "0004")
        (job,) = await library.jobs.unfinished()
        assert (job.request.prompt, job.attempts, job.author.name) == ("slow organ", 1, "Bob")
        if revision >= "0002":
            jam = await library.jams.find_latest(GuildJam(10))
            assert jam is not None
            assert (jam.id, jam.voice_channel_id, jam.starter_name) == ("jamjamjamjam", 6, "Ann")
        if revision >= "0003":
            assert (await library.guilds.get_settings(10)).jam_steer == "starter"
        rules = await library.guilds.get_rules(10)
        assert rules.words == (("bad",) if revision >= "0006" else ())
        assert [block.target_id for block in await library.operator.get_blocks()] == (
            [99] if revision >= "0006" else []
        )
    finally:
        await library.close()
    found = await asyncio.to_thread(
        inspect_library, settings, JamSnapshot.from_json, is_running=False
    )
    lost = {Kind.LOST_FILE, Kind.LOST_SOURCE}
    assert [problem for problem in found.problems if problem.kind not in lost] == []
