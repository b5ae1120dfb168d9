"""The length that a sound file's header announces, by which a file that was cut off is found.

libsndfile believes what is there, without a word; FFmpeg likewise.
"""

from __future__ import annotations

import io
from typing import BinaryIO

_UNKNOWN = 0x7F000000
"""Whoever writes a stream does not know its length yet and leaves something absurd."""


def measure_missing_share(stream: BinaryIO) -> float:
    """Measure how much of the file is missing, of all that its header announces: 0 … 1.

    Knows WAV, AIFF, AU, Wave64 and CAF; 0 for anything else and where the header does not say.
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
