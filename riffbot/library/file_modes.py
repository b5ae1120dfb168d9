"""File modes: other accounts of the machine cannot read the library."""

from __future__ import annotations

import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

FOLDER_MODE, FILE_MODE = 0o700, 0o600
_OTHERS, _GROUP = stat.S_IRWXO, stat.S_IRWXG


def make_private_dir(folder: Path) -> None:
    """Create a folder and its parents, new ones with access for the owner only. Raises OSError."""
    missing = [folder]
    while not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for path in reversed(missing):
        path.mkdir(mode=FOLDER_MODE, exist_ok=True)


def create_private_file(path: Path) -> None:
    """Create an empty file with access for the owner only, if there is none. Raises OSError.

    SQLite gives its journal files the mode of the database.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))


def restrict_to_owner(database: Path | None, *folders: Path) -> None:
    """Remove other accounts' access to files of earlier versions; logs what was changed.

    If the group has the same rights as all others, they came from the umask and are removed as
    well; other rights of the group were set deliberately and stay. The data folder itself is not
    changed, since it may contain more than the library.
    """
    closed = []
    files = [Path(f"{database}{end}") for end in ("", "-wal", "-shm")] if database else []
    for path in (*files, *folders):
        try:
            mode = stat.S_IMODE(path.lstat().st_mode)
            if mode & _OTHERS and not path.is_symlink():
                by_umask = (mode & _GROUP) >> 3 == mode & _OTHERS
                path.chmod(mode & ~(_OTHERS | (_GROUP if by_umask else 0)))
                # Windows and some file systems change nothing, and raise no error.
                if not stat.S_IMODE(path.lstat().st_mode) & _OTHERS:
                    closed.append(path.name)
        except OSError:  # absent, or another account's
            continue
    if closed:
        log.info("closed to other accounts of this machine: %s", ", ".join(closed))
