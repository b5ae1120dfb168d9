"""An inspection finds each kind of problem, and mending removes it without removing music."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from riffbot.jam.snapshot import JamSnapshot
from riffbot.library.connection import database_url
from riffbot.library.database import Database
from riffbot.library.files import Files
from riffbot.library.inspection.inspect import inspect_library
from riffbot.library.inspection.mend import LOST_AND_FOUND, mend
from riffbot.library.inspection.problems import Inspection, Kind
from riffbot.library.jam_record import GuildJam, JamRecord, StoredJamStatus
from riffbot.library.store import Library
from riffbot.library.tables import StoredRiff
from riffbot.settings import Settings
from tests.riffbot.library.conftest import ANN, BOB, Add


async def look(settings: Settings, *, is_running: bool = False) -> Inspection:
    return await asyncio.to_thread(
        inspect_library, settings, JamSnapshot.from_json, is_running=is_running
    )


@pytest.fixture
async def riff(library: Library, add: Add) -> StoredRiff:
    """The first of a small family, none of which has anything wrong with it."""
    first = await add("funky sax", channel=5)
    await add("bells", author=BOB, seed_image=first.image_ref, parent=first.id)
    deleted = await add("forgotten", author=ANN)
    await add("its child", parent=deleted.id)
    await library.riffs.delete(deleted.id)
    await library.riffs.add_favourite(first.id, BOB.user_id)
    return first


def break_rows(statement: str) -> Callable[[Settings, StoredRiff], None]:
    def run(settings: Settings, riff: StoredRiff) -> None:
        with closing(sqlite3.connect(settings.database_file)) as database:
            database.execute(statement.replace("RIFF", riff.id))
            database.commit()

    return run


def orphan(settings: Settings, _: StoredRiff) -> None:
    Files(settings.files_dir).put(b"nobody's", ".png")


def half(settings: Settings, _: StoredRiff) -> None:
    (next(settings.files_dir.glob("*/*")) / ".half-abc").write_bytes(b"ha")


BREAKS = {
    Kind.REFERENCE: break_rows("UPDATE favourites SET riff_id = 'nosuch'"),
    Kind.COLUMN: break_rows("UPDATE riffs SET seed_image = 'sha256:x' WHERE id = 'RIFF'"),
    Kind.WORDS: break_rows("DELETE FROM riff_words WHERE word = 'sax'"),
    Kind.JOB: break_rows("UPDATE jobs SET state = 'running' WHERE id = 'RIFF'"),
    Kind.ORPHAN: orphan,
    Kind.HALF_WRITTEN: half,
}


@pytest.mark.parametrize("kind", BREAKS)
async def test_what_can_be_mended_is_mended(
    library: Library, riff: StoredRiff, settings: Settings, kind: Kind
) -> None:
    assert (await look(settings)).problems == []
    BREAKS[kind](settings, riff)
    found = await look(settings)
    assert {problem.kind for problem in found.problems} == {kind}
    await repair(settings, found)
    assert (await look(settings)).problems == []
    assert (await library.riffs.get(riff.id)).seed_image is None
    assert [found.id for found in await library.riffs.search("sax")] == [riff.id]


async def repair(settings: Settings, found: Inspection) -> None:
    database = Database(database_url(settings.database), Files(settings.files_dir))
    try:
        assert await mend(database, settings.files_dir, found) == found.problems
    finally:
        await database.close()


async def test_a_parent_that_is_not_there(
    library: Library, riff: StoredRiff, settings: Settings
) -> None:
    break_rows("UPDATE riffs SET parent_id = 'nosuch' WHERE id = 'RIFF'")(settings, riff)
    found = await look(settings)
    assert [(p.kind, p.details, p.column) for p in found.problems] == [
        ("reference", "riffs", "parent_id")
    ]
    await repair(settings, found)
    assert (await look(settings)).problems == []


async def test_a_jam_that_cannot_be_read(library: Library, settings: Settings) -> None:
    await library.jams.save(
        JamRecord("jam", GuildJam(1), 64_000, "steady", StoredJamStatus.PAUSED, "{}")
    )
    found = await look(settings)
    assert [(problem.kind, problem.subject) for problem in found.problems] == [("jam", "jam")]
    await repair(settings, found)
    assert await library.jams.find_unfinished() == []


async def test_orphans_are_put_aside_and_not_removed(riff: StoredRiff, settings: Settings) -> None:
    orphan(settings, riff)
    await repair(settings, await look(settings))
    (kept,) = (settings.data_dir / LOST_AND_FOUND).iterdir()
    assert kept.read_bytes() == b"nobody's"
    assert kept.stem == hashlib.sha256(b"nobody's").hexdigest()


async def test_beside_a_running_riffbot_what_is_new_is_no_orphan(
    riff: StoredRiff, settings: Settings
) -> None:
    orphan(settings, riff)
    half(settings, riff)
    assert (await look(settings, is_running=True)).problems == []
    for path in settings.files_dir.rglob("*"):
        os.utime(path, (1, 1))
    kinds = {problem.kind for problem in (await look(settings, is_running=True)).problems}
    assert kinds == {Kind.ORPHAN, Kind.HALF_WRITTEN}


@pytest.mark.parametrize("column", ["png", "mp3", "picture"])
@pytest.mark.parametrize("how", ["absent", "damaged"])
async def test_lost_files_are_named(
    library: Library, riff: StoredRiff, settings: Settings, column: str, how: str
) -> None:
    path = library.files.find(getattr(riff, column))
    assert path is not None
    if how == "absent":
        path.unlink()
    else:
        path.write_bytes(b"rotten")
    (problem,) = (await look(settings)).problems
    assert (problem.kind, problem.subject, problem.column) == ("lost file", riff.id, column)
    assert problem.details.endswith(how)


async def test_a_source_that_only_a_remix_needs(
    library: Library, riff: StoredRiff, settings: Settings
) -> None:
    await library.riffs.delete(riff.id)  # its picture stays: the remix starts from it
    path = library.files.find(riff.png)
    assert path is not None
    path.unlink()
    (problem,) = (await look(settings)).problems
    assert (problem.kind, problem.subject) == (Kind.LOST_SOURCE, riff.png)
    (remix,) = await library.riffs.find_using_image(riff.image_ref)
    assert problem.needed_by == remix.id


async def test_what_is_not_riffbots_is_named_and_left_alone(
    riff: StoredRiff, settings: Settings, tmp_path: Path
) -> None:
    (settings.files_dir / "notes.txt").write_text("hi")
    there = Files(settings.files_dir).find(riff.png)
    assert there is not None
    (there.parent / f"{'0' * 64}.png").symlink_to(tmp_path)
    found = await look(settings)
    assert {problem.kind for problem in found.problems} == {Kind.STRANGE}
    assert len(found.problems) == 2


async def test_a_request_that_cannot_be_read(riff: StoredRiff, settings: Settings) -> None:
    break_rows("UPDATE riffs SET request = '{}' WHERE id = 'RIFF'")(settings, riff)
    kinds = [problem.kind for problem in (await look(settings)).problems]
    assert Kind.REQUEST in kinds
