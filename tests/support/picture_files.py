"""Picture files of odd kinds, made on the spot."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

# 512 rows of 128 columns, white with a dark bar in rows 200 to 208, columns 20 to 100: made with
# libheif, which decodes here but does not encode.
_HEIC = (
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAVVtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAA"
    "AAAAAAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABeQABAAAAAAAAAHEAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAA"
    "AAABAABodmMxAAAAAA5waXRtAAAAAAABAAAA1WlwcnAAAAC2aXBjbwAAAHlodmNDAQNwAAAAAAAAAAAAPPAA/P34"
    "+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAPLoCQGEAAQAsQgEBA3AAAAMAkAAAAwAAAwA8oBAgCAWW6kkp"
    "rm4CGgwIAAADAMgAAAMACEBiAAEAB0QBwXKwIkAAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAgAAA"
    "AgAAAAAOcGl4aQAAAAABCAAAABdpcG1hAAAAAAAAAAEAAQSBAgMEAAAAeW1kYXQAAABtKAGvCeAhhTSl3j/DFPbO"
    "uha52SlcaLl/LquAAArgAB3gAhdW6hYz7y+66EfZwqNVz4GN69ZuzjxgK7/hvTAPOSfUeQs+pT24MHqw/LL/b+/3"
    "lGrzoFBAAAADAAADAAADAAADAAADAAADAAAhIA=="
)


def heic() -> bytes:
    """A HEIC picture as phones take them."""
    return base64.b64decode(_HEIC)


def saved(picture: Image.Image, format: str, **options: Any) -> bytes:
    """The picture as a file."""
    out = io.BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


def chunk(kind: bytes, body: bytes, *, crc: int | None = None) -> bytes:
    """A chunk of a PNG."""
    right = zlib.crc32(kind + body)
    return struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", crc or right)


def with_chunk(png: bytes, kind: bytes, body: bytes, *, crc: int | None = None) -> bytes:
    """A PNG with one more chunk behind its header."""
    return png[:33] + chunk(kind, body, crc=crc) + png[33:]


def ramp(width: int = 300, height: int = 512) -> Image.Image:
    """A grey picture in which every place looks a little different."""
    return Image.fromarray((np.add.outer(np.arange(height), np.arange(width)) % 200).astype("u1"))
