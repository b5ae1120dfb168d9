"""Translates errors of the disk into sentences that say what to do."""

from __future__ import annotations

import errno
from pathlib import Path

from riffbot.errors import StorageError


def disk_error(error: OSError, path: Path) -> StorageError:
    """Translate an operating system's error."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError("The disk is full: please free some space.").with_path(path)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageError(
            "RiffBot may not write to its data folder: please check its permissions."
        ).with_path(path)
    reason = error.strerror or type(error).__name__
    return StorageError(f"The files in the data folder cannot be used ({reason}).").with_path(path)
