"""Decoding of text files, whatever editor saved them, and splitting them into lines.

Editors on Windows begin UTF-8 with a byte order mark, and its shell writes UTF-16. Inside JSON
strings, U+2028 and U+0085 are letters like any other, although `str.splitlines` breaks there.
"""

from __future__ import annotations

import codecs
import re

from riffbot.errors import BadRequest, shorten

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LINE_END = re.compile(r"\r\n|\r|\n")


def decode_text(data: bytes, name: str) -> str:
    """Decode a file, without its byte order mark; without a mark it is read as UTF-8.

    Args:
        data: the bytes of the file.
        name: the name to use in the error message.

    Raises:
        BadRequest: it is in another encoding, or is not text.
    """
    encoding = next((codec for mark, codec in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadRequest(
            f"“{shorten(name, 80)}” is no text file in UTF-8: please save it as one."
        ) from error


def split_lines(text: str) -> list[str]:
    """Split a text into lines at LF, CRLF and CR only."""
    return _LINE_END.split(text)
