"""The lines of `lines.toml`: text and pronunciation, syllable by syllable."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

VOWELS = frozenset("OIAWYaɑæɔəɛeɜiɪoʊuʌ")
"""Symbols that carry a syllable; a diphthong is one symbol."""

_MARKS = ("ˈ", "ˌ")
"""Main and secondary stress, written before the vowel. The speech model holds a vowel through the
mark and the symbol alike, so every syllable gets one."""


@dataclass(frozen=True, slots=True)
class Syllable:
    """Places of the symbols of one syllable in its line: onset, stress mark, vowel, coda.

    The onset is `start:mark` (with the blank before a word), the vowel is the symbol at `mark + 1`,
    the coda is `mark + 2:end`.
    """

    start: int
    mark: int
    end: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what kind of line it is, its text, its symbols, its syllables."""

    kind: str
    text: str
    symbols: str
    syllables: tuple[Syllable, ...]


def parse(kind: str, text: str, pronunciation: str) -> Line:
    """A line from its written pronunciation.

    Raises:
        ValueError: a syllable has no vowel or more than one.
    """
    symbols = ""
    syllables = []
    for word in pronunciation.split():
        for place, part in enumerate(word.split("-")):
            vowels = [i for i, symbol in enumerate(part) if symbol in VOWELS]
            if len(vowels) != 1:
                raise ValueError(f"lines.toml: {part!r} in {text!r} has {len(vowels)} vowels")
            onset, rest = part[: vowels[0]], part[vowels[0] :]
            if not onset.endswith(_MARKS):
                onset += _MARKS[1]
            start = len(symbols)
            symbols += (" " if place == 0 and symbols else "") + onset
            syllables.append(Syllable(start, len(symbols) - 1, len(symbols) + len(rest)))
            symbols += rest
    return Line(kind, text, symbols, tuple(syllables))


def read_lines(path: Path | None = None) -> tuple[Line, ...]:
    """All lines, in the order of the file."""
    tables = tomllib.loads((path or Path(__file__).with_name("lines.toml")).read_text("utf-8"))
    return tuple(
        parse(kind, text, pronunciation)
        for kind, table in tables.items()
        for text, pronunciation in table.items()
    )
