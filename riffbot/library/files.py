"""Content-addressed files: named by their sha256, and checked against it when they are read."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import tempfile
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

from cachetools import LRUCache

from riffbot.errors import NotFound, StorageError
from riffbot.library.db_errors import disk_error
from riffbot.library.file_modes import make_private_dir

log = logging.getLogger(__name__)

GRACE_S = 3600.0
"""Younger files are never collected: a job that wrote them may not have written its row yet."""

_REMEMBERED = 10_000
"""Files whose check is remembered; each takes some 300 bytes."""

_TRUSTED_S = 600.0
"""How long a check is valid: a disk damages a file without changing its date."""

_Stamp = tuple[int, int, int]
"""Size, time of the last change in nanoseconds, number of the file on its disk."""


class Files:
    """`root/ab/cd/abcd….png`: sha256 in two levels of folders, so that none grows large.

    A file appears under its name only when it is complete and on the disk: it is written under a
    temporary name, synced, and renamed. Damage by the disk is noticed within ten minutes: a file
    whose content does not match its name counts as absent, so that a replay writes it anew.
    Symbolic links count as absent, too: they would lead out of the folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._checked: LRUCache[Path, tuple[_Stamp, bool, float]] = LRUCache(_REMEMBERED)
        self._lock = threading.Lock()  # files are asked for in many threads

    def put(self, data: bytes, suffix: str) -> str:
        """Store some bytes.

        Args:
            suffix: with its dot, `.png`; for people who look into the folder.

        Returns:
            The sha256 in hex, which finds them again.

        Raises:
            StorageError: the disk is full or read-only.
        """
        digest = hashlib.sha256(data).hexdigest()
        if (there := self.path(digest)) is not None:
            with suppress(OSError):
                os.utime(there)  # new again: another process may be collecting
            return digest
        folder = self._folder(digest)
        try:
            make_private_dir(folder)
            _write_whole(folder / f"{digest}{suffix}", data)
        except OSError as error:
            raise disk_error(error, self._root) from error
        return digest

    def path(self, digest: str) -> Path | None:
        """The path of a file; None if it is absent or damaged. Fits `Images(lookup=…)`.

        Its content is read and checked when it has changed and when the last check is ten minutes
        old; damage that changes neither size nor date may pass until then.
        """
        path = self._found(digest)
        return path if path is not None and self._is_whole(path, digest) else None

    def is_damaged(self, digest: str) -> bool:
        """Whether a file exists whose content does not match its name."""
        path = self._found(digest)
        return path is not None and not self._is_whole(path, digest)

    def read(self, digest: str) -> bytes:
        """A file's bytes.

        Raises:
            NotFound: it is absent.
            StorageError: it cannot be read, or its content does not match its name.
        """
        path = self._found(digest)
        if path is None:
            raise NotFound(f"The file {digest[:12]}… is not in the library any more.")
        try:
            with _opened(path) as file:
                data = file.read()
        except OSError as error:
            raise disk_error(error, self._root) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise damaged(digest).with_path(path)
        return data

    def remove(self, digests: Iterable[str]) -> None:
        """Remove files; absent ones are ignored."""
        for digest in digests:
            path = self._found(digest)
            if path is not None:
                with suppress(OSError):  # busy on some systems: `collect` gets it later
                    path.unlink()

    def collect(
        self,
        referenced: Collection[str],
        *,
        older_than_s: float = GRACE_S,
        at_most: int | None = None,
    ) -> int:
        """Remove unreferenced files, and what an interrupted `put` left.

        Args:
            referenced: sha256 of all files to keep.
            older_than_s: leave younger files alone.
            at_most: remove nothing at all where more than so many are unreferenced.

        Returns:
            How many files were removed.
        """
        before = time.time() - older_than_s
        orphans = []
        for path in self._all():
            with suppress(OSError):  # gone already
                if path.stem not in referenced and path.stat().st_mtime <= before:
                    orphans.append(path)
        if at_most is not None and len(orphans) > at_most:
            log.warning(
                "%d files in %s belong to no riff of this library, more than do: left alone",
                len(orphans),
                self._root,
            )
            return 0
        removed = 0
        for path in orphans:
            with suppress(OSError):  # gone by now, or busy: the next collection gets it
                path.unlink()
                removed += 1
        return removed

    def _all(self) -> Iterator[Path]:
        return (path for path in self._root.glob("??/??/*") if path.is_file())

    def _folder(self, digest: str) -> Path:
        return self._root / digest[:2] / digest[2:4]

    def _found(self, digest: str) -> Path | None:
        """The regular file of that name, in folders that are no links."""
        folder = self._folder(digest)
        if folder.is_symlink() or folder.parent.is_symlink():
            return None
        for path in folder.glob(f"{digest}.*"):
            with suppress(OSError):
                if stat.S_ISREG(path.lstat().st_mode):
                    return path
        return None

    def _is_whole(self, path: Path, digest: str) -> bool:
        try:
            with _opened(path) as file:
                found = os.fstat(file.fileno())
                stamp = (found.st_size, found.st_mtime_ns, found.st_ino)
                with self._lock:
                    known = self._checked.get(path)
                now = time.monotonic()
                if known is not None and known[0] == stamp and now - known[2] < _TRUSTED_S:
                    return known[1]
                whole = hashlib.file_digest(file, "sha256").hexdigest() == digest
        except OSError:
            return False
        if not whole:
            log.error("the file %s is damaged: restore it from a backup, or replay its riff", path)
        with self._lock:
            self._checked[path] = (stamp, whole, now)
        return whole


def damaged(digest: str) -> StorageError:
    """The error for a file whose content does not match its name."""
    return StorageError(
        f"The file {digest[:12]}… is damaged: /replay makes its riff again, or a backup has it."
    )


def _opened(path: Path) -> BufferedReader:
    """Open a file of the store for reading, unless it is a link. Raises OSError."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return os.fdopen(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb")


def _write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is either there and whole, or not there."""
    handle, temporary = tempfile.mkstemp(prefix=".half-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut, where the system can open folders."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
