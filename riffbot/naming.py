"""Names of files for clips."""

from __future__ import annotations

import re
import unicodedata

SLUG_LENGTH = 40
_PLAIN_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)


def slug(prompt: str) -> str:
    """A prompt as part of a file's name: its words without weights, in small letters.

    >>> slug("Funky (saxophone:1.3) riff!")
    'funky-saxophone-riff'
    """
    words = re.sub(r":\s*[-+.\d]+(?=\s*\))", "", prompt)
    plain = unicodedata.normalize("NFKC", words).lower()
    joined = "-".join(re.findall(r"\w+", plain.replace("_", " ")))
    return joined[:SLUG_LENGTH].strip("-") or "riff"


def ascii_slug(prompt: str) -> str:
    """The same in plain ASCII, for headers and for Discord: accents go, their letters stay.

    >>> ascii_slug("Ünïcode / Straße")
    'unicode-strasse'
    """
    # Letters whose plain form Unicode does not know as one of its decompositions.
    plain = prompt.lower().translate(_PLAIN_LETTERS)
    letters = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return slug(letters)
