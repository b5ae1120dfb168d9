"""The frames between RiffBot and its decoder process: a JSON header, then raw bytes.

    length of the header (4 bytes, big-endian) | header (JSON) | body (header["body"] bytes)

Nothing in a frame is a program or a pickle, and every length is checked before a byte of it is
read: an upload may have taken the other process over.

From RiffBot: `{"do": "read" | "tags" | "image", "size": …, …}` begins a file; `{"body": n}` answers
a request for bytes. From the decoder: `{"want": [offset, count]}` asks for bytes of the file;
`{"done": …}`, `{"error": sentence}` or `{"memory": true}` ends it.
"""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

from audio.errors import AudioError

MAX_HEADER = 2 * 1024**2
"""Bytes of JSON: the longest tags and recipes, escaped."""

CHUNK = 512 * 1024
"""Bytes of a file that are requested at once, at most."""

_LENGTH = struct.Struct(">I")


class ProtocolError(AudioError):
    """The other side is gone, or sent what the protocol does not allow."""


def send(out: BinaryIO, header: dict[str, Any], body: memoryview | bytes = b"") -> None:
    """Write one frame. Raises OSError when the other side is gone."""
    size = body.nbytes if isinstance(body, memoryview) else len(body)
    text = json.dumps({**header, "body": size}).encode("ascii")
    out.write(_LENGTH.pack(len(text)) + text)
    if size:
        out.write(body)
    out.flush()


def receive(source: BinaryIO) -> dict[str, Any]:
    """Read one header; its body, of `header["body"]` bytes, is still to be read.

    Raises:
        Broken: the stream ended, or this is no frame.
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
    """Read so many bytes. Raises Broken when the stream ends before them."""
    data = source.read(count)
    if data is None or len(data) != count:
        raise ProtocolError("the stream ended")
    return data
