"""A backup is whole or it is none, and what is restored from it is what was there."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import itertools
import json
import math
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from riffbot.errors import BadRequest, RiffBotError, StorageError
from riffbot.jam.snapshot import JamSnapshot
from riffbot.library import migrate
from riffbot.library.backup.archive import Backup
from riffbot.library.backup.replaced import find_replaced, find_replaced_references
from riffbot.library.backup.restore import RestoreSummary, restore_backup
from riffbot.library.backup.rows import Row, read_rows, reflect_tables, run_in_snapshot
from riffbot.library.backup.write import BackupSummary, write_backup
from riffbot.library.connection import database_url
from riffbot.library.inspection.inspect import inspect_library
from riffbot.library.store import Library
from riffbot.library.types import Origin
from riffbot.locations import ROOT
from riffbot.request import RiffRequest
from riffbot.settings import Settings
from tests.riffbot.library.conftest import ANN, BOB, Add
from tests.support import postgres


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres.running() as url:
        yield url


@pytest.fixture
def elsewhere(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "elsewhere")


def all_rows(settings: Settings) -> dict[str, list[Row]]:
    def read(connection: Connection) -> dict[str, list[Row]]:
        return {
            table.name: sorted(
                read_rows(connection, table), key=lambda row: str(sorted(row.items()))
            )
            for table in reflect_tables(connection)
        }

    return run_in_snapshot(database_url(settings.database), read)


def all_files(settings: Settings) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in settings.files_dir.rglob("*.*")}


async def save(settings: Settings, path: Path, **options: Any) -> BackupSummary:
    return await asyncio.to_thread(write_backup, settings, path, **options)


async def bring_back(settings: Settings, path: Path, **options: Any) -> RestoreSummary:
    def restore() -> RestoreSummary:
        with Backup.open(path) as backup:
            backup.verify()
            return restore_backup(settings, backup, **options)

    return await asyncio.to_thread(restore)


async def problems(settings: Settings) -> list[Any]:
    found = await asyncio.to_thread(
        inspect_library, settings, JamSnapshot.from_json, is_running=False
    )
    return found.problems


@pytest.fixture
async def family(library: Library, add: Add) -> Library:
    """A library with a little of everything."""
    parent = await add("Funky (Sax:1.3) – Größe 🎷", channel=5)
    await add("bells", author=BOB, seed_image=parent.image_ref, parent=parent.id)
    await add("a second", author=BOB, parent=parent.id)
    await library.riffs.add_favourite(parent.id, BOB.user_id)
    await library.privacy.set_remix_allowed(BOB.user_id, False)
    await library.guilds.set_settings(10, jam_steer="starter")
    origin = Origin(channel_id=7, token="interaction-token")
    await library.jobs.create(RiffRequest(prompt="to come", seed=1), author=ANN, origin=origin)
    return library


async def test_what_is_restored_is_what_was_there(
    family: Library, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    summary = await save(settings, tmp_path / "b.zip", with_secrets=True)
    assert (summary.riffs, summary.files, summary.missing) == (3, 9, ())
    restored = await bring_back(elsewhere, tmp_path / "b.zip")
    assert all_rows(elsewhere) == all_rows(settings)
    assert all_files(elsewhere) == all_files(settings)
    assert restored.replaced is None
    assert await problems(elsewhere) == []
    assert (tmp_path / "b.zip").stat().st_mode & 0o077 == 0
    assert elsewhere.database_file.stat().st_mode & 0o077 == 0


@pytest.mark.needs("postgres", "asyncpg")
async def test_it_moves_to_another_database_and_back(
    family: Library, settings: Settings, elsewhere: Settings, server: str, tmp_path: Path
) -> None:
    there = Settings(data_dir=tmp_path / "there", database_url=server)
    await save(settings, tmp_path / "b.zip", with_secrets=True)
    await bring_back(there, tmp_path / "b.zip")
    assert await problems(there) == []
    with pytest.raises(BadRequest, match="holds a library already"):
        await bring_back(there, tmp_path / "b.zip")
    await bring_back(there, tmp_path / "b.zip", overwrite=True)
    await save(there, tmp_path / "back.zip", with_secrets=True)
    await bring_back(elsewhere, tmp_path / "back.zip")
    assert all_rows(elsewhere) == all_rows(settings)
    assert all_files(elsewhere) == all_files(settings)
    library = await Library.open(there)
    found = await library.riffs.search("sax")
    await library.close()
    assert [riff.prompt for riff in found] == ["Funky (Sax:1.3) – Größe 🎷"]


async def test_a_backup_while_riffs_are_made_and_deleted(
    library: Library, add: Add, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    ids = [(await add(f"early {number}")).id for number in range(20)]
    made = 0
    stop = asyncio.Event()

    async def work() -> None:
        nonlocal made
        while not stop.is_set():
            riff = await add(f"late {made}")
            made += 1
            await library.riffs.delete(ids.pop(0) if made % 2 and ids else riff.id)

    def wait_for_work(done: int, of: int) -> None:
        """Let riffs come and go between some files."""
        before = made - (done % 10 > 0)
        while made == before and not working.done():
            time.sleep(0.001)

    working = asyncio.create_task(work())
    for number in range(2):
        before = made
        await save(settings, tmp_path / f"{number}.zip", on_file=wait_for_work)
        assert made > before + 4
    stop.set()
    await working
    for number in range(2):
        place = Settings(data_dir=tmp_path / f"place{number}")
        restored = await bring_back(place, tmp_path / f"{number}.zip")
        assert restored.missing == ()
        assert await problems(place) == []


async def test_secrets_are_in_it_only_where_asked(
    family: Library, settings: Settings, tmp_path: Path
) -> None:
    env = tmp_path / ".env"
    env.write_text("DISCORD_TOKEN=very-secret\n")
    await save(settings, tmp_path / "open.zip", env_file=env)
    await save(settings, tmp_path / "secret.zip", env_file=env, with_secrets=True)
    contents = {}
    for name in ("open", "secret"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip") as archive:
            contents[name] = b"".join(archive.read(entry) for entry in archive.namelist())
    for secret in (b"very-secret", b"interaction-token"):
        assert secret not in contents["open"]
        assert secret in contents["secret"]


async def test_nothing_is_overwritten_unless_told(
    family: Library, add: Add, settings: Settings, tmp_path: Path
) -> None:
    await save(settings, tmp_path / "b.zip", with_secrets=True)
    before = all_rows(settings)
    await add("since then")
    with pytest.raises(BadRequest, match="--overwrite"):
        await bring_back(settings, tmp_path / "b.zip")
    await family.close()
    newer = all_rows(settings)
    restored = await bring_back(settings, tmp_path / "b.zip", overwrite=True)
    assert all_rows(settings) == before
    assert restored.replaced is not None
    kept = Settings(data_dir=settings.data_dir, database_url=f"sqlite:///{restored.replaced}")
    assert all_rows(kept) == newer


async def test_each_replaced_library_is_kept_with_its_files(
    family: Library, add: Add, settings: Settings, tmp_path: Path
) -> None:
    await save(settings, tmp_path / "b.zip", with_secrets=True)
    since = await add("since then")
    await family.close()
    kept, files = [], all_files(settings)
    for _ in range(3):
        restored = await bring_back(settings, tmp_path / "b.zip", overwrite=True)
        assert restored.replaced is not None
        kept.append(restored.replaced)
    assert find_replaced(settings.database) == sorted(set(kept))
    assert [name.name.rpartition(".")[2] for name in kept] == [
        "before-restore",
        "before-restore-2",
        "before-restore-3",
    ]
    for path in settings.files_dir.rglob("*.*"):
        os.utime(path, (0, 0))
    assert await problems(settings) == []
    library = await Library.open(settings)
    needed = await asyncio.to_thread(find_replaced_references, settings.database)
    assert needed >= {since.png, since.mp3, since.picture}
    assert await library.riffs.collect_files(needed) == 0
    assert all_files(settings) == files
    for name in kept:
        name.unlink()
    assert await asyncio.to_thread(find_replaced_references, settings.database) == set()
    assert await library.riffs.collect_files() == 3
    await library.close()


CRASH = """
import os, sys
from pathlib import Path
from riffbot.cli import main
calls = 0
def count(event, args):
    global calls
    if event in ("os.rename", "os.link", "os.remove", "sqlite3.connect", "open"):
        names = [str(arg) for arg in args]
        if any("riffbot.db" in name for name in names):
            calls += 1
            if calls == int(sys.argv[2]):
                os._exit(9)
