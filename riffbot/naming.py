"""Names of files for clips."""

from __future__ import annotations

import re
import unicodedata

SLUG_LENGTH = 40


def slug(prompt: str) -> str:
    """A prompt as part of a file's name: its words without weights, in small letters.

    >>> slug("Funky (saxophone:1.3) riff!")
    'funky-saxophone-riff'
    """
    words = re.sub(r":\s*[-+.\d]+(?=\s*\))", "", prompt)
    plain = unicodedata.normalize("NFKC", words).lower()
    joined = "-".join(re.findall(r"\w+", plain.replace("_", " ")))
    return joined[:SLUG_LENGTH].strip("-") or "riff"
