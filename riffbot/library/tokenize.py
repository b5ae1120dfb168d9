"""Tokenising prompts for search."""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+")
_LONGEST = 40


def tokenize(text: str) -> list[str]:
    """Split a text into its distinct words, in order: `(Funky:1.2) SAX` → funky, sax.

    Numbers are left out, since most of them are weights.
    """
    words = (word.casefold()[:_LONGEST] for word in _WORD.findall(text))
    return list(dict.fromkeys(word for word in words if not word.isdigit()))


def prefix_end(prefix: str) -> str:
    """Return the smallest text that sorts after all texts that begin with `prefix`.

    >>> prefix_end("fun")
    'fuo'
    """
    kept = prefix.rstrip("\U0010ffff")  # no character sorts after it
    if not kept:
        return prefix + "\U0010ffff"
    following = ord(kept[-1]) + 1
    # A lone surrogate is not valid text for a database.
    return kept[:-1] + chr(0xE000 if 0xD800 <= following < 0xE000 else following)
