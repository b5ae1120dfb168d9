"""What the command line says about an installation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from riffbot.cli import main
from tests.riffbot.commands.answers import one_line


def test_seed_images_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seed-images"]) == 0
    assert capsys.readouterr().out.split()[:3] == ["beat", "93.75", "bpm"]
    assert main(["seed-images", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seed_images"][0]["beats"] == 2


def test_the_database_is_made(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["db", "upgrade"]) == 0
    assert "up to date" in capsys.readouterr().out
    assert (home / "data/riffbot.db").exists()


def test_a_setting_that_cannot_be_read_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RIFFBOT_LORAS", "loras/banjo")
    assert main(["seed-images"]) == 2
    assert "JSON list" in one_line(capsys)
    monkeypatch.setenv("RIFFBOT_LORAS", "[]")
    monkeypatch.setenv("RIFFBOT_MAX_BATCH", "many")
    assert main(["seed-images"]) == 2
    assert "RIFFBOT_MAX_BATCH" in one_line(capsys)
