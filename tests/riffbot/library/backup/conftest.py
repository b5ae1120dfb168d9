"""Libraries to back up, and what is compared before and after."""

from __future__ import annotations

import asyncio
import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from riffbot.jam.snapshot import JamSnapshot
from riffbot.library.backup.archive import Backup
from riffbot.library.backup.restore import RestoreSummary, restore_backup
from riffbot.library.backup.rows import Row, read_rows, reflect_tables, run_in_snapshot
from riffbot.library.backup.write import BackupSummary, write_backup
from riffbot.library.connection import database_url
from riffbot.library.inspection.inspect import inspect_library
from riffbot.library.store import Library
from riffbot.library.types import Origin
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
