"""Where one file holds several recordings end to end: chained Ogg, joined FLAC, WAV and MP3.

libsndfile reads the first of them and believes that this is all. FFmpeg reads joined MP3s, but what
is between two of them sounds like damage to it. Each section is a seekable stream of its own.
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
"""So much of a block is searched with the next; a longer tag stays with the recording before."""

_MOST = 1000
"""Sections of one file; what lies behind is left out."""


def split_recordings(stream: BinaryIO) -> list[BinaryIO]:
    """Split a file into its recordings, in their order; the whole file where it is one."""
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


def _mp3s(stream: BinaryIO) -> list[int]:
    """Where a first frame lies, by the header (Xing's or LAME's) that it carries instead of sound.

    The tag before it belongs to it.
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
    """Where the frame begins whose side information, all zero, such a header follows."""
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
    """Where the ID3 tag begins that ends at a frame; the frame itself where there is none."""
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
