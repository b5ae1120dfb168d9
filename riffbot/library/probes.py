"""Probes of the library: does its database answer, and does its disk take files?"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

from sqlalchemy import text

from riffbot.errors import StorageError
from riffbot.library.database import Database
from riffbot.library.disk_errors import disk_error

MIN_FREE_BYTES = 64 * 1024**2
"""Free space below which the disk counts as full: a clip takes half a megabyte, and SQLite needs
room for its journal."""


async def check_database(database: Database) -> str | None:
    """Ask the database something small."""
    try:
        await database.query(lambda session: session.execute(text("SELECT 1")).scalar())
    except StorageError as error:
        return str(error)
    return None


async def check_disk(folder: Path) -> str | None:
    """Write a small file where riffs are stored, in a thread."""
    return await asyncio.to_thread(_check_disk, folder)


def _check_disk(folder: Path) -> str | None:
    try:
        free = shutil.disk_usage(folder).free
        if free < MIN_FREE_BYTES:
            return f"The disk is full: {free // 1024**2} MB are free. Please free some space."
        with tempfile.TemporaryFile(dir=folder, prefix=".half-") as file:
            file.write(b"\0" * 4096)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return str(disk_error(error, folder))
    return None
