"""Text files that people wrote: whatever editor saved them, read as lines.

Editors on Windows begin UTF-8 with a byte order mark, and its shell writes UTF-16. Inside JSON
strings, U+2028 and U+0085 are letters like any other, although `str.splitlines` breaks there.
"""

from __future__ import annotations

import codecs
import re

from riffbot.errors import BadRequest, shortened

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LINE_END = re.compile(r"\r\n|\r|\n")


def decoded(data: bytes, name: str) -> str:
    """A file's text without its byte order mark; without a mark it is UTF-8.

    Args:
        data: the file.
        name: what to call it in a sentence.

    Raises:
        BadRequest: it is in another encoding, or no text at all.
    """
    encoding = next((codec for mark, codec in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadRequest(
            f"“{shortened(name, 80)}” is no text file in UTF-8: please save it as one."
        ) from error


def lines(text: str) -> list[str]:
    """The lines of a text, ended by LF, CRLF or CR and by nothing else."""
    return _LINE_END.split(text)
