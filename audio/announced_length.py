"""Detects truncated sound files by the length in their header.

libsndfile and FFmpeg read such files without an error.
"""

from __future__ import annotations

import io
from typing import BinaryIO

_UNKNOWN = 0x7F000000
"""Lengths from here on mean an unknown length, as in files that are written to a stream."""


def measure_missing_share(stream: BinaryIO) -> float:
    """Return the missing share of the length that the file's header announces, 0 to 1.

    WAV, AIFF, AU, Wave64 and CAF are known; 0 for other formats, and for headers without a length.
    """
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    head = stream.read(64)
    announced = _announced(head)
    if announced is None and head[:4] == b"caff":
        announced = _caf(stream)
    if announced is None or not 0 < announced < _UNKNOWN:
        return 0.0
    return max(0.0, 1 - size / announced)


def _announced(head: bytes) -> int | None:
    if head[:4] == b"RIFF":
        return 8 + int.from_bytes(head[4:8], "little")
    if head[:4] == b"FORM":
        return 8 + int.from_bytes(head[4:8], "big")
    if head[:4] == b".snd":
        return int.from_bytes(head[4:8], "big") + int.from_bytes(head[8:12], "big")
    if head[:4] == b"riff":
        return int.from_bytes(head[16:24], "little")
    return None


def _caf(stream: BinaryIO) -> int | None:
    at = 8
    for _ in range(100):
        stream.seek(at)
        head = stream.read(12)
        if len(head) < 12:
            return None
        at += 12 + int.from_bytes(head[4:], "big")
        if head[:4] == b"data":
            return at
    return None
