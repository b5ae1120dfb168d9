"""Cache folders for the libraries that RiffBot uses.

numba keeps compiled code beside its source or in the user's cache folder, huggingface-hub keeps
models in the latter, matplotlib and pooch write there, too. An installation that its user cannot
write to (a system folder, a container's read-only layer) may have neither: then RiffBot makes a
folder for them. Only the standard library is imported: this runs before anything heavy.
"""

from __future__ import annotations

import importlib.util
import os
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = "riffbot-cache"
"""Name in the data folder; with the user id appended, in the folder for temporary files."""


def prepare(data_dir: Callable[[], Path | None]) -> None:
    """Make sure that libraries find a cache folder and a folder for temporary files, if possible.

    Sets environment variables that are not set yet: `NUMBA_CACHE_DIR` where compiled code cannot
    be kept beside its source; `XDG_CACHE_HOME` and `MPLCONFIGDIR` where the user has no cache
    folder; `TMPDIR` where the system's cannot be used. Child processes inherit them.

    Args:
        data_dir: returns the data folder (None: unknown); called only if needed. A data folder
            that does not exist is not created.
    """
    user_cache = _user_cache_folder()
    has_user_cache = user_cache is not None and is_writable(user_cache)
    beside_source = all(is_writable(folder / "__pycache__") for folder in _source_folders())
    cache: Path | None = None
    if not has_user_cache or not (beside_source or os.environ.get("NUMBA_CACHE_DIR")):
        cache = (
            user_cache / "riffbot"
            if user_cache is not None and has_user_cache
            else _choose_folder(data_dir)
        )
    if cache is not None and not beside_source:
        os.environ.setdefault("NUMBA_CACHE_DIR", str(cache / "numba"))
    if cache is not None and not has_user_cache:
        # Models that were fetched before are still found in a folder that can only be read.
        if not _is_readable(user_cache):
            os.environ["XDG_CACHE_HOME"] = str(cache)
        os.environ.setdefault("MPLCONFIGDIR", str(cache / "matplotlib"))
    _set_temporary_folder(cache)


def compiled_code_folder() -> Path | None:
    """The folder that keeps compiled code between processes; None if none can be written."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    if named:
        return Path(named) if is_writable(Path(named)) else None
    folder = ROOT / "audio" / "__pycache__"
    return folder if is_writable(folder) else None


def is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, which is made if it does not exist. Never raises."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except (OSError, ValueError):
        return False


def _is_readable(folder: Path | None) -> bool:
    try:
        return folder is not None and folder.is_dir() and any(folder.iterdir())
    except OSError:
        return False


def _source_folders() -> list[Path]:
    """The folders with code that numba compiles: `audio`, and librosa (for uploads)."""
    folders = [ROOT / "audio"]
    found = importlib.util.find_spec("librosa")
    if found is not None and found.origin is not None:
        folders.append(Path(found.origin).parent)
    return folders


def _user_cache_folder() -> Path | None:
    """The system's cache folder of the user; None for a user without a home."""
    if named := os.environ.get("XDG_CACHE_HOME"):
        return Path(named)
    home = os.path.expanduser("~")  # noqa: PTH111 - Path.home() raises for a user without one
    if not Path(home).is_absolute():
        return None
    if sys.platform == "darwin":
        return Path(home) / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home)
    return Path(home) / ".cache"


def _choose_folder(data_dir: Callable[[], Path | None]) -> Path | None:
    """A folder in the data folder if that exists, else a private one for temporary files."""
    data = data_dir()
    if data is not None and data.is_dir() and is_writable(data / FOLDER):
        return data / FOLDER
    return _make_private_folder()


def _make_private_folder() -> Path | None:
    """A folder that no other user can write to, since cached code is executed."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    try:
        folder = Path(tempfile.gettempdir()) / f"{FOLDER}-{user}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    foreign = hasattr(os, "getuid") and (found.st_uid != user or found.st_mode & 0o077)
    if not stat.S_ISDIR(found.st_mode) or foreign or not is_writable(folder):
        return None
    return folder


def _set_temporary_folder(cache: Path | None) -> None:
    """Point `tempfile` to a folder of RiffBot's if the system has none that can be written."""
    try:
        tempfile.gettempdir()
    except OSError:
        if cache is not None and is_writable(cache / "tmp"):
            os.environ["TMPDIR"] = str(cache / "tmp")
            tempfile.tempdir = None  # it looks again
