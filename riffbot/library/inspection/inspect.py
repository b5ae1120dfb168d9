"""Inspects a whole library: one snapshot of its rows, then all of its files."""

from __future__ import annotations

from sqlalchemy import Connection

from riffbot.library.backup.replaced import find_replaced_references
from riffbot.library.backup.rows import read_rows, reflect_tables, run_in_snapshot
from riffbot.library.connection import database_url, file_of
from riffbot.library.inspection.files import FileChecker, OnFile, check_leftovers
from riffbot.library.inspection.problems import Inspection
from riffbot.library.inspection.rows import ReadJam, check_rows
from riffbot.settings import Settings


def inspect_library(
    settings: Settings,
    read_jam: ReadJam,
    *,
    is_running: bool,
    on_file: OnFile = lambda done: None,
) -> Inspection:
    """Check every row and every file of the settings' library, whose tables are up to date.

    Changes nothing; others may use the library meanwhile. Runs its own event loop.

    Args:
        is_running: whether a RiffBot works on it.

    Raises:
        StorageError: the database cannot be read at all.
    """
    found = Inspection()
    url = database_url(settings.database)
    files = FileChecker(settings.files_dir, is_running=is_running)

    def read(connection: Connection) -> None:
        check_rows(connection, found, read_jam)
        for table in reflect_tables(connection):
            if table.name in ("riffs", "jobs", "jams"):
                for row in read_rows(connection, table):
                    files.add_row(table.name, row)

    run_in_snapshot(url, read)
    files.keep(find_replaced_references(settings.database))
    files.check(found, on_file)
    check_leftovers(file_of(url), found)
    return found
