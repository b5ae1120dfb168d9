"""Compiled libraries are loaded by one process at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from audio import libraries
from riffbot.locations import ROOT

COMPILES = """
import os, pathlib, time
log = pathlib.Path(__file__).with_name("log")
for word in ("begins", "ends"):
    with log.open("a") as file:
        file.write(f"{os.getpid()} {word}\\n")
    time.sleep(0.3)
"""
LOADS = """
import sys
from audio import libraries
libraries._MODULES = ("compiles",)
libraries.load_librosa()
"""


def test_two_processes_do_not_compile_at_once(tmp_path: Path) -> None:
    (tmp_path / "compiles.py").write_text(COMPILES)
    environment = {"PYTHONPATH": f"{ROOT}:{tmp_path}", "TMPDIR": str(tmp_path)}
    processes = [subprocess.Popen([sys.executable, "-c", LOADS], env=environment) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    words = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    assert [word for _, word in words] == ["begins", "ends"] * 3
    assert [pid for pid, _ in words[::2]] == [pid for pid, _ in words[1::2]]


def test_where_nothing_can_be_written_it_is_loaded_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "a file" / "below"))
    (tmp_path / "a file").touch()
    monkeypatch.setattr(libraries, "_MODULES", ())
    assert libraries.load_librosa.__wrapped__().__name__ == "librosa"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="the folder for temporaries is the user's")
def test_a_lock_that_another_account_could_hold_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(libraries, "_MODULES", ())
    taken = FileLock(tmp_path / f"riffbot-compiling-{os.getuid()}.lock")  # in the shared folder
    with taken:
        assert libraries.load_librosa.__wrapped__().__name__ == "librosa"
    private = tmp_path / f"riffbot-compiling-{os.getuid()}"
    assert private.stat().st_mode & 0o777 == 0o700

    private.chmod(0o777)
    with FileLock(private / "riffbot-compiling.lock"):
        assert libraries.load_librosa.__wrapped__().__name__ == "librosa"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="modes are not the system's")
def test_the_lock_lies_with_the_compiled_code_where_that_has_a_private_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "shared"))
    monkeypatch.setattr(libraries, "_MODULES", ())
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "numba"))
    libraries.load_librosa.__wrapped__()
    assert (tmp_path / "numba").stat().st_mode & 0o777 == 0o700
    assert not (tmp_path / "shared").exists()
