"""Chord progressions as people write them.

Every chord is one measure, and a dot holds the chord before: `Am7 D7 Gmaj7 .` are four measures.
Between bars they share a measure evenly: `Am7 D7 | Gmaj7 . . C`. Chords may be names (`Am7`),
numerals (`ii7`), or `N.C.` where none sounds; `%` repeats the measure before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from riffbot.errors import shorten
from riffbot.harmony.chords import NO_CHORD, Chord, is_no_chord
from riffbot.harmony.errors import HarmonyError
from riffbot.harmony.keys import Key
from riffbot.harmony.notes import use_plain_accidentals
from riffbot.harmony.numerals import Numeral, parse_numeral

HOLD = "."
"""How a part that holds the chord before it is written."""
REPEAT = "%"
"""How a measure that repeats the one before it is written."""

MAX_PARTS = 4
"""Chords and dots in one measure: one a beat."""
MAX_MEASURES = 64
MAX_TEXT = 600
"""Characters of a progression as a person types it."""
LONGEST_TEXT = 10_000
"""Characters that are read at most: more than any progression has, however it is written out."""

_SEPARATOR = re.compile(r"[\s,;]+|\s*(?:→|->|=>|–|—)\s*")
_DECORATION = re.compile(r"\[\||\|\]|\|:|:\||\|+")
"""Double bars and repeat signs: a progression begins anew at its end in any case."""

Part = Chord | Numeral | None
"""One part of a measure; None where no chord sounds."""


@dataclass(frozen=True, slots=True)
class Progression:
    """The chords of each measure, some of them perhaps numerals that need a key.

    Attributes:
        measures: at least one; each has 1 … `MAX_PARTS` parts of equal length.
        text: as `parse` reads it again.
    """

    measures: tuple[tuple[Part, ...], ...]
    text: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a progression.

        Raises:
            HarmonyError: it has no chord, one that does not exist, too many in a measure or too
                many measures.
        """
        measures, written = _parse(text)
        return cls(measures, written)

    @classmethod
    def build(cls, measures: Sequence[Sequence[Part]]) -> Self:
        """Build a progression of at least one measure, each in as few parts as it takes."""
        shortest = tuple(map(_join_parts, measures))
        return cls(shortest, join_measures([_names_of(measure) for measure in shortest]))

    def from_measure(self, number: int) -> Self:
        """The same circle of chords, begun at another measure, 0 is the present first."""
        first = number % len(self.measures)
        return self.build(self.measures[first:] + self.measures[:first])

    def move(self, old: Key, new: Key) -> Self:
        """The same progression in another key; numerals stay as they are."""
        semitones = new.tonic - old.tonic
        return self.build(
            [
                [part.move(new, semitones) if isinstance(part, Chord) else part for part in measure]
                for measure in self.measures
            ]
        )

    @property
    def needs_key(self) -> bool:
        """Whether some of its chords are numerals."""
        return any(isinstance(part, Numeral) for measure in self.measures for part in measure)

    def __str__(self) -> str:
        return self.text


@lru_cache(maxsize=256)
def _parse(text: str) -> tuple[tuple[tuple[Part, ...], ...], str]:
    """The measures and the text of them as it is kept."""
    if len(text) > LONGEST_TEXT:
        raise HarmonyError(
            f"The chords are too long: please keep them under {LONGEST_TEXT} characters."
        )
    bars = _split_measures(use_plain_accidentals(text))
    if not bars:
        raise HarmonyError("There are no chords: write some, for example Am7 D7 Gmaj7.")
    _check_count(len(bars))
    measures: list[tuple[Part, ...]] = []
    written: list[list[str]] = []
    for words in bars:
        parts, names = _read_measure(words, measures)
        measures.append(parts)
        written.append(names)
    return tuple(measures), join_measures(written)


def _join_parts(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The same measure in as few parts as it takes: four beats of one chord are one part."""
    for count in range(1, len(parts)):
        size, rest = divmod(len(parts), count)
        if rest == 0 and all(part == parts[at - at % size] for at, part in enumerate(parts)):
            return tuple(parts[::size])
    return tuple(parts)


def _names_of(measure: Sequence[Part]) -> list[str]:
    """The parts of a measure as text, a dot where the chord before is held."""
    names = [_name(part) for part in measure]
    return [HOLD if i and names[i - 1] == name else name for i, name in enumerate(names)]


def join_measures(measures: Sequence[Sequence[str]]) -> str:
    """Write measures as text, with bars only where one of them has several parts."""
    texts = [" ".join(names) for names in measures]
    if all(len(names) == 1 for names in measures):
        return " ".join(texts)
    return " | ".join(texts) if len(texts) > 1 else f"| {texts[0]} |"


def _split_measures(text: str) -> list[list[str]]:
    """The words of each measure."""
    text = _DECORATION.sub("|", text)
    if "|" not in text:
        _check_count(sum(map(bool, _SEPARATOR.split(text))))  # before any of them is read
        return [[word] for word in _split_words(text)]
    between = text.strip().removeprefix("|").removesuffix("|").split("|")
    _check_count(len(between))
    return [_split_words(measure) or [HOLD] for measure in between]


def _check_count(measures: int) -> None:
    if measures > MAX_MEASURES:
        raise HarmonyError(f"That is {measures} measures of chords: {MAX_MEASURES} are the most.")


def _split_words(text: str) -> list[str]:
    """Split at blanks, commas, arrows and dashes; a dash in a chord's name, `C-7`, stays."""
    words: list[str] = []
    for word in filter(None, _SEPARATOR.split(text)):
        if "-" in word and not _is_part(word):
            words += [part for part in word.split("-") if part]
        elif set(word) == {HOLD}:
            words += [HOLD] * len(word)
        else:
            words.append(word)
    return words


def _is_part(word: str) -> bool:
    return is_no_chord(word) or (parse_numeral(word) or Chord.find(word)) is not None


def _read_measure(
    words: list[str], before: list[tuple[Part, ...]]
) -> tuple[tuple[Part, ...], list[str]]:
    """A measure's parts, and how each is kept as text."""
    if len(words) > MAX_PARTS:
        raise HarmonyError(
            f"A measure has room for {MAX_PARTS} chords and dots, one a beat, and "
            f"“{shorten(' '.join(words[: MAX_PARTS + 1]))}” are more: put | between measures."
        )
    if words == [REPEAT]:
        return _last_measure(before), words
    parts: list[Part] = []
    names = []
    for word in words:
        if word == HOLD:
            parts.append(parts[-1] if parts else _last_measure(before)[-1])
            names.append(HOLD)
        else:
            part = _read_chord(word)
            parts.append(part)
            names.append(_name(part))
    return tuple(parts), names


def _last_measure(before: list[tuple[Part, ...]]) -> tuple[Part, ...]:
    if not before:
        raise HarmonyError(
            "There is no chord yet that could be held: begin with one, for example Am7 . D7 ."
        )
    return before[-1]


def _read_chord(word: str) -> Part:
    """One chord of a word. Raises HarmonyError."""
    if is_no_chord(word):
        return None
    numeral = parse_numeral(word)
    if numeral is not None:
        return numeral
    return Chord.parse(word)


def _name(part: Part) -> str:
    if part is None:
        return NO_CHORD
    return part.text if isinstance(part, Numeral) else part.name
