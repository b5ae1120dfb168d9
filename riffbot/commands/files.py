"""Checks of paths that people type, atomic writing, and the folder of sources."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from audio.errors import AudioError
from audio.regular_files import read_regular_file
from riffbot.errors import BadRequest, NotFound, StorageError
from riffbot.interrupts import unfinished_file

MAX_PICTURE_BYTES = 256 * 1024**2
"""Pictures are read into memory."""


def require_file(path: Path, *, max_bytes: int | None = None) -> Path:
    """Return the path if it is a readable regular file.

    A device never ends and a pipe waits for its writer, so neither is opened.

    Args:
        max_bytes: larger files are refused.

    Raises:
        NotFound: there is no such file.
        BadRequest: it is a folder or a device, cannot be read, or is too large.
    """
    try:
        if path.is_dir():
            raise BadRequest(f"“{path}” is a folder; name a file in it.")
        if not path.exists():
            raise NotFound(f"There is no file “{path}”.")
        if not path.is_file():
            raise BadRequest(f"“{path}” is a device or a pipe; save what it gives as a file first.")
    except PermissionError as error:
        raise BadRequest(f"“{path}” cannot be read: check its permissions.") from error
    except (OSError, ValueError) as error:  # a name too long, or with a null byte in it
        raise NotFound(f"“{str(path)[:60]}” is no name of a file.") from error
    if not os.access(path, os.R_OK):
        raise BadRequest(f"“{path}” cannot be read: check its permissions.")
    size = path.stat().st_size
    if max_bytes is not None and size > max_bytes:
        raise BadRequest(
            f"“{path.name}” has {size / 1024**2:,.0f} MB; such a file may have "
            f"{max_bytes / 1024**2:,.0f}."
        )
    return path


def read_file(path: Path, max_bytes: int) -> bytes:
    """Read a regular file of at most `max_bytes`. Raises NotFound or BadRequest."""
    try:
        return read_regular_file(require_file(path, max_bytes=max_bytes), max_bytes)
    except AudioError as error:  # it changed meanwhile
        raise BadRequest(str(error)) from error


def exists(path: Path) -> bool:
    """Whether something lies at the path; False also if the path is not valid."""
    try:
        return path.exists()
    except (OSError, ValueError):  # too long for a name, or with a null byte
        return False


def is_file(path: Path) -> bool:
    """Whether a file lies at the path; False also if the path is not valid."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether the path is a folder; False also if that cannot be determined."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def prepare_output_folder(path: Path) -> Path:
    """Create the folder and check that files can be written to it, before any work is done.

    Raises:
        BadRequest: a file lies there.
        StorageError: the system refuses.
    """
    try:
        if path.exists() and not path.is_dir():
            raise BadRequest(f"--out needs a folder, and “{path}” is a file.")
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise StorageError(f"“{_short(path)}” cannot be written: {_reason(error)}.") from error
    return path


def require_new_file(path: Path, *, overwrite: bool) -> Path:
    """Return the path if writing there would overwrite nothing.

    Raises:
        BadRequest: a file lies there and may not be overwritten.
    """
    if os.path.lexists(path) and not overwrite:
        raise BadRequest(f"“{path}” is there already: name another file, or say --overwrite.")
    return path


def has_content(path: Path, data: bytes) -> bool:
    """Whether the file exists and has exactly this content."""
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False


def write_file(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Write a file atomically: the old one stays if it fails. Raises StorageError.

    Args:
        mode: of the file; what the umask leaves by default.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".riffbot-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            # mkstemp's files are private; the umask decides what is ordinary here.
            Path(name).chmod(0o666 & ~_umask() if mode is None else mode)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(f"“{_short(path)}” cannot be written: {_reason(error)}.") from error


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder, renamed to `path` at the end of the block.

    It is removed if the block raises.

    Raises:
        StorageError: the system refuses, or has no such letters in names of files.
    """
    beside = path.with_name(f".riffbot-{os.getpid()}-{path.name}")
    try:
        os.fsencode(beside)
    except UnicodeEncodeError as error:
        raise StorageError(
            f"“{_short(path)}” cannot be written: this system's encoding has not all of its "
            "letters. Name it otherwise, or set LC_ALL=C.UTF-8."
        ) from error
    try:
        try:
            with unfinished_file(beside):
                yield beside
                beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"“{_short(path)}” cannot be written: {_reason(error)}.") from error


class SourceFolder:
    """The folder `sources` with the pictures that recipes refer to as `sha256:…`.

    It lies in the folder of the clips (`sources/<sha256>.png`), so that clips whose seed images
    came from files can be replayed wherever the folder is moved.
    """

    def __init__(self, out: Path) -> None:
        self.folder = out / "sources"

    def save(self, png: bytes) -> str:
        """Store a PNG once; returns its reference."""
        digest = hashlib.sha256(png).hexdigest()
        path = self.folder / f"{digest}.png"
        if not path.exists():
            prepare_output_folder(self.folder)
            write_file(path, png)
        return f"sha256:{digest}"

    def find(self, digest: str) -> Path | None:
        """Return the path of the picture with this sha256, if it exists."""
        path = self.folder / f"{digest}.png"
        return path if path.exists() else None


def _short(path: Path) -> str:
    """Shorten a path for a sentence."""
    text = str(path)
    return text if len(text) <= 100 else f"{text[:60]}…"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
