"""Checks the files of a library against its rows."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from riffbot.library.backup.rows import Row, references_of
from riffbot.library.files import GRACE_S
from riffbot.library.inspection.problems import Inspection, Kind

OnFile = Callable[[int], None]
"""Called with how many files were compared."""

HALF = ".half-"
"""The beginning of the names under which `Files.put` writes."""

_NAME = re.compile(r"([0-9a-f]{64})\.[a-z0-9]{1,8}")


class FileChecker:
    """Collects what the rows refer to, then walks through the files.

    Args:
        root: the folder of the files.
        is_running: whether a RiffBot works on the library: what is younger than `GRACE_S` may be
            about to get its row, and is no orphan.
    """

    def __init__(self, root: Path, *, is_running: bool) -> None:
        self._root = root
        self._before = time.time() - (GRACE_S if is_running else 0.0)
        self._owners: dict[str, list[tuple[str, str]]] = {}  # sha256 → riff and column
        self._sources: dict[str, tuple[str, str]] = {}  # sha256 → what starts from it, and its id
        self._kept: set[str] = set()

    def add_row(self, table: str, row: Row) -> None:
        """Remember what a row of `riffs`, `jobs` or `jams` refers to."""
        for digest in references_of(table, row):
            own = [column for column in ("png", "mp3", "picture") if row.get(column) == digest]
            for column in own:
                self._owners.setdefault(digest, []).append((row["id"], column))
            if not own:
                self._sources.setdefault(digest, (table.removesuffix("s"), row["id"]))

    def keep(self, digests: set[str]) -> None:
        """Remember files that a replaced library needs: they are no orphans."""
        self._kept = digests

    def check(self, found: Inspection, on_file: OnFile = lambda done: None) -> None:
        """Compare every file with its name, and add what is wrong."""
        intact: set[str] = set()
        damaged: set[str] = set()
        for path in walk(self._root):
            name = _NAME.fullmatch(path.name)
            if path.name.startswith(HALF):
                if self._is_old(path):
                    found.add(Kind.HALF_WRITTEN, str(path))
            elif name is None or path.is_symlink() or path.parent != folder_of(self._root, name[1]):
                found.add(Kind.STRANGE, str(path))
            else:
                self._check_file(path, name[1], found, intact, damaged)
                on_file(found.files)
        for digest in sorted((self._owners.keys() | self._sources.keys()) - intact):
            why = "damaged" if digest in damaged else "absent"
            for riff_id, column in self._owners.get(digest, ()):
                found.add(Kind.LOST_FILE, riff_id, f"{digest} {why}", column=column)
            if digest not in self._owners:
                what, owner = self._sources[digest]
                details = f"{why}; {what} {owner} needs it"
                found.add(Kind.LOST_SOURCE, digest, details, needed_by=owner)

    def _check_file(
        self, path: Path, digest: str, found: Inspection, intact: set[str], damaged: set[str]
    ) -> None:
        is_needed = digest in self._owners or digest in self._sources
        if not is_needed:
            if digest not in self._kept and self._is_old(path):
                found.add(Kind.ORPHAN, str(path))
            return
        found.files += 1
        (intact if _hash(path) == digest else damaged).add(digest)

    def _is_old(self, path: Path) -> bool:
        try:
            return path.stat().st_mtime <= self._before
        except OSError:  # removed meanwhile
            return False


def check_leftovers(database: Path | None, found: Inspection) -> None:
    """Find what an interrupted restore left beside an SQLite library."""
    if database is not None and (half := database.with_name(f"{database.name}.restoring")).exists():
        found.add(Kind.HALF_WRITTEN, str(half))


def folder_of(root: Path, digest: str) -> Path:
    """Return the folder in which a file of this sha256 lies."""
    return root / digest[:2] / digest[2:4]


def walk(root: Path) -> Iterator[Path]:
    """Yield everything below a folder that is no folder; symbolic links are not followed."""
    for folder, folders, names in os.walk(root):
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        yield from (Path(folder) / name for name in sorted(names + links))


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
