"""Whether a RiffBot is running on a data folder: what must not be done beside it asks here."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from riffbot.library.file_modes import FILE_MODE, make_private_dir
from riffbot.settings import Settings

log = logging.getLogger(__name__)

_FOLDER, _SUFFIX = "running", ".lock"


@asynccontextmanager
async def noted(settings: Settings) -> AsyncIterator[None]:
    """Note for others that this process runs on the data folder.

    Every process locks a file of its own there; the system takes the lock back however it ends. On
    a disk that knows no locks it runs all the same, unnoted.
    """
    path = settings.data_dir / _FOLDER / f"{secrets.token_hex(8)}{_SUFFIX}"
    # The lock belongs to the process: whichever thread it was taken in may give it back.
    lock = FileLock(path, timeout=0, thread_local=False, mode=FILE_MODE)
    try:
        await asyncio.to_thread(_take, lock, path)
    except (OSError, NotImplementedError, Timeout) as error:
        log.warning("that RiffBot runs on %s cannot be noted: %s", settings.data_dir, error)
    try:
        yield
    finally:
        await asyncio.to_thread(_give_back, lock, path)


def is_running(settings: Settings) -> bool:
    """Whether a process runs on the data folder. Clears away what those that crashed left."""
    found = False
    for path in sorted((settings.data_dir / _FOLDER).glob(f"*{_SUFFIX}")):
        lock = FileLock(path, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            found = True
            continue
        except (OSError, NotImplementedError):
            continue
        _give_back(lock, path)
    return found


def _take(lock: FileLock, path: Path) -> None:
    make_private_dir(path.parent)
    lock.acquire()


def _give_back(lock: FileLock, path: Path) -> None:
    lock.release()
    with suppress(OSError):
        path.unlink(missing_ok=True)
