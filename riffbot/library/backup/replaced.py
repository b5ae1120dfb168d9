"""Replaces an SQLite library by a restored one, and keeps the old one beside it.

There is no moment without a library: the old one is kept under a second name first, and the new
one takes its place in one rename. The files of the data folder are shared, so that those that a
kept library refers to stay for as long as it lies there.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

from riffbot.errors import StorageError
from riffbot.library.backup.rows import find_references, reflect_tables
from riffbot.library.connection import BUSY_TIMEOUT_MS, database_url, file_of
from riffbot.library.db_errors import busy_error
from riffbot.library.file_modes import create_private_file
from riffbot.library.files import sync_folder

REPLACED = ".before-restore"
"""The end of the name under which a replaced SQLite library is kept; `-2` and so on may follow."""

SIDE_FILES = ("-wal", "-shm")
"""The ends of the names of SQLite's journal and its index."""

_HALF = ".half"


def replace_database(new: Path, path: Path) -> Path | None:
    """Let a complete SQLite file take the place of a library, which is kept.

    Args:
        new: the new file, in the same folder; it has no journal.
        path: the library's file; it may be absent.

    Returns:
        Where the old library is kept; None if there was none.

    Raises:
        StorageError: a program holds the old library, which is still in place then.
        OSError: the disk does not take it; the old library is still in place then.
    """
    _sync_file(new)
    kept, is_whole = _keep(path) if path.exists() and path.stat().st_size else (None, False)
    try:
        if any(_beside(path, end).exists() for end in SIDE_FILES):
            raise busy_error()  # opened again meanwhile: its journal would get into the new file
        new.replace(path)
    except BaseException:
        if kept is not None and is_whole:  # it is the library itself, or a copy of it
            with suppress(OSError):
                kept.unlink()
        raise
    sync_folder(path.parent)
    return kept


def find_replaced(database: str) -> list[Path]:
    """Return the kept libraries beside the one of a database URL, the oldest first."""
    path = file_of(database_url(database))
    if path is None:
        return []
    path = path.resolve()
    names = path.parent.glob(f"{path.name}{REPLACED}*")
    found = [name for name in names if not name.name.endswith((*SIDE_FILES, _HALF))]
    # An interrupted restore leaves a second name of the library itself.
    return sorted(name for name in found if not (path.exists() and path.samefile(name)))


def find_replaced_references(database: str) -> set[str]:
    """Return the sha256 of the files that kept libraries refer to.

    Raises:
        StorageError: one cannot be read.
    """
    found: set[str] = set()
    for path in find_replaced(database):
        address = f"{path.absolute().as_uri()}?mode=ro"
        engine = create_engine(
            "sqlite://", creator=lambda address=address: sqlite3.connect(address, uri=True)
        )
        try:
            with engine.connect() as connection:
                found |= find_references(connection, reflect_tables(connection))
        except (SQLAlchemyError, ValueError) as error:
            raise StorageError(
                f"The replaced library “{path.name}” cannot be read: move it elsewhere, or delete "
                "it when you need it no more."
            ).with_path(path) from error
        finally:
            engine.dispose()
    return found


def _keep(path: Path) -> tuple[Path, bool]:
    """Give a library a second name; also returns whether it is whole, without a journal then."""
    is_whole = _close(path)
    kept = next(_free_names(path))
    for end in ("", *(() if is_whole else SIDE_FILES)):
        if (source := _beside(path, end)).exists():
            _link(source, _beside(kept, end))
    sync_folder(path.parent)
    if not is_whole:  # the journal of a damaged one would get into the new one
        for end in SIDE_FILES:
            _beside(path, end).unlink(missing_ok=True)
    return kept, is_whole


def _close(path: Path) -> bool:
    """Write a library's journal into its file and remove it; False if the file is damaged."""
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_MS / 1000)) as database:
            (is_busy, *_) = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            (mode,) = database.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.DatabaseError as error:
        if _is_damage(error):
            return False
        if "locked" in str(error):
            raise busy_error() from error
        raise StorageError(
            f"The library that is there cannot be put aside ({error}): nothing has changed."
        ).with_path(path) from error
    if is_busy or mode != "delete":
        raise busy_error()
    _sync_file(path)
    return True


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _free_names(path: Path) -> Iterator[Path]:
    for number in count(1):
        name = path.with_name(f"{path.name}{REPLACED}{f'-{number}' if number > 1 else ''}")
        if not any(os.path.lexists(_beside(name, end)) for end in ("", *SIDE_FILES)):
            yield name


def _link(source: Path, target: Path) -> None:
    """Give a file a second name; where the disk has no hard links, copy it."""
    try:
        target.hardlink_to(source)
    except OSError:
        half = _beside(target, _HALF)
        try:
            half.unlink(missing_ok=True)
            create_private_file(half)
            shutil.copyfile(source, half)
            _sync_file(half)
            half.rename(target)
        finally:
            with suppress(OSError):
                half.unlink(missing_ok=True)


def _beside(path: Path, end: str) -> Path:
    return Path(f"{path}{end}")


def _sync_file(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())
