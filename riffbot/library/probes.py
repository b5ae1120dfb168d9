"""Probes of the library: does its database answer, and does its disk take files?"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from sqlalchemy import text

from riffbot.errors import StorageError
from riffbot.library.database import Database
from riffbot.library.disk_errors import disk_error

MIN_FREE_BYTES = 64 * 1024**2
"""Free space below which the disk counts as full: a clip takes half a megabyte, and SQLite needs
room for its journal."""

_HANGS = "no answer: the disk still works on what it was asked before"


async def check_database(database: Database) -> str | None:
    """Ask the database something small."""
    try:
        await database.query(lambda session: session.execute(text("SELECT 1")).scalar())
    except StorageError as error:
        return str(error)
    return None


class DiskProbe:
    """Writes a small file where riffs are stored, in a thread of its own, one at a time.

    A disk that hangs keeps the thread for as long as it likes. In asyncio's shared threads a few
    such checks would stop everything else that runs there; here one thread hangs at most, and it
    is a daemon, so that the process can end.

    Args:
        folder: where riffs are stored.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: asyncio.Future[str | None] | None = None
        self.free_bytes: int | None = None
        """Free space when the disk last answered; None before it did."""

    async def check(self) -> str | None:
        """Return what is wrong with the disk; None if all is well."""
        if self._running is not None and not self._running.done():
            return _HANGS
        loop = asyncio.get_running_loop()
        self._running = running = loop.create_future()

        def run() -> None:
            try:
                trouble, error = self._probe(), None
            except Exception as raised:  # a bug: the caller logs it
                trouble, error = None, raised
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(_settle, running, trouble, error)

        threading.Thread(target=run, name="disk probe", daemon=True).start()
        return await asyncio.shield(running)

    def _probe(self) -> str | None:
        try:
            self.free_bytes = free = shutil.disk_usage(self._folder).free
            if free < MIN_FREE_BYTES:
                return f"The disk is full: {free // 1024**2} MB are free. Please free some space."
            with tempfile.TemporaryFile(dir=self._folder, prefix=".half-") as file:
                file.write(b"\0" * 4096)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            return str(disk_error(error, self._folder))
        return None


def _settle(
    running: asyncio.Future[str | None], trouble: str | None, error: Exception | None
) -> None:
    if error is None:
        running.set_result(trouble)
        return
    running.set_exception(error)
    running.exception()  # who asked may have given up: nothing to warn of
