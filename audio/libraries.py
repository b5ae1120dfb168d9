"""librosa, loaded by one process at a time.

librosa compiles its universal functions with numba as it is imported (half a minute of processor
time, once a machine) and keeps the machine code on disk. numba writes a function and the wrapper
that calls it into separate files, which find each other by a name that differs from process to
process. Two processes that fill an empty cache at once leave files of both, and from then on every
process that uses them crashes (SIGSEGV), which no exception handler can catch.
"""

from __future__ import annotations

import importlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock

_MODULES = ("librosa.feature", "librosa.onset", "librosa.beat")
"""What is used of it; importing them compiles."""


@cache
def load_librosa() -> Any:
    """Import librosa with the modules that find beats; waits while another process compiles them.

    Returns:
        the package, which has no types.
    """
    with _one_process():
        for name in _MODULES:
            importlib.import_module(name)
    return importlib.import_module("librosa")


@contextmanager
def _one_process() -> Iterator[None]:
    folder = _lock_folder()
    if folder is None:  # nothing can be written, so nothing is kept that could be mixed up
        yield
        return
    try:
        lock = FileLock(folder / "riffbot-compiling.lock", mode=0o600)
        lock.acquire()
    except OSError:
        yield
        return
    try:
        yield
    finally:
        lock.release()


def _lock_folder() -> Path | None:
    """A folder that no other account can write to, or hold a lock in for ever; None without one.

    The folder of the compiled code where one is named, else a private one among temporary files.
    """
    named = os.environ.get("NUMBA_CACHE_DIR")
    folder = _private(Path(named)) if named else None
    if folder is not None:
        return folder
    user = os.getuid() if hasattr(os, "getuid") else 0
    try:
        return _private(Path(tempfile.gettempdir()) / f"riffbot-compiling-{user}")
    except OSError:
        return None


def _private(folder: Path) -> Path | None:
    """The folder, made if it does not exist; None where others can write to it or it is a link."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    if not stat.S_ISDIR(found.st_mode):
        return None
    if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o022):
        return None
    return folder
