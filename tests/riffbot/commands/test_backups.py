"""`riffbot backup`, `riffbot restore` and `riffbot doctor --deep` on the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from riffbot import cli
from riffbot.library.inspection.inspect import inspect_library
from riffbot.library.inspection.problems import Inspection
from riffbot.library.instance_lock import hold_instance_lock, is_instance_lock_held
from riffbot.library.store import Library
from riffbot.request import RiffRequest
from riffbot.settings import Settings, load_settings
from tests.riffbot.commands.answers import one_line
from tests.riffbot.library.conftest import ANN, files, made


@pytest.fixture
def riff_id(home: Path) -> str:
    async def fill() -> str:
        library = await Library.open(load_settings())
        request = RiffRequest(prompt="funky sax", seed=1)
        job = await library.jobs.create(request, author=ANN)
        stored = await library.jobs.finish(job.id, made(request), files("a"))
        await library.close()
        return stored.id

    return asyncio.run(fill())


def test_there_and_back(
    home: Path, riff_id: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["backup", "saved.zip"]) == 0
    assert "1 riffs and 3 files, read again and whole." in capsys.readouterr().out
    assert cli.main(["restore", "saved.zip", "--check"]) == 0
    assert capsys.readouterr().out.startswith("The backup is whole: 1 riffs and 3 files")
    monkeypatch.setenv("RIFFBOT_DATA_DIR", str(home / "elsewhere"))
    assert cli.main(["restore", "saved.zip"]) == 0
    assert "1 riffs and 3 files are restored" in capsys.readouterr().out
    assert cli.main(["doctor", "--deep"]) == 0
    assert "1 riffs and 3 files are as they should be" in capsys.readouterr().out
    assert cli.main(["library", "list"]) == 0
    assert riff_id in capsys.readouterr().out
    assert cli.main(["restore", "saved.zip"]) == 2
    assert "--overwrite" in one_line(capsys)


def test_json(home: Path, riff_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["backup", "saved.zip", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["riffs"], told["files"], told["missing"]) == (1, 3, [])
    assert cli.main(["restore", "saved.zip", "--check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["whole"] is True
    assert cli.main(["restore", "saved.zip", "--overwrite", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"]["riffs"] == 1
    assert told["replaced"].endswith(".before-restore")
    assert cli.main(["doctor", "--deep", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["healthy"], told["riffs"], told["problems"]) == (True, 1, [])


def test_a_folder_gets_a_file_with_the_time(home: Path, riff_id: str) -> None:
    (home / "backups").mkdir()
    assert cli.main(["backup", "backups"]) == 0
    (file,) = (home / "backups").iterdir()
    assert file.name.startswith("riffbot-20")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["backup", "saved.tar"], "name OUT as .zip"),
        (["restore", "nowhere.zip"], "no file"),
        (["restore", "text.zip"], "is no backup"),
        (["doctor", "--repair"], "--deep --repair"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    home: Path,
    riff_id: str,
    words: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (home / "text.zip").write_text("hello")
    assert cli.main(words) == 2
    assert sentence in one_line(capsys)


def test_without_a_library_there_is_one_sentence(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["backup", "saved.zip"], ["doctor", "--deep"]):
        assert cli.main(words) == 2
        assert "There is no library" in one_line(capsys)
    assert not (home / "saved.zip").exists()


def test_settings_travel_only_where_asked(
    home: Path, riff_id: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".env").write_text("RIFFBOT_MAX_BATCH=3\n")
    assert cli.main(["backup", "open.zip"]) == 0
    assert cli.main(["backup", "secret.zip", "--with-secrets"]) == 0
    (home / ".env").unlink()
    monkeypatch.setenv("RIFFBOT_DATA_DIR", str(home / "elsewhere"))
    capsys.readouterr()
    assert cli.main(["restore", "open.zip", "--with-secrets"]) == 2
    assert "no settings in this backup" in one_line(capsys)
    assert cli.main(["restore", "secret.zip", "--with-secrets"]) == 0
    assert (home / ".env").read_text() == "RIFFBOT_MAX_BATCH=3\n"
    assert (home / ".env").stat().st_mode & 0o077 == 0


@pytest.fixture
def running(home: Path) -> Iterator[Settings]:
    """Somebody holds the data folder, as a RiffBot does that runs."""
    settings = load_settings()
    with asyncio.Runner() as runner:
        lock = hold_instance_lock(settings)
        runner.run(lock.__aenter__())
        yield settings
        runner.run(lock.__aexit__(None, None, None))


def test_beside_a_running_riffbot(
    home: Path, riff_id: str, running: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["backup", "saved.zip"]) == 0
    assert cli.main(["doctor", "--deep"]) == 0
    capsys.readouterr()
    assert cli.main(["restore", "saved.zip", "--overwrite"]) == 1
    assert "Another RiffBot" in one_line(capsys)
    assert cli.main(["doctor", "--deep", "--repair"]) == 1
    assert "Another RiffBot" in one_line(capsys)


def test_what_is_mended_is_looked_for_while_no_riffbot_can_start(
    home: Path, riff_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []

    def look(settings: Settings, *args: Any, **options: Any) -> Inspection:
        held.append((is_instance_lock_held(settings), options["is_running"]))
        return inspect_library(settings, *args, **options)

    monkeypatch.setattr("riffbot.library.inspection.inspect.inspect_library", look)
    assert cli.main(["doctor", "--deep"]) == 0
    assert cli.main(["doctor", "--deep", "--repair"]) == 0
    assert held == [(False, False), (True, False)]
