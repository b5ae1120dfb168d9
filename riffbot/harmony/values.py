"""`Harmony`: a key and the chord of every beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from riffbot.errors import shorten
from riffbot.harmony.chords import Chord
from riffbot.harmony.errors import HarmonyError
from riffbot.harmony.keys import Key
from riffbot.harmony.numerals import Numeral
from riffbot.harmony.progressions import Progression

__all__ = ["Harmony", "HarmonyError", "Measure"]

Measure = tuple[Chord | None, ...]
"""The parts of a measure, equally long; None where no chord sounds (N.C.)."""


@dataclass(frozen=True, slots=True)
class Harmony:
    """What a clip's notes are to be: its key, its chords, either or both.

    Attributes:
        key: the key, or None where it is left open.
        measures: the chords of each measure, over and over; empty where they are left open.
    """

    key: Key | None = None
    measures: tuple[Measure, ...] = ()

    @classmethod
    def parse(cls, key: str | None = None, chords: str | None = None) -> Self:
        """Read a key and a progression as people write them; None leaves that one open.

        Raises:
            HarmonyError: one of them cannot be read, or there are numerals and no key.
        """
        tonality = None if key is None else Key.parse(key)
        progression = None if chords is None else Progression.parse(chords)
        return cls(tonality, () if progression is None else resolve(progression, tonality))

    @classmethod
    def of_beats(cls, chords: Sequence[Chord | None], meter: int = 4) -> Self:
        """The progression in which each chord lasts one beat, `meter` of them a measure."""
        firsts = range(0, len(chords), meter)
        return cls(measures=tuple(tuple(chords[first : first + meter]) for first in firsts))

    @property
    def is_open(self) -> bool:
        """Whether neither key nor chords are known."""
        return self.key is None and not self.measures

    def chord_at(self, measure: int, place: Fraction | float = 0) -> Chord | None:
        """The chord at a place of a measure; after the last measure the first one follows.

        Args:
            measure: its number, 0 is the progression's first; negative before it.
            place: from 0, the measure's beginning, up to but without 1.

        Returns:
            None where no chord sounds, and where the chords are left open.
        """
        if not self.measures:
            return None
        parts = self.measures[measure % len(self.measures)]
        return parts[int(place * len(parts))]

    def chords_of_beats(
        self, beats: int, meter: int = 4, first_measure: int = 0
    ) -> tuple[Chord | None, ...]:
        """The chord that sounds when each of so many beats begins.

        Args:
            beats: how many; they need not fill whole measures.
            meter: beats a measure.
            first_measure: number of the measure in which the first of them lies, at its beginning.

        Returns:
            `beats` chords; None where no chord sounds, and everywhere if `measures` is empty.
        """
        return tuple(
            self.chord_at(first_measure + beat // meter, Fraction(beat % meter, meter))
            for beat in range(beats)
        )

    def describe(self) -> str:
        """The key and the names of the chords as people read them: `A minor · Am7 D7 Gmaj7`."""
        names = (self.key and self.key.name, self.describe_chords())
        return " · ".join(name for name in names if name)

    def describe_chords(self) -> str:
        """The names of the chords, as `Progression.parse` reads them again; empty for none."""
        return Progression.build(self.measures).text if self.measures else ""


def resolve(progression: Progression, key: Key | None) -> tuple[Measure, ...]:
    """The chords of a progression in a key. Raises HarmonyError if it needs one and has none."""
    return tuple(
        tuple(_in_key(part, key) if isinstance(part, Numeral) else part for part in measure)
        for measure in progression.measures
    )


def _in_key(numeral: Numeral, key: Key | None) -> Chord:
    if key is None:
        raise HarmonyError(
            f"“{shorten(numeral.text)}” is a degree of a key: please say which key, for example "
            "Bb major."
        )
    return numeral.in_key(key)
