"""Removes chunks of a PNG file that a spectrogram does not need.

A PNG may contain any amount of text, colour profiles and thumbnails; picture editors and image
generators store whole projects in it. Pillow refuses such a file (above 1 MB a chunk, or for one
wrong checksum), although none of that is needed here. So only the chunks of the pixels, the EXIF
tags and the recipe are kept.

See the PNG specification (third edition), section 5: length, type, data, CRC.
"""

from __future__ import annotations

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"

MAX_METADATA = 1_000_000
"""The most bytes, unpacked, of EXIF or of a recipe that are kept. Recipes have up to 32 kB."""

_MAX_TEXTS = 4
"""The most texts with wanted keywords that are checked."""

_ANCILLARY = 0x20
"""The bit of the first letter of a chunk's type that marks it as not necessary for the pixels."""

_TEXTS = (b"tEXt", b"zTXt", b"iTXt")


def strip_metadata(data: bytes, keywords: tuple[str, ...]) -> bytes:
    """Return a PNG without the chunks that are not needed, and any other file unchanged.

    Time and memory are proportional to the file: packed text is unpacked up to `MAX_METADATA`.

    Args:
        data: a PNG file, possibly truncated.
        keywords: of the text chunks to keep, in Latin-1.

    Returns:
        The critical chunks unchanged and in order; `tRNS`, `eXIf` and the named texts, if their
        checksums are right. An animation becomes its still picture.
    """
    if not data.startswith(SIGNATURE):
        return data
    wanted = tuple(keyword.encode("latin-1") + b"\0" for keyword in keywords)
    kept: list[bytes | memoryview] = [SIGNATURE]
    at, texts = len(SIGNATURE), 0
    view = memoryview(data)
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        chunk = view[at:end]
        if not kind.isalpha():
            break  # damage: the beginning of the next chunk is unknown
        if not kind[0] & _ANCILLARY:
            kept.append(chunk)
        elif end <= len(data) and (kind not in _TEXTS or texts < _MAX_TEXTS):
            # Counted whether it is kept or not: a file of packed texts that all unpack to
            # `MAX_METADATA` would cost a thousand times its size.
            texts += kind in _TEXTS and data.startswith(wanted, at + 8)
            if _is_needed(kind, chunk, wanted):
                kept.append(chunk)
        at = end
    return b"".join([*kept, view[at:]])


def _is_needed(kind: bytes, chunk: memoryview, wanted: tuple[bytes, ...]) -> bool:
    """Whether to keep a complete ancillary chunk."""
    if len(chunk) - 12 > MAX_METADATA:
        return False
    if kind in _TEXTS:
        body = bytes(chunk[8:-4])
        if not body.startswith(wanted) or not _is_small(kind, body):
            return False
    elif kind not in (b"tRNS", b"eXIf"):
        return False
    return bool(zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big"))


def _is_small(kind: bytes, body: bytes) -> bool:
    """Whether a text, which may be packed, is not larger than `MAX_METADATA`."""
    rest = body.partition(b"\0")[2]
    if kind == b"zTXt":
        return _unpacks(rest[1:])
    if kind == b"iTXt":
        packed, fields = rest[:1] == b"\1", rest[2:].split(b"\0", 2)
        return len(fields) == 3 and (not packed or _unpacks(fields[2]))
    return True


def _unpacks(packed: bytes) -> bool:
    unpacker = zlib.decompressobj()
    try:
        unpacker.decompress(packed, MAX_METADATA)
    except zlib.error:
        return False
    return unpacker.eof
