"""Where the libraries under RiffBot may keep what they would otherwise work out or fetch anew.

numba keeps compiled code beside its source or in the user's cache folder, huggingface-hub keeps
models in the latter, matplotlib and pooch write there, too. An installation that its user cannot
write to (a system folder, a container's read-only layer) may have neither: then they get a folder
of ours. Only the standard library is imported: this runs before anything heavy.
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
"""Its name in the data folder; with the user's number behind it, in the folder for temporaries."""


def prepare(data_dir: Callable[[], Path | None]) -> None:
    """Make sure that libraries find a cache folder and a folder for temporary files, if any can be.

    Sets environment variables that are not set yet: `NUMBA_CACHE_DIR` where compiled code cannot
    be kept beside its source; `XDG_CACHE_HOME` and `MPLCONFIGDIR` where the user has no cache
    folder; `TMPDIR` where the system's cannot be used. Child processes inherit them.

    Args:
        data_dir: where the library lies (None: unknown); asked only if it is needed. A data folder
            that does not exist is not made.
    """
    usual = _users_cache()
    has_usual = usual is not None and writable(usual)
    beside = all(writable(folder / "__pycache__") for folder in _sources())
    ours: Path | None = None
    if not has_usual or not (beside or os.environ.get("NUMBA_CACHE_DIR")):
        ours = usual / "riffbot" if usual is not None and has_usual else _folder(data_dir)
    if ours is not None and not beside:
        os.environ.setdefault("NUMBA_CACHE_DIR", str(ours / "numba"))
    if ours is not None and not has_usual:
        if not _readable(usual):  # models that were fetched before stay where they are found
            os.environ["XDG_CACHE_HOME"] = str(ours)
        os.environ.setdefault("MPLCONFIGDIR", str(ours / "matplotlib"))
    _temporaries(ours)


def compiled_code() -> Path | None:
    """Where compiled code is kept from one process to the next; None where it cannot be kept."""
    named = os.environ.get("NUMBA_CACHE_DIR")
    if named:
        return Path(named) if writable(Path(named)) else None
    folder = ROOT / "audio" / "__pycache__"
    return folder if writable(folder) else None


def writable(folder: Path) -> bool:
    """Whether files can be made in a folder, which is made if it does not exist. Never raises."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except (OSError, ValueError):
        return False


def _readable(folder: Path | None) -> bool:
    try:
        return folder is not None and folder.is_dir() and any(folder.iterdir())
    except OSError:
        return False


def _sources() -> list[Path]:
    """The folders whose compiled code is kept beside them: ours, and librosa's (for uploads)."""
    folders = [ROOT / "audio"]
    found = importlib.util.find_spec("librosa")
    if found is not None and found.origin is not None:
        folders.append(Path(found.origin).parent)
    return folders


def _users_cache() -> Path | None:
    """The folder for caches as the system has it; None for a user without a home."""
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


def _folder(data_dir: Callable[[], Path | None]) -> Path | None:
    """In the data folder if it exists, else a private one beside other temporary files."""
    data = data_dir()
    if data is not None and data.is_dir() and writable(data / FOLDER):
        return data / FOLDER
    return _private()


def _private() -> Path | None:
    """A folder that nobody else can write to: cached code is code, and temporaries are shared."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    try:
        folder = Path(tempfile.gettempdir()) / f"{FOLDER}-{user}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    foreign = hasattr(os, "getuid") and (found.st_uid != user or found.st_mode & 0o077)
    if not stat.S_ISDIR(found.st_mode) or foreign or not writable(folder):
        return None
    return folder


def _temporaries(ours: Path | None) -> None:
    """Point `tempfile` to a folder of ours where the system has none that can be written."""
    try:
        tempfile.gettempdir()
    except OSError:
        if ours is not None and writable(ours / "tmp"):
            os.environ["TMPDIR"] = str(ours / "tmp")
            tempfile.tempdir = None  # it looks again
