"""Opens files that a user named: regular files only, and reads them up to a limit.

A device such as `/dev/zero` never ends, and a FIFO waits for a writer. Both are refused before they
are read.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from audio.errors import AudioError


def open_regular_file(path: Path) -> BinaryIO:
    """Open a file for reading in binary, if it is a regular one.

    Raises:
        AudioError: the file does not exist or cannot be read, or is a folder, a device, a pipe or
            a socket.
    """
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for a writer.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        file = os.fdopen(os.open(path, flags), "rb")
    except OSError as error:
        raise AudioError(f"Cannot read {path}: {error.strerror or error}.") from error
    except ValueError as error:
        raise AudioError("That is not a file's name.") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise AudioError(f"Cannot read {path}: it is no regular file; please name one.")
    return file


def read_regular_file(path: Path, max_bytes: int) -> bytes:
    """Read a regular file of at most `max_bytes`.

    Raises:
        AudioError: as `open_regular_file`, or it is larger.
    """
    with open_regular_file(path) as file:
        try:
            data = file.read(max_bytes + 1)
        except OSError as error:
            raise AudioError(f"Cannot read {path}: {error.strerror or error}.") from error
    if len(data) > max_bytes:
        raise AudioError(
            f"{path.name} is too large: at most {max_bytes / 1024**2:.0f} MB can be read."
        )
    return data
