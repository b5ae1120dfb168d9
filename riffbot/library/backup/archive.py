"""The format of a backup: what is in the ZIP file, and reading it without believing it.

    README.txt              what it is and how to restore it
    files/ab/cd/abcd….png   a file of the library, named by its sha256
    database/riffs.jsonl    the rows of a table, see `rows`
    settings.env            the settings, secrets included; only where it was asked for
    manifest.json           written last: a file without it is no backup

A ZIP's table of contents stands at its end, so that one which was not written to its end is none.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from riffbot.errors import BadRequest, NotFound, StorageError
from riffbot.library.backup.check import check_row
from riffbot.library.backup.rows import Row, decode_row, references_of

FORMAT = 1
"""The newest format that this version writes and reads."""

MANIFEST, README, SETTINGS = "manifest.json", "README.txt", "settings.env"

_FILE = re.compile(r"files/([0-9a-f]{2})/([0-9a-f]{2})/([0-9a-f]{64})(\.[a-z0-9]{1,8})")

_MAX_LINE = 64 * 1024**2
"""The most bytes of a row: a jam's snapshot is the largest, with a few hundred kilobytes."""

_MAX_FILE = 1024**3
_MAX_MANIFEST = 256 * 1024**2

_UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    RuntimeError,  # an entry that says it is encrypted; NotImplementedError is one, too
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What zipfile raises for a damaged file."""

OnFile = Callable[[int, int], None]
"""Called with the number of files that are done and of all files."""


class TableEntry(BaseModel):
    """A table of the database: how many rows, and the sha256 of their lines."""

    model_config = ConfigDict(frozen=True)

    rows: int = Field(ge=0)
    sha256: str


class Manifest(BaseModel):
    """What a backup should contain.

    Attributes:
        format: of the archive, `FORMAT`.
        riffbot: the version that wrote it.
        created_at: when the database was read.
        revision: of the database's tables.
        tables: by name.
        files, file_bytes: how many files, and their sizes together.
        files_sha256: of the files' names, see `hash_names`.
        missing: sha256 of files that rows refer to and that were absent or damaged in the library
            already.
        has_secrets: whether interaction tokens and settings are in it.
    """

    model_config = ConfigDict(frozen=True)

    format: int = Field(ge=1)
    riffbot: str
    created_at: AwareDatetime
    revision: str
    tables: dict[str, TableEntry]
    files: int
    file_bytes: int
    files_sha256: str
    missing: tuple[str, ...] = ()
    has_secrets: bool = False


def name_file(digest: str, suffix: str) -> str:
    """Return the name of a file in the archive; the suffix has its dot."""
    return f"files/{digest[:2]}/{digest[2:4]}/{digest}{suffix}"


def name_table(table: str) -> str:
    """Return the name of a table's rows in the archive."""
    return f"database/{table}.jsonl"


def hash_names(digests: Iterable[str]) -> str:
    """Return one sha256 for all files, by which one that was taken out is noticed."""
    return hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()


class Backup:
    """A backup that is open for reading. Raises StorageError for whatever is wrong with it.

    Attributes:
        manifest: what it should contain.
    """

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._zip = archive
        self._name = name
        self._files: dict[str, str] = {}
        for entry in archive.namelist():
            if found := _FILE.fullmatch(entry):
                self._files[found[3]] = entry
        self.manifest = self._read_manifest()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file.

        Raises:
            NotFound: there is none.
            BadRequest: it is no backup, or one of a newer RiffBot.
            StorageError: it is damaged.
        """
        try:
            archive = zipfile.ZipFile(path)
        except FileNotFoundError as error:
            raise NotFound(f"There is no file “{path.name}”.") from error
        except _UNREADABLE as error:
            raise BadRequest(
                f"“{path.name}” is no backup, or it was not written to its end; name a file that "
                "riffbot backup made."
            ) from error
        try:
            return cls(archive, path.name)
        except BaseException:
            archive.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def digests(self) -> list[str]:
        """The sha256 of all files in it."""
        return sorted(self._files)

    def read_file(self, digest: str) -> bytes | None:
        """Return a file of the library; None if it is not in the backup. Raises StorageError."""
        name = self._files.get(digest)
        if name is None:
            return None
        data = self._read(name, _MAX_FILE)
        if hashlib.sha256(data).hexdigest() != digest:
            raise self._damage(name)
        return data

    def suffix(self, digest: str) -> str:
        """Return the suffix of a file in it, with its dot."""
        return Path(self._files[digest]).suffix

    def read_rows(self, table: str) -> Iterator[Row]:
        """Yield the rows of a table, and check that they are all there. Raises StorageError."""
        expected = self.manifest.tables[table]
        name, count, seen = name_table(table), 0, hashlib.sha256()
        try:
            with self._zip.open(name) as lines:
                while line := lines.readline(_MAX_LINE):
                    seen.update(line)
                    count += 1
                    row = decode_row(line)
                    check_row(table, row)
                    yield row
        except (KeyError, *_UNREADABLE) as error:
            raise self._damage(name) from error
        if (count, seen.hexdigest()) != (expected.rows, expected.sha256):
            raise self._damage(name)

    def read_settings(self) -> bytes | None:
        """Return the settings that were saved with it, if they were."""
        has_settings = SETTINGS in self._zip.namelist()
        return self._read(SETTINGS, _MAX_MANIFEST) if has_settings else None

    def verify(self, on_file: OnFile = lambda done, of: None) -> None:
        """Read everything and compare it with the manifest.

        Raises:
            StorageError: something is missing, or is not what was written; one sentence.
        """
        if hash_names(self._files) != self.manifest.files_sha256:
            raise StorageError(f"The backup “{self._name}” lacks files that were written to it.")
        needed: set[str] = set()
        for table in self.manifest.tables:
            for row in self.read_rows(table):
                needed |= references_of(table, row)
        if needed - self._files.keys() - set(self.manifest.missing):
            raise StorageError(f"The backup “{self._name}” lacks files that its riffs need.")
        for number, digest in enumerate(self.digests, 1):
            self.read_file(digest)
            on_file(number, len(self._files))

    def _read_manifest(self) -> Manifest:
        try:
            manifest = Manifest.model_validate_json(self._read(MANIFEST, _MAX_MANIFEST))
        except ValidationError as error:
            raise self._damage(MANIFEST) from error
        if "riffs" not in manifest.tables:
            raise self._damage(MANIFEST)
        if manifest.format > FORMAT:
            raise BadRequest(
                f"“{self._name}” was written by a newer RiffBot ({manifest.riffbot}): please "
                "update this one."
            )
        return manifest

    def _read(self, name: str, most: int) -> bytes:
        try:
            if self._zip.getinfo(name).file_size > most:
                raise self._damage(name)
            with self._zip.open(name) as file:
                return file.read(most)
        except KeyError as error:
            raise BadRequest(f"“{self._name}” is no backup of RiffBot's.") from error
        except _UNREADABLE as error:
            raise self._damage(name) from error

    def _damage(self, entry: str) -> StorageError:
        return StorageError(f"The backup “{self._name}” is damaged ({entry}): take another one.")


def sink(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    """Open an entry for writing whose size is not known beforehand; it is compressed."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return archive.open(entry, "w", force_zip64=True)
