"""Imports librosa in one process at a time.

librosa compiles its universal functions with numba when it is imported (half a minute of processor
time, once on each machine) and caches the machine code on disk. numba writes a function and the
wrapper that calls it to separate files, linked by a name that differs from process to process. Two
processes that fill an empty cache at once leave files of both, and every process that uses these
crashes (SIGSEGV), which no exception handler can catch.
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
"""The modules that are used; importing them compiles them."""


@cache
def load_librosa() -> Any:
    """Import librosa and its beat-tracking modules; wait while another process compiles them.

    Returns:
        The package, which has no types.
    """
    with _one_process():
        for name in _MODULES:
            importlib.import_module(name)
    return importlib.import_module("librosa")


@contextmanager
def _one_process() -> Iterator[None]:
    folder = _lock_folder()
    if folder is None:  # nothing can be written, so there is no cache to protect
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
    """Return a folder that only this account can write to; None if there is none.

    It is numba's cache folder if one is set, else a private folder for temporary files. Another
    account that could write to it could hold the lock for ever.
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
    """Create a folder if necessary; return None if others can write to it or it is a link."""
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
