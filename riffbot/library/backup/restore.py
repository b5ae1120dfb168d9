"""Puts a backup into a data folder and a database, all of it or nothing.

Files come first: they are named by their content, so that those of a restore that failed harm
nobody. The rows come in one transaction. A restored SQLite library is written beside the one that
is there and takes its place when it is complete; the old one is kept, see `replaced`.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, MetaData, func, inspect, select
from sqlalchemy.engine import URL

from riffbot.errors import BadRequest, StorageError
from riffbot.library import migrate
from riffbot.library.backup.archive import Backup, OnFile
from riffbot.library.backup.replaced import SIDE_FILES, replace_database
from riffbot.library.backup.rows import (
    insert_rows,
    references_of,
    reflect_tables,
    run_in_snapshot,
)
from riffbot.library.connection import database_url, file_of
from riffbot.library.disk_errors import disk_error
from riffbot.library.file_modes import create_private_file, make_private_dir
from riffbot.library.files import Files
from riffbot.library.tables import Base
from riffbot.settings import Settings

_HALF = ".restoring"


@dataclass(frozen=True)
class RestoreSummary:
    """What was restored.

    Attributes:
        rows: how many, by table.
        files: how many.
        missing: sha256 of files that its riffs need and that the backup does not have.
        replaced: where the SQLite library is kept that was there before, if there was one.
    """

    rows: dict[str, int]
    files: int
    missing: tuple[str, ...]
    replaced: Path | None


def restore_backup(
    settings: Settings,
    backup: Backup,
    *,
    overwrite: bool = False,
    on_file: OnFile = lambda done, of: None,
) -> RestoreSummary:
    """Restore a verified backup into the settings' data folder and database.

    The caller holds the instance lock. Runs its own event loop: call it in a thread.

    Args:
        overwrite: replace the library that is there.

    Raises:
        BadRequest: a library is there, or the backup is of a newer RiffBot.
        StorageError: the disk or the database does not take it; nothing has changed then but for
            files that no row refers to.
    """
    url = database_url(settings.database)
    if not migrate.is_known(backup.manifest.revision):
        raise BadRequest(
            f"The backup is of a newer RiffBot ({backup.manifest.riffbot}): please update this one."
        )
    if not overwrite and (what := _find_library(url, settings)):
        raise BadRequest(
            f"{what} already: name an empty place with RIFFBOT_DATA_DIR (and "
            "RIFFBOT_DATABASE_URL), or replace what is there with --overwrite."
        )
    restored = _restore_files(settings, backup, on_file)
    database = file_of(url)
    if database is None:
        rows = _restore_rows(url, backup, replace=True)
        replaced = None
    else:
        rows, replaced = _restore_sqlite(url, database.resolve(), backup)
    return RestoreSummary(rows, restored, backup.manifest.missing, replaced)


def _find_library(url: URL, settings: Settings) -> str | None:
    """Say what is there that a restore would replace; None if nothing is."""
    path = file_of(url)
    if path is None:
        if run_in_snapshot(url, _has_rows):
            return f"The database “{url.database}” holds a library"
    elif path.exists() and path.stat().st_size and _is_in_use(url):
        return f"A library lies in “{path.name}”"
    if next(Files(settings.files_dir).list_files(), None) is not None:
        return "Files of a library lie in the data folder"
    return None


def _is_in_use(url: URL) -> bool:
    try:
        return run_in_snapshot(url, _has_rows)
    except StorageError:  # damaged: it is for its owner to say that it may go
        return True


def _has_rows(connection: Connection) -> bool:
    return any(
        connection.scalar(select(func.count()).select_from(table))
        for table in reflect_tables(connection)
    )


def _restore_files(settings: Settings, backup: Backup, on_file: OnFile) -> int:
    needed: set[str] = set()
    for table in backup.manifest.tables:
        for row in backup.read_rows(table):
            needed |= references_of(table, row)
    there = sorted(needed & set(backup.digests))
    files = Files(settings.files_dir)
    try:
        make_private_dir(settings.files_dir)
    except OSError as error:
        raise disk_error(error, settings.data_dir) from error
    for number, digest in enumerate(there, 1):
        data = backup.read_file(digest)
        assert data is not None
        files.put(data, backup.suffix(digest))
        on_file(number, len(there))
    return len(there)


def _restore_rows(url: URL, backup: Backup, *, replace: bool) -> dict[str, int]:
    """Make the tables as they were, fill them and upgrade them, in one transaction."""
    counts: dict[str, int] = {}

    def run(connection: Connection) -> None:
        if replace:
            _drop_tables(connection)
        migrate.upgrade_within(connection, backup.manifest.revision)
        for table in reflect_tables(connection):
            if table.name not in backup.manifest.tables:
                raise StorageError(
                    f"The backup is damaged (the table {table.name} is not in it): take another "
                    "one."
                )
            rows = backup.read_rows(table.name)
            counts[table.name] = insert_rows(connection, table, rows)
        migrate.upgrade_within(connection)

    migrate.run_in_transaction(url, run)
    return counts


def _drop_tables(connection: Connection) -> None:
    """Drop RiffBot's tables, of whatever revision they are; a database may hold other tables."""
    metadata = MetaData()
    there = set(inspect(connection).get_table_names())
    metadata.reflect(connection, only=sorted(there & {*Base.metadata.tables, "alembic_version"}))
    metadata.drop_all(connection)


def _restore_sqlite(url: URL, path: Path, backup: Backup) -> tuple[dict[str, int], Path | None]:
    """Write a new file beside the old one, and let it take its place."""
    half = path.with_name(path.name + _HALF)
    try:
        make_private_dir(path.parent)
        _remove(half)
        create_private_file(half)
        rows = _restore_rows(url.set(database=str(half)), backup, replace=False)
        with closing(sqlite3.connect(half)) as database:
            # Everything is in the one file that is renamed, and nothing in a -wal beside it.
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.execute("PRAGMA journal_mode = DELETE")
        replaced = replace_database(half, path)
    except OSError as error:
        raise disk_error(error, path.parent) from error
    finally:
        with suppress(OSError):
            _remove(half)
    return rows, replaced


def _remove(path: Path) -> None:
    for end in ("", *SIDE_FILES):
        Path(f"{path}{end}").unlink(missing_ok=True)
