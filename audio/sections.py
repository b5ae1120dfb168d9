"""Splits files of several recordings end to end: chained Ogg, joined FLAC, WAV and MP3.

libsndfile reads only the first of them. FFmpeg reads joined MP3s, but reports damage between two of
them. Each section is returned as a seekable stream.
"""

from __future__ import annotations

import io
import re
import struct
from typing import BinaryIO, cast

_FLAC = b"fLaC\x00\x00\x00\x22"
_OGG_PAGE = struct.Struct("<4sBBqIIIB")
_FIRST_PAGE = 2
_BLOCK = 1 << 20
_OVERLAP = 64 * 1024
"""Bytes of a block that are searched again with the next. A longer tag before an MP3's first frame
is taken for a part of the recording before."""

_MOST = 1000
"""The most sections of a file; the rest is left out."""


def split_recordings(stream: BinaryIO) -> list[BinaryIO]:
    """Return the recordings in a file in order, or the whole file."""
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    head = stream.read(12)
    if head[:4] == b"OggS":
        starts = _ogg(stream, size)
    elif head[:8] == _FLAC:
        starts = _signatures(stream, _FLAC)
    elif head[:4] == b"RIFF" and head[8:] == b"WAVE":
        starts = _riffs(stream, size)
    elif head[:3] == b"ID3" or (head[:1] == b"\xff" and head[1:2] >= b"\xe0"):
        starts = _mp3s(stream)
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
    """Find the groups of first pages: all streams of one link begin with their first pages."""
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


def _mp3s(stream: BinaryIO) -> list[int]:
    """Find first frames, which contain a Xing or LAME header instead of sound.

    An ID3 tag directly before one belongs to it.
    """
    starts: list[int] = []
    at, last = 0, -1
    tag = re.compile(rb"Xing|Info")
    tail = b""
    stream.seek(0)
    while (block := stream.read(_BLOCK)) and len(starts) < _MOST:
        window = tail + block
        for found in tag.finditer(window):
            place = at - len(tail) + found.start()
            if place <= last:
                continue  # found with the block before
            last = place
            if (frame := _first_frame(window, found.start())) is not None:
                starts.append(at - len(tail) + _tag_before(window, frame))
        at += len(block)
        tail = window[-_OVERLAP:]
    return [0, *starts[1:]]


def _first_frame(window: bytes, header: int) -> int | None:
    """Find the beginning of the frame of a header, which follows the side information, all zero."""
    for side in (32, 17, 9):
        frame = header - side - 4
        sync = window[max(0, frame) : frame + 2]
        if (
            len(sync) == 2
            and sync[0] == 0xFF
            and sync[1] >= 0xE0
            and not any(window[frame + 4 : header])
        ):
            return frame
    return None


def _tag_before(window: bytes, frame: int) -> int:
    """Return where the ID3 tag begins that ends at a frame, or the frame without one."""
    found = window.rfind(b"ID3", 0, frame)
    if found >= 0:
        size = 0
        for byte in window[found + 6 : found + 10]:
            size = size << 7 | byte & 127
        if found + 10 + size == frame:
            return found
    return frame


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
    """Find the next position of a signature, from a position on."""
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
    """A stream of the bytes start … end of another stream."""

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
