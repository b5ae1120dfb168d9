"""Where one file holds several recordings end to end: chained Ogg, joined FLAC, joined WAV.

libsndfile reads the first of them and believes that this is all. (FFmpeg reads joined MP3s and AAC
by itself.) Each section is a seekable stream of its own.
"""

from __future__ import annotations

import io
import struct
from typing import BinaryIO, cast

_FLAC = b"fLaC\x00\x00\x00\x22"
_OGG_PAGE = struct.Struct("<4sBBqIIIB")
_FIRST_PAGE = 2
_BLOCK = 1 << 20
_MOST = 1000
"""Sections of one file; what lies behind is left out."""


def sections(stream: BinaryIO) -> list[BinaryIO]:
    """The recordings in a file, in their order; the whole file where it is one."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    head = stream.read(12)
    if head[:4] == b"OggS":
        starts = _ogg(stream, size)
    elif head[:8] == _FLAC:
        starts = _signatures(stream, _FLAC)
    elif head[:4] == b"RIFF" and head[8:] == b"WAVE":
        starts = _riffs(stream, size)
    else:
        starts = [0]
    stream.seek(0)
    if len(starts) == 1:
        return [stream]
    ends = [*starts[1:], size]
    return [
        cast("BinaryIO", io.BufferedReader(_Section(stream, start, end)))
        for start, end in zip(starts, ends, strict=True)
    ]


def _ogg(stream: BinaryIO, size: int) -> list[int]:
    """Where groups of first pages begin: the streams of one link all begin with its first pages."""
    starts, at, first_before = [0], 0, True
    while at + _OGG_PAGE.size <= size and len(starts) < _MOST:
        stream.seek(at)
        page = stream.read(_OGG_PAGE.size + 255)
        if page[:4] != b"OggS" or len(page) < _OGG_PAGE.size:
            found = _next(stream, b"OggS", at + 1)
            if found is None:
                break
            at = found
            continue
        flags, segments = page[5], page[26]
        first = bool(flags & _FIRST_PAGE)
        if first and not first_before:
            starts.append(at)
        first_before = first
        table = page[27 : 27 + segments]
        at += 27 + segments + sum(table)
    return starts


def _signatures(stream: BinaryIO, signature: bytes) -> list[int]:
    starts = [0]
    while len(starts) < _MOST:
        found = _next(stream, signature, starts[-1] + 1)
        if found is None:
            break
        starts.append(found)
    return starts


def _riffs(stream: BinaryIO, size: int) -> list[int]:
    starts, at = [0], 0
    while len(starts) < _MOST:
        stream.seek(at + 4)
        length = int.from_bytes(stream.read(4), "little")
        at += 8 + length + length % 2
        if at + 12 > size:
            break
        stream.seek(at)
        head = stream.read(12)
        if head[:4] != b"RIFF" or head[8:] != b"WAVE":
            break
        starts.append(at)
    return starts


def _next(stream: BinaryIO, signature: bytes, at: int) -> int | None:
    """Where the signature stands next, from a place on."""
    stream.seek(at)
    tail = b""
    while block := stream.read(_BLOCK):
        window = tail + block
        found = window.find(signature)
        if found >= 0:
            return at - len(tail) + found
        at += len(block)
        tail = window[-(len(signature) - 1) :]
    return None


class _Section(io.RawIOBase):
    """Bytes start … end of a stream, as a stream."""

    def __init__(self, stream: BinaryIO, start: int, end: int) -> None:
        self._stream, self._start, self._end, self._at = stream, start, end, start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: self._start, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence]
        if base + offset < self._start:
            raise OSError("before the beginning")
        self._at = base + offset
        return self._at - self._start

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        self._stream.seek(self._at)
        data = self._stream.read(max(0, min(len(view), self._end - self._at)))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)
