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
    user = os.getuid() if hasattr(os, "getuid") else 0
    try:
        path = Path(tempfile.gettempdir()) / f"riffbot-compiling-{user}.lock"
        lock = FileLock(path, mode=0o600)
        lock.acquire()
    except OSError:  # nothing can be written here, so nothing is kept that could be mixed up
        yield
        return
    try:
        yield
    finally:
        lock.release()
