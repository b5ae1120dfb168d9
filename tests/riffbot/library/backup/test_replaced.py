"""A restore never leaves a moment without a library, and deletes none."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from riffbot.errors import BadRequest, RiffBotError, StorageError
from riffbot.library.backup.replaced import find_replaced, find_replaced_references
from riffbot.library.store import Library
from riffbot.locations import ROOT
from riffbot.settings import Settings
from tests.riffbot.library.backup.conftest import all_files, all_rows, bring_back, problems, save
from tests.riffbot.library.conftest import Add


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
