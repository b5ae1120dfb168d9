"""Keys: a tonic and a mode, from names such as `F# minor`, `Am`, `Bb` and `D dorian`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, Self, get_args

from riffbot.errors import shorten
from riffbot.harmony.errors import HarmonyError
from riffbot.harmony.notes import (
    FLAT_NAMES,
    LETTERS,
    NOTE,
    SHARP_NAMES,
    pitch_class_of,
    spell_note,
    use_plain_accidentals,
)

Mode = Literal["major", "minor", "dorian", "phrygian", "lydian", "mixolydian"]
MODES: tuple[Mode, ...] = get_args(Mode)

_SCALES: dict[Mode, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}
_USUAL_MAJOR = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_USUAL_MINOR = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B")

MODE_WORDS: dict[str, Mode] = {
    "major": "major",
    "maj": "major",
    "ionian": "major",
    "minor": "minor",
    "min": "minor",
    "aeolian": "minor",
    "natural minor": "minor",
    "dorian": "dorian",
    "phrygian": "phrygian",
    "lydian": "lydian",
    "mixolydian": "mixolydian",
}
"""How people write modes, in lower case."""

ACCIDENTAL_WORDS = r"(?:[- ]?(?:flat|sharp)\b)?"
"""Regular expression of an accidental that is written out: `B flat`, `F-sharp`."""

_KEY = re.compile(
    rf"(?P<note>{NOTE}){ACCIDENTAL_WORDS.replace('(?:', '(?P<accidental>', 1)}"
    rf"(?:(?P<short>m|M)|[- ]*(?P<mode>{'|'.join(MODE_WORDS)}))?",
    re.IGNORECASE | re.ASCII,  # otherwise ı and ſ are letters of minor and sharp
)


@dataclass(frozen=True, slots=True)
class Key:
    """A key.

    Attributes:
        tonic: pitch class, 0 (C) … 11 (B).
        mode: major, minor, or one of the church modes.
        spelling: the tonic's name as it was written, such as Gb for F#; two keys are equal
            whatever theirs. Empty: the usual name.
    """

    tonic: int
    mode: Mode = "major"
    spelling: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.tonic < 12:
            raise ValueError(f"a tonic is 0 … 11, not {self.tonic}")
        if self.spelling and pitch_class_of(self.spelling) != self.tonic:
            raise ValueError(f"{self.spelling} is not pitch class {self.tonic}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a key as people write it; a note without a mode is major, `Am` is minor.

        Raises:
            HarmonyError: it is no key.
        """
        plain = " ".join(use_plain_accidentals(text).split())
        found = _KEY.fullmatch(plain)
        if found is None:
            raise HarmonyError(describe_unknown_key(text))
        note = join_accidental(found["note"], found["accidental"])
        if re.fullmatch(NOTE, note) is None:  # three accidentals, or a sharp behind a flat
            raise HarmonyError(describe_unknown_key(text))
        mode: Mode = "minor" if found["short"] == "m" else "major"
        if found["mode"]:
            mode = MODE_WORDS[found["mode"].lower()]
        return cls(pitch_class_of(note), mode, note)

    @property
    def note(self) -> str:
        """The tonic's name."""
        usual = _USUAL_MAJOR if self.is_bright else _USUAL_MINOR
        return self.spelling or usual[self.tonic]

    @property
    def name(self) -> str:
        """The key as text, which `parse` reads again: `F# minor`."""
        return f"{self.note} {self.mode}"

    @property
    def is_bright(self) -> bool:
        """Whether its third is major, so that it is heard as a major key."""
        return 4 in _SCALES[self.mode]

    @property
    def steps(self) -> tuple[int, ...]:
        """The seven notes of its scale, in semitones above the tonic."""
        return _SCALES[self.mode]

    @property
    def pitch_classes(self) -> tuple[int, ...]:
        """The seven notes of its scale from the tonic upwards, 0 … 11."""
        return tuple((self.tonic + step) % 12 for step in self.steps)

    def shares_scale_with(self, other: Key) -> bool:
        """Whether six of the scale's seven notes are the other's, so that both sound together.

        So it is with relative keys (A minor, C major) and neighbours in the circle of fifths.
        """
        return len({*self.pitch_classes} & {*other.pitch_classes}) >= 6

    def spell(self, degree: int, pitch_class: int) -> str:
        """Name a note of the key's degree 0 … 6: degree 2 of F# minor is A, not G##."""
        letter = LETTERS[(LETTERS.index(self.note[0]) + degree) % 7]
        return spell_note(pitch_class, letter)

    def name_note(self, pitch_class: int) -> str:
        """Name any note as this key would: those of its scale by its letters, others alike."""
        scale = [self.spell(degree, note) for degree, note in enumerate(self.pitch_classes)]
        if pitch_class in self.pitch_classes:
            return scale[self.pitch_classes.index(pitch_class)]
        is_flat = any("b" in note for note in scale)
        return (FLAT_NAMES if is_flat else SHARP_NAMES)[pitch_class]

    def __str__(self) -> str:
        return self.name


def join_accidental(note: str, accidental: str | None) -> str:
    """Join a note's name and a written-out accidental: `b`, `flat` is Bb."""
    sign = {"flat": "b", "sharp": "#"}.get((accidental or "").strip(" -").lower(), "")
    return note[0].upper() + note[1:].lower() + sign


def describe_unknown_key(text: str) -> str:
    """The sentence for what is no key."""
    return (
        f"There is no key “{shorten(text.strip())}”. Write a note and its mode, for example F# "
        "minor, Bb major or D dorian."
    )
