"""Names of files for clips, and words from the names of files."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

SLUG_LENGTH = 40
NAMELESS = "untitled"
"""What a file is called in prompts whose name has no letters."""

_LONGEST_WORDS = 200

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


def words_of(name: str) -> str:
    """A file's name as a prompt in which nothing is a weight.

    Brackets, which mean emphasis in prompts, become spaces. Bytes that are no UTF-8 (names from
    old archives) are read as Latin-1.

    >>> words_of("Song (Live 12:30)")
    'Song Live 12:30'
    """
    # Python reads a byte that is no UTF-8 as U+DC00 and the byte.
    name = "".join(chr(ord(c) - 0xDC00) if "\udc80" <= c <= "\udcff" else c for c in name)
    shown = "".join(c if c.isprintable() and c not in "()[]\\" else " " for c in name)
    return " ".join(shown.split())[:_LONGEST_WORDS] or NAMELESS


def free_name(name: str, is_taken: Callable[[str], bool]) -> str:
    """The name, or with the first number that makes it free: `name-2`, `name-3`, …"""
    free, number = name, 1
    while is_taken(free):
        number += 1
        free = f"{name}-{number}"
    return free


def ascii_slug(prompt: str) -> str:
    """The same in plain ASCII, for headers and for Discord: accents go, their letters stay.

    >>> ascii_slug("Ünïcode / Straße")
    'unicode-strasse'
    """
    # Letters whose plain form Unicode does not know as one of its decompositions.
    plain = prompt.lower().translate(_PLAIN_LETTERS)
    letters = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return slug(letters)
