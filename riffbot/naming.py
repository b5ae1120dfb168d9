"""File names from prompts, and prompts from file names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

SLUG_LENGTH = 40
UNTITLED = "untitled"
"""The prompt for a file whose name has no letters."""

_LONGEST_WORDS = 200

_PLAIN_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}
)


def slugify(prompt: str) -> str:
    """Turn a prompt into part of a file name: its words without weights, in lower case.

    >>> slugify("Funky (saxophone:1.3) riff!")
    'funky-saxophone-riff'
    """
    words = re.sub(r":\s*[-+.\d]+(?=\s*\))", "", prompt)
    plain = unicodedata.normalize("NFKC", words).lower()
    joined = "-".join(re.findall(r"\w+", plain.replace("_", " ")))
    return joined[:SLUG_LENGTH].strip("-") or "riff"


def prompt_from_filename(name: str) -> str:
    """Turn a file name into a prompt that contains no weights.

    Brackets, which mean emphasis in prompts, become spaces. Bytes that are not UTF-8 (names from
    old archives) are read as Latin-1.

    >>> prompt_from_filename("Song (Live 12:30)")
    'Song Live 12:30'
    """
    # Python reads a byte that is no UTF-8 as U+DC00 and the byte.
    name = "".join(chr(ord(c) - 0xDC00) if "\udc80" <= c <= "\udcff" else c for c in name)
    shown = "".join(c if c.isprintable() and c not in "()[]\\" else " " for c in name)
    return " ".join(shown.split())[:_LONGEST_WORDS] or UNTITLED


def find_free_name(name: str, is_taken: Callable[[str], bool]) -> str:
    """Return the name, or the first of `name-2`, `name-3`, … that is not taken."""
    free, number = name, 1
    while is_taken(free):
        number += 1
        free = f"{name}-{number}"
    return free


def slugify_ascii(prompt: str) -> str:
    """Like `slugify`, in plain ASCII, for HTTP headers and Discord: accents are removed.

    >>> slugify_ascii("Ünïcode / Straße")
    'unicode-strasse'
    """
    # Letters that NFKD does not decompose.
    plain = prompt.lower().translate(_PLAIN_LETTERS)
    letters = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return slugify(letters)
