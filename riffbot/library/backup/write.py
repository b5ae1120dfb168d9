"""Writes a backup while others use the library.

Files are copied first and rows last. A riff that is made meanwhile brings files that were not
there yet, one that is deleted takes files with it: so the files are compared with a new snapshot
of the rows until every row has its files, and those rows are written.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Table
from sqlalchemy.engine import URL

from riffbot.errors import BadRequest, NotFound, StorageError
from riffbot.library.backup import archive
from riffbot.library.backup.archive import Backup, Manifest, OnFile, TableEntry
from riffbot.library.backup.rows import (
    Row,
    encode_row,
    find_references,
    read_rows,
    reflect_tables,
    run_in_snapshot,
)
from riffbot.library.connection import database_url, file_of
from riffbot.library.file_modes import FILE_MODE
from riffbot.library.files import Files
from riffbot.settings import Settings

_PASSES = 5
"""How often files are compared with a new snapshot before those that are absent are called lost."""

_SECRET_COLUMNS = {"jobs": ("token", "token_expires_at")}
"""With an interaction's token anybody could answer in the bot's name, for 15 minutes."""

_README = """A backup of a RiffBot library, made {when}.

    riffbot restore FILE

puts it into the data folder and the database of the settings (RIFFBOT_DATA_DIR and
RIFFBOT_DATABASE_URL), which may be another database than it came from. `riffbot restore --check`
only looks whether it is whole. Members' prompts and sounds are in it: keep it as you keep the
library itself.
"""


@dataclass(frozen=True)
class BackupSummary:
    """What is in a backup that was written.

    Attributes:
        riffs: how many, former ones included.
        files: how many.
        file_bytes: their sizes together.
        missing: sha256 of files that the library had lost already.
    """

    riffs: int
    files: int
    file_bytes: int
    missing: tuple[str, ...]


def write_backup(
    settings: Settings,
    path: Path,
    *,
    env_file: Path | None = None,
    with_secrets: bool = False,
    on_file: OnFile = lambda done, of: None,
) -> BackupSummary:
    """Write a backup of the settings' library to a new file, and read it again to verify it.

    The file is private, and whole only when this returns: write it under a temporary name. Call
    this in a thread, or before an event loop runs.

    Args:
        env_file: the file of settings to keep with it, if `with_secrets`.
        with_secrets: keep interaction tokens and the settings, the bot's token included.

    Raises:
        BadRequest: there is no library.
        StorageError: the library cannot be read, or what was written is not what it should be.
        OSError: the file cannot be written: the disk is full, for example.
    """
    url = database_url(settings.database)
    database = file_of(url)
    if database is not None and not database.exists():
        raise BadRequest("There is no library there yet.").with_path(settings.data_dir)
    handle = os.open(
        path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), FILE_MODE
    )
    with os.fdopen(handle, "w+b") as file:
        with zipfile.ZipFile(file, "w", allowZip64=True) as target:
            writer = _Writer(target, Files(settings.files_dir), with_secrets, on_file)
            if with_secrets and env_file is not None:
                with archive.sink(target, archive.SETTINGS) as entry:
                    entry.write(env_file.read_bytes())
            manifest = writer.write(url)
        file.flush()
        os.fsync(file.fileno())
    with Backup.open(path) as written:
        written.verify()
    riffs = manifest.tables.get("riffs")
    return BackupSummary(
        riffs.rows if riffs else 0, manifest.files, manifest.file_bytes, manifest.missing
    )


@dataclass
class _Writer:
    target: zipfile.ZipFile
    files: Files
    with_secrets: bool
    on_file: OnFile
    copied: set[str] = field(default_factory=set)
    bytes: int = 0

    def write(self, url: URL) -> Manifest:
        """Write everything; the manifest last."""

        def find(connection: Connection) -> set[str]:
            return find_references(connection, reflect_tables(connection))

        absent = self._copy(run_in_snapshot(url, find))
        for attempt in range(_PASSES):
            is_last = attempt == _PASSES - 1
            finish = partial(self._finish, known_absent=absent, is_last=is_last)
            found = run_in_snapshot(url, finish)
            if isinstance(found, Manifest):
                return self._close(found)
            absent = found
        raise AssertionError("the last pass finishes")

    def _finish(
        self, connection: Connection, known_absent: set[str], is_last: bool
    ) -> Manifest | set[str]:
        """Copy what this snapshot needs besides; write its rows if only lost files are absent.

        A file that is absent was deleted since the snapshot was taken, or has been lost for long:
        the next snapshot, which does not need the former, tells them apart.

        Returns:
            The manifest, or the files that are absent.
        """
        tables = reflect_tables(connection)
        absent = self._copy(find_references(connection, tables))
        if absent - known_absent and not is_last:
            return absent
        revision = MigrationContext.configure(connection).get_current_revision()
        if revision is None:
            raise StorageError("The library has no tables yet: start RiffBot once.")
        created_at = datetime.now(UTC)
        return Manifest(
            format=archive.FORMAT,
            riffbot=metadata.version("riffbot"),
            created_at=created_at,
            revision=revision,
            tables={table.name: self._write_table(connection, table) for table in tables},
            files=len(self.copied),
            file_bytes=self.bytes,
            files_sha256=archive.hash_names(self.copied),
            missing=tuple(sorted(absent)),
            has_secrets=self.with_secrets,
        )

    def _copy(self, digests: Iterable[str]) -> set[str]:
        """Copy files that are not copied yet; returns those that are absent or damaged."""
        absent = set()
        todo = sorted(set(digests) - self.copied)
        for number, digest in enumerate(todo, 1):
            path = self.files.find(digest)
            try:
                data = self.files.read(digest)
            except (NotFound, StorageError):
                absent.add(digest)
                continue
            entry = zipfile.ZipInfo(archive.name_file(digest, path.suffix if path else ".bin"))
            entry.external_attr = FILE_MODE << 16
            self.target.writestr(entry, data)
            self.copied.add(digest)
            self.bytes += len(data)
            self.on_file(number, len(todo))
        return absent

    def _write_table(self, connection: Connection, table: Table) -> TableEntry:
        seen, count = hashlib.sha256(), 0
        with archive.sink(self.target, archive.name_table(table.name)) as entry:
            for row in read_rows(connection, table):
                line = encode_row(row if self.with_secrets else _without_secrets(table.name, row))
                seen.update(line)
                entry.write(line)
                count += 1
        return TableEntry(rows=count, sha256=seen.hexdigest())

    def _close(self, manifest: Manifest) -> Manifest:
        when = f"{manifest.created_at:%Y-%m-%d %H:%M} UTC"
        with archive.sink(self.target, archive.README) as entry:
            entry.write(_README.format(when=when).encode())
        with archive.sink(self.target, archive.MANIFEST) as entry:
            entry.write(manifest.model_dump_json(indent=1).encode())
        return manifest


def _without_secrets(table: str, row: Row) -> Row:
    hidden = dict.fromkeys(_SECRET_COLUMNS.get(table, ()))
    return {**row, **{name: None for name in hidden if name in row}}
