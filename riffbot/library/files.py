"""Content-addressed files: named by their sha256, which is checked when they are read."""

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
from riffbot.library.disk_errors import disk_error
from riffbot.library.file_modes import make_private_dir

log = logging.getLogger(__name__)

GRACE_S = 3600.0
"""Files younger than this, in seconds, are never collected: their row may not be written yet."""

_MAX_CHECKS = 10_000
"""The most files whose check is cached; each takes some 300 bytes."""

_CHECK_VALID_S = 600.0
"""How long a check is valid, in seconds: a disk damages a file without changing its date."""

_Stamp = tuple[int, int, int]
"""Size in bytes, time of the last change in nanoseconds, inode number."""


class Files:
    """Stores files as `root/ab/cd/abcd….png`: two levels of folders, so that none grows large.

    A file appears under its name only when it is complete and on the disk: it is written under a
    temporary name, synced, and renamed. Damage by the disk is detected within ten minutes: a file
    whose content does not match its name counts as absent, so that a replay writes it again.
    Symbolic links count as absent, too, since they may point out of the folder.

    Attributes:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._checked: LRUCache[Path, tuple[_Stamp, bool, float]] = LRUCache(_MAX_CHECKS)
        self._lock = threading.Lock()  # paths are looked up in many threads

    def put(self, data: bytes, suffix: str) -> str:
        """Store some bytes.

        Args:
            suffix: with its dot, `.png`; for people who read the folder.

        Returns:
            The sha256 in hex, by which they are read.

        Raises:
            StorageError: the disk is full or read-only.
        """
        digest = hashlib.sha256(data).hexdigest()
        if (there := self.path(digest)) is not None:
            with suppress(OSError):
                os.utime(there)  # restarts its grace time: another process may be collecting
            return digest
        folder = self._folder(digest)
        try:
            make_private_dir(folder)
            _write_atomically(folder / f"{digest}{suffix}", data)
        except OSError as error:
            raise disk_error(error, self.root) from error
        return digest

    def path(self, digest: str) -> Path | None:
        """Return the path of a file, or None if it is absent or damaged. Fits `Images(lookup=…)`.

        The content is checked if the file has changed or the last check is ten minutes old; damage
        that changes neither size nor date may go undetected until then.
        """
        path = self.find(digest)
        return path if path is not None and self._is_intact(path, digest) else None

    def is_damaged(self, digest: str) -> bool:
        """Whether a file exists whose content does not match its name."""
        path = self.find(digest)
        return path is not None and not self._is_intact(path, digest)

    def read(self, digest: str) -> bytes:
        """Return a file's bytes.

        Raises:
            NotFound: it is absent.
            StorageError: it cannot be read, or its content does not match its name.
        """
        path = self.find(digest)
        if path is None:
            raise NotFound(f"The file {digest[:12]}… is not in the library any more.")
        try:
            with _open(path) as file:
                data = file.read()
        except OSError as error:
            raise disk_error(error, self.root) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise damaged_file_error(digest).with_path(path)
        return data

    def remove(self, digests: Iterable[str]) -> None:
        """Remove files; absent ones are ignored."""
        for digest in digests:
            path = self.find(digest)
            if path is not None:
                with suppress(OSError):  # open on Windows: `collect` removes it later
                    path.unlink()

    def collect(
        self,
        referenced: Collection[str],
        *,
        older_than_s: float = GRACE_S,
        at_most: int | None = None,
    ) -> int:
        """Remove unreferenced files, and the temporary files of interrupted `put`s.

        Args:
            referenced: sha256 of all files to keep.
            older_than_s: keep younger files, in seconds.
            at_most: remove nothing if more files than this are unreferenced.

        Returns:
            How many files were removed.
        """
        before = time.time() - older_than_s
        orphans = []
        for path in self.list_files():
            with suppress(OSError):  # removed meanwhile
                if path.stem not in referenced and path.stat().st_mtime <= before:
                    orphans.append(path)
        if at_most is not None and len(orphans) > at_most:
            log.warning(
                "%d files in %s belong to no riff of this library, more than do: left alone",
                len(orphans),
                self.root,
            )
            return 0
        removed = 0
        for path in orphans:
            with suppress(OSError):  # removed meanwhile, or open on Windows: removed next time
                path.unlink()
                removed += 1
        return removed

    def list_files(self) -> Iterator[Path]:
        return (path for path in self.root.glob("??/??/*") if path.is_file())

    def _folder(self, digest: str) -> Path:
        return self.root / digest[:2] / digest[2:4]

    def find(self, digest: str) -> Path | None:
        """Return the path of the regular file of this name, damaged or not; None if it is absent.

        A symbolic link is none, nor is a file in a folder that is one.
        """
        folder = self._folder(digest)
        if folder.is_symlink() or folder.parent.is_symlink():
            return None
        for path in folder.glob(f"{digest}.*"):
            with suppress(OSError):
                if stat.S_ISREG(path.lstat().st_mode):
                    return path
        return None

    def _is_intact(self, path: Path, digest: str) -> bool:
        try:
            with _open(path) as file:
                found = os.fstat(file.fileno())
                stamp = (found.st_size, found.st_mtime_ns, found.st_ino)
                with self._lock:
                    known = self._checked.get(path)
                now = time.monotonic()
                if known is not None and known[0] == stamp and now - known[2] < _CHECK_VALID_S:
                    return known[1]
                whole = hashlib.file_digest(file, "sha256").hexdigest() == digest
        except OSError:
            return False
        if not whole:
            log.error("the file %s is damaged: restore it from a backup, or replay its riff", path)
        with self._lock:
            self._checked[path] = (stamp, whole, now)
        return whole


def damaged_file_error(digest: str) -> StorageError:
    """Build the error for a file whose content does not match its name."""
    return StorageError(
        f"The file {digest[:12]}… is damaged: /replay makes its riff again, or a backup has it."
    )


def _open(path: Path) -> BufferedReader:
    """Open a file for reading; raises OSError, also for a symbolic link."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return os.fdopen(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb")


def _write_atomically(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, sync it, and rename it."""
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
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that a rename in it survives a power cut. Does nothing on Windows."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