sys.addaudithook(count)
sys.exit(main(["restore", sys.argv[1], "--overwrite"]))
"""


def database_files(settings: Settings) -> dict[str, bytes]:
    paths = [settings.database_file, Path(f"{settings.database_file}-wal")]
    return {path.name: path.read_bytes() for path in paths}


def rows_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        (number,) = database.execute("SELECT count(*) FROM riffs").fetchone()
    return int(number)


@pytest.mark.slow  # a process for each call
async def test_a_crash_anywhere_leaves_a_whole_library(
    library: Library, add: Add, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add("saved")
    await save(settings, tmp_path / "b.zip")
    await add("since then")
    # As after a crash of the bot: what was written last is in the journal alone.
    files = database_files(settings)
    await library.close()
    place = tmp_path / "place"
    monkeypatch.setenv("RIFFBOT_DATA_DIR", str(place))
    ends, found = 0, set()
    for call in itertools.count(1):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        for name, content in files.items():
            (place / name).write_bytes(content)
        ended = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", CRASH, str(tmp_path / "b.zip"), str(call)],
            capture_output=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
        left = rows_of(place / settings.database_file.name)
        kept = [rows_of(name) for name in place.glob("*.before-restore")]
        assert left == 2 or (left == 1 and kept == [2])
        found.add(left)
        if ended.returncode != 9:
            break
        ends += 1
    assert ended.returncode == 0
    assert found == {1, 2}
    assert ends > 5


async def test_where_the_new_library_cannot_be_put_the_old_one_stays(
    family: Library, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save(settings, tmp_path / "b.zip")
    await family.close()
    before = all_rows(settings)

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "in use")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        with pytest.raises(StorageError, match="permissions"):
            await bring_back(settings, tmp_path / "b.zip", overwrite=True)
    assert all_rows(settings) == before
    assert not [path for path in settings.data_dir.iterdir() if "restor" in path.name]


async def test_without_hard_links_the_old_library_is_copied(
    family: Library, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save(settings, tmp_path / "b.zip")
    await family.close()
    before = all_rows(settings)

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    kept = (await bring_back(settings, tmp_path / "b.zip", overwrite=True)).replaced
    assert all_rows(Settings(data_dir=tmp_path, database_url=f"sqlite:///{kept}")) == before


async def test_a_library_that_a_program_reads_is_not_replaced(
    family: Library, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await save(settings, tmp_path / "b.zip")
    await family.close()
    before = all_rows(settings)
    monkeypatch.setattr("riffbot.library.backup.replaced.BUSY_TIMEOUT_MS", 50)
    with closing(sqlite3.connect(settings.database_file)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM riffs").fetchone()
        with pytest.raises(RiffBotError, match="Another program"):
            await bring_back(settings, tmp_path / "b.zip", overwrite=True)
    assert all_rows(settings) == before


async def test_a_damaged_library_can_be_replaced(
    family: Library, settings: Settings, tmp_path: Path
) -> None:
    await save(settings, tmp_path / "b.zip", with_secrets=True)
    before = all_rows(settings)
    await family.close()
    settings.database_file.write_bytes(b"not a database at all" * 100)
    with pytest.raises(BadRequest, match="--overwrite"):
        await bring_back(settings, tmp_path / "b.zip")
    await bring_back(settings, tmp_path / "b.zip", overwrite=True)
    assert all_rows(settings) == before


async def test_lost_files_are_named_and_the_rest_is_saved(
    library: Library, add: Add, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    riff, other = await add("one"), await add("two")
    gone, damaged = library.files.find(riff.mp3), library.files.find(other.png)
    assert gone is not None
    assert damaged is not None
    gone.unlink()
    damaged.write_bytes(b"rotten")
    summary = await save(settings, tmp_path / "b.zip")
    assert set(summary.missing) == {riff.mp3, other.png}
    restored = await bring_back(elsewhere, tmp_path / "b.zip")
    assert set(restored.missing) == {riff.mp3, other.png}
    assert {problem.kind for problem in await problems(elsewhere)} == {"lost file"}


FULL = """
import resource, sys
from pathlib import Path
from riffbot.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
sys.exit(main(["backup", sys.argv[1]]))
"""


async def test_a_disk_that_is_full_half_way_leaves_no_backup(
    library: Library, add: Add, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        await add(f"{number} " + "x" * 900)
    await library.close()
    monkeypatch.setenv("RIFFBOT_DATA_DIR", str(settings.data_dir))
    folder = tmp_path / "backups"
    folder.mkdir()
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", FULL, str(folder / "b.zip")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert ended.returncode == 1
    assert "cannot be written" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("entry", ["files/", "database/riffs.jsonl", "manifest.json"])
async def test_a_backup_without_a_part_is_refused_before_anything_changes(
    family: Library, settings: Settings, elsewhere: Settings, tmp_path: Path, entry: str
) -> None:
    await save(settings, tmp_path / "b.zip")
    with (
        zipfile.ZipFile(tmp_path / "b.zip") as whole,
        zipfile.ZipFile(tmp_path / "part.zip", "w") as part,
    ):
        left_out = next(name for name in whole.namelist() if name.startswith(entry))
        for name in whole.namelist():
            if name != left_out:
                part.writestr(name, whole.read(name))
    with pytest.raises(RiffBotError):
        await bring_back(elsewhere, tmp_path / "part.zip")
    assert not elsewhere.data_dir.exists()


async def test_a_damaged_backup_is_never_taken_for_a_whole_one(
    family: Library, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "b.zip"
    await save(settings, path)
    whole = path.read_bytes()
    with Backup.open(path) as backup:
        rows = {table: list(backup.read_rows(table)) for table in backup.manifest.tables}

    @hypothesis_settings(
        max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.integers(0, len(whole) - 1), st.integers(1, 255), st.booleans())
    def damage(place: int, change: int, cut: bool) -> None:
        broken = bytearray(whole)
        broken[place] ^= change
        path.write_bytes(whole[:place] if cut else broken)
        try:
            with Backup.open(path) as backup:
                backup.verify()
                found = {table: list(backup.read_rows(table)) for table in backup.manifest.tables}
        except RiffBotError:
            return
        assert not cut
        assert found == rows, "what was damaged means nothing: a date, an attribute"

    await asyncio.to_thread(damage)


async def test_an_older_library_is_saved_as_it_is_and_upgraded_on_the_way_back(
    family: Library, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    await family.close()
    await asyncio.to_thread(migrate.downgrade, settings.database, "0004")
    await save(settings, tmp_path / "b.zip")
    with Backup.open(tmp_path / "b.zip") as backup:
        assert backup.manifest.revision == "0004"
    await bring_back(elsewhere, tmp_path / "b.zip")
    has, newest = await asyncio.to_thread(migrate.revisions, elsewhere.database)
    assert has == newest
    assert await problems(elsewhere) == []


async def test_a_backup_of_a_newer_riffbot_is_refused(
    family: Library, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    await save(settings, tmp_path / "b.zip")
    with (
        zipfile.ZipFile(tmp_path / "b.zip") as now,
        zipfile.ZipFile(tmp_path / "newer.zip", "w") as newer,
    ):
        for name in now.namelist():
            newer.writestr(name, now.read(name).replace(b'"revision": "0', b'"revision": "9'))
    with pytest.raises(BadRequest, match="newer RiffBot"):
        await bring_back(elsewhere, tmp_path / "newer.zip")


def rewrite(
    source: Path,
    target: Path,
    change: Callable[[Row], Row | bytes],
    *,
    table: str = "riffs",
    manifest: dict[str, Any] | None = None,
) -> None:
    """Write a backup anew with other rows, and with the hashes that belong to them."""
    entry = f"database/{table}.jsonl"
    with zipfile.ZipFile(source) as whole, zipfile.ZipFile(target, "w") as other:
        contents = {name: whole.read(name) for name in whole.namelist()}
        changed = [change(json.loads(line)) for line in contents[entry].splitlines()]
        assert changed
        lines = [
            row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in changed
        ]
        contents[entry] = b"".join(lines)
        told = json.loads(contents["manifest.json"])
        told["tables"][table]["sha256"] = hashlib.sha256(contents[entry]).hexdigest()
        contents["manifest.json"] = json.dumps({**told, **(manifest or {})}).encode()
        for name, content in contents.items():
            other.writestr(name, content)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("riffs", {"seed_image": 5}),
        ("riffs", {"png": []}),
        ("riffs", {"id": None}),
        ("riffs", {"prompt": {"a": 1}}),
        ("riffs", {"prompt": "\ud800"}),
        ("riffs", {"seed": 10**30}),
        ("riffs", {"seed": True}),
        ("riffs", {"denoising": math.nan}),
        ("riffs", {"remix_allowed": "yes"}),
        ("riffs", {"created_at": "yesterday"}),
        ("riffs", {"created_at": 5}),
        ("riffs", {"created_at": "2026-11-28T12:00:00"}),
        ("jobs", {"state": None}),
        ("jobs", {"state": ["pending"]}),
        ("jobs", {"request": 5}),
        ("favourites", {"user_id": "1"}),
    ],
)
@pytest.mark.usefixtures("family")
async def test_a_value_that_no_column_holds_is_damage(
    settings: Settings,
    tmp_path: Path,
    table: str,
    change: dict[str, Any],
) -> None:
    await save(settings, tmp_path / "b.zip")
    rewrite(tmp_path / "b.zip", tmp_path / "odd.zip", lambda row: {**row, **change}, table=table)
    with Backup.open(tmp_path / "odd.zip") as backup, pytest.raises(StorageError, match="damaged"):
        backup.verify()


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("riffs", lambda row: {**row, "id": "same"}),
        ("riffs", lambda row: {**row, "extra": 1}),
        ("riffs", lambda row: {name: row[name] for name in row if name != "prompt"}),
        ("riffs", lambda row: {**row, "prompt": None}),
        ("jobs", lambda row: {"id": row["id"]}),
        ("riffs", lambda _: b"[" * 100_000 + b"]" * 100_000 + b"\n"),
    ],
)
@pytest.mark.usefixtures("family")
async def test_rows_that_the_database_refuses_are_damage(
    settings: Settings,
    elsewhere: Settings,
    tmp_path: Path,
    table: str,
    change: Callable[[Row], Row | bytes],
) -> None:
    await save(settings, tmp_path / "b.zip")
    rewrite(tmp_path / "b.zip", tmp_path / "odd.zip", change, table=table)
    with pytest.raises(StorageError, match="damaged"):
        await bring_back(elsewhere, tmp_path / "odd.zip")
    assert not elsewhere.database_file.exists()


@pytest.mark.parametrize("manifest", [{"tables": {}}, {"format": 0}, {"format": -5}])
async def test_a_manifest_that_promises_nothing_is_damaged(
    family: Library, settings: Settings, tmp_path: Path, manifest: dict[str, Any]
) -> None:
    await save(settings, tmp_path / "b.zip")
    rewrite(tmp_path / "b.zip", tmp_path / "odd.zip", lambda row: row, manifest=manifest)
    with pytest.raises(StorageError, match="damaged"):
        Backup.open(tmp_path / "odd.zip")


@pytest.mark.needs("postgres", "asyncpg")
async def test_postgresql_gets_texts_without_nul(
    family: Library, settings: Settings, server: str, tmp_path: Path
) -> None:
    there = Settings(data_dir=tmp_path / "there", database_url=server)
    await save(settings, tmp_path / "b.zip")
    rewrite(tmp_path / "b.zip", tmp_path / "odd.zip", lambda row: {**row, "alt": "a\0b"})
    await bring_back(there, tmp_path / "odd.zip", overwrite=True)
    rows = await asyncio.to_thread(all_rows, there)
    assert {row["alt"] for row in rows["riffs"]} == {"ab"}


async def test_where_there_is_no_library_there_is_no_backup(
    elsewhere: Settings, tmp_path: Path
) -> None:
    with pytest.raises(BadRequest, match="no library"):
        await save(elsewhere, tmp_path / "b.zip")
    (tmp_path / "b.zip").write_text("something else")
    with pytest.raises(BadRequest, match="is no backup"):
        await bring_back(elsewhere, tmp_path / "b.zip")


async def test_a_full_database_restores_nothing(
    family: Library,
    settings: Settings,
    elsewhere: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await save(settings, tmp_path / "b.zip")

    def break_off(*_: object) -> int:
        raise StorageError("The disk is full: please free some space.")

    monkeypatch.setattr("riffbot.library.backup.restore.insert_rows", break_off)
    with pytest.raises(StorageError, match="full"):
        await bring_back(elsewhere, tmp_path / "b.zip")
    assert not elsewhere.database_file.exists()
    assert [path.name for path in elsewhere.data_dir.iterdir()] == ["files"]
