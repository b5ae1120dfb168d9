"""What is restored is what was there, whoever writes meanwhile and wherever it moves."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from riffbot.errors import BadRequest, StorageError
from riffbot.library import migrate
from riffbot.library.backup.archive import Backup
from riffbot.library.store import Library
from riffbot.locations import ROOT
from riffbot.settings import Settings
from tests.riffbot.library.backup.conftest import (
    all_files,
    all_rows,
    bring_back,
    problems,
    rewrite,
    save,
)
from tests.riffbot.library.conftest import Add


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
