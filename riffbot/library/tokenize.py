"""Tokenising prompts for search."""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+")
_LONGEST = 40


def tokenize(text: str) -> list[str]:
    """Split a text into its distinct words, in order: `(Funky:1.2) SAX` → funky, sax.

    Weights are numbers to the model, not words, and are left out.
    """
    words = (word.casefold()[:_LONGEST] for word in _WORD.findall(text))
    return list(dict.fromkeys(word for word in words if not word.isdigit()))


def prefix_end(prefix: str) -> str:
    """The smallest text that sorts after everything that begins with `prefix`.

    >>> prefix_end("fun")
    'fuo'
    """
    kept = prefix.rstrip("\U0010ffff")  # behind which there is nothing
    if not kept:
        return prefix + "\U0010ffff"
    following = ord(kept[-1]) + 1
    # Half a surrogate pair is no text, and no database takes it.
    return kept[:-1] + chr(0xE000 if 0xD800 <= following < 0xE000 else following)
