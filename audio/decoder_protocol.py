"""Reads and writes the frames between RiffBot and a decoder process: a JSON header, raw bytes.

    length of the header (4 bytes, big-endian) | header (JSON) | body (header["body"] bytes)

Frames contain no code and no pickle, and every length is checked before it is read, since an
untrusted file may have taken over the decoder process.

From RiffBot: `{"do": "read" | "tags" | "image", "size": …, …}` begins a file; `{"body": n}` answers
a request for bytes. From the decoder: `{"want": [offset, count]}` requests bytes of the file;
`{"done": …}`, `{"error": sentence}` or `{"memory": true}` ends it.
"""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

from audio.errors import AudioError

MAX_HEADER = 2 * 1024**2
"""The most bytes of a JSON header: enough for the longest tags and recipes, escaped."""

CHUNK = 512 * 1024
"""The most bytes of a file in one request."""

_LENGTH = struct.Struct(">I")


class ProtocolError(AudioError):
    """The other process has ended, or sent an invalid frame."""


def send(out: BinaryIO, header: dict[str, Any], body: memoryview | bytes = b"") -> None:
    """Write one frame. Raises OSError if the other process has ended."""
    size = body.nbytes if isinstance(body, memoryview) else len(body)
    text = json.dumps({**header, "body": size}).encode("ascii")
    out.write(_LENGTH.pack(len(text)) + text)
    if size:
        out.write(body)
    out.flush()


def receive(source: BinaryIO) -> dict[str, Any]:
    """Read one header; the caller reads its body of `header["body"]` bytes.

    Raises:
        ProtocolError: the stream ended, or the frame is invalid.
    """
    (length,) = _LENGTH.unpack(read_exactly(source, _LENGTH.size))
    if not 2 <= length <= MAX_HEADER:
        raise ProtocolError("a header of an impossible length")
    try:
        header = json.loads(read_exactly(source, length))
    except (ValueError, RecursionError) as error:
        raise ProtocolError("a header that is no JSON") from error
    if not isinstance(header, dict) or type(header.get("body")) is not int or header["body"] < 0:
        raise ProtocolError("a header without its body's length")
    return header


def read_exactly(source: BinaryIO, count: int) -> bytes:
    """Read exactly `count` bytes. Raises ProtocolError if the stream ends before."""
    data = source.read(count)
    if data is None or len(data) != count:
        raise ProtocolError("the stream ended")
    return data
