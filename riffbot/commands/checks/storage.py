"""The data folder, its disk and database, and the folder for compiled code."""
# ruff: noqa: PLC0415 - each check imports what it checks, and a broken import is a result

from __future__ import annotations

import shutil
import tempfile

from riffbot import caches
from riffbot.commands.checks.result import BAD, GIB, GOOD, NOTE, CheckResult
from riffbot.commands.checks.trial import nearest_existing
from riffbot.locations import DATABASE_FILE
from riffbot.settings import Settings

MIN_DISK = 1 << 30


def check_data_folder(settings: Settings) -> CheckResult:
    """Whether files can be written to the data folder, which is not created."""
    folder = settings.data_dir.absolute()
    there = nearest_existing(folder)
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        return CheckResult(
            "data folder",
            BAD,
            f"{folder} cannot be written ({(error.strerror or str(error)).lower()})",
            f"give it to this user, or set RIFFBOT_DATA_DIR elsewhere ({there} is in the way)",
        )
    return CheckResult(
        "data folder", GOOD, f"{folder}{'' if there == folder else ' (will be made)'}"
    )


def check_cache(_: Settings) -> CheckResult:
    """The folder that keeps compiled code."""
    folder = caches.compiled_code_folder()
    if folder is None:
        return CheckResult(
            "cache",
            NOTE,
            "no folder can be written, so every start compiles for half a minute",
            "set NUMBA_CACHE_DIR to a folder that this user can write to",
        )
    return CheckResult("cache", GOOD, f"compiled code is kept in {folder}")


def check_disk(settings: Settings) -> CheckResult:
    """Free space on the disk of the data folder."""
    folder = settings.data_dir.absolute()
    there = nearest_existing(folder)
    free = shutil.disk_usage(there).free
    found = f"{free / GIB:.1f} GB free, room for some {free // 400_000:,} riffs"
    if free < MIN_DISK:
        return CheckResult(
            "disk", NOTE, found, "make room, or set RIFFBOT_DATA_DIR to a larger disk"
        )
    return CheckResult("disk", GOOD, found)


def check_database(settings: Settings) -> CheckResult:
    """Whether the tables are up to date."""
    from riffbot.library.connection import database_url, file_of
    from riffbot.library.migrate import revisions

    path = file_of(database_url(settings.database))
    if path is not None and not path.exists():
        return CheckResult("database", GOOD, "none yet: the first start makes it")
    has, newest = revisions(settings.database)
    if has != newest:
        return CheckResult(
            "database",
            NOTE,
            f"revision {has}, and this RiffBot knows {newest}",
            "the next start upgrades it, or riffbot db upgrade does; back it up before",
        )
    if (
        path is not None
        and path.parent != settings.data_dir.absolute()
        and settings.database_url is None
    ):
        return CheckResult(
            "database",
            NOTE,
            f"up to date (revision {has}), in {path}, where an older RiffBot put it",
            f"stop RiffBot and move it to {settings.data_dir.absolute() / DATABASE_FILE}",
        )
    return CheckResult("database", GOOD, f"up to date (revision {has})")
