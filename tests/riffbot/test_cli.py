"""The command line: errors in one line, help without heavy imports."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest

from riffbot.cli import main
from riffbot.commands.flags import CommonOptions
from riffbot.locations import ROOT
from tests.riffbot.commands.answers import one_line


def test_a_bug_is_one_line_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: CommonOptions) -> int:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("riffbot.commands.info.seed_images", broken)
    assert main(["seed-images"]) == 1
    assert "RuntimeError, two lines" in one_line(capsys)
    with pytest.raises(RuntimeError):
        main(["seed-images", "--debug"])


def test_an_interrupt_is_one_line_and_130(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: CommonOptions) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("riffbot.commands.info.seed_images", interrupted)
    assert main(["seed-images"]) == 130
    assert one_line(capsys) == "riffbot: stopped.\n"


def test_help_and_usage_errors_import_nothing_heavy() -> None:
    code = (
        "import sys; from riffbot.cli import main\n"
        "for words in (['riff', 'x', '--denoising', '1.7'], ['riff', 'x', '--steps', 'abc']):\n"
        "    assert main(words) == 2\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'torch', 'numpy', 'discord', 'diffusers', 'sqlalchemy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True)


def test_help_imports_neither_a_command_nor_the_types_of_its_options() -> None:
    code = (
        "import sys; from riffbot.cli import main\n"
        "try: main(['riff', '--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "slow = {'pydantic', 'riffbot.commands.dispatch', 'riffbot.commands.flags'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True)


def test_the_package_is_a_command_too() -> None:
    command = [sys.executable, "-m", "riffbot", "--version"]
    done = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == f"riffbot {metadata.version('riffbot')}\n"
