"""A backup is whole or it is none, and nothing that it says is believed."""

from __future__ import annotations

import asyncio
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from riffbot.errors import RiffBotError, StorageError
from riffbot.library.backup.archive import Backup
from riffbot.library.backup.rows import Row
from riffbot.library.store import Library
from riffbot.settings import Settings
from tests.riffbot.library.backup.conftest import bring_back, rewrite, save


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
