"""Roman numerals: chords by their degree in a key, such as `ii7`, `bVII`, `V7/V`.

Capitals are major, small letters minor, `°` and `ø` diminished. In minor keys III, VI and VII are
those of the scale, with a flat before them or without; a diminished vii is on the leading tone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from riffbot.harmony.chords import Chord, normalise_quality
from riffbot.harmony.keys import Key
from riffbot.harmony.notes import use_plain_accidentals

_DEGREES = ("I", "II", "III", "IV", "V", "VI", "VII")
_MAJOR = (0, 2, 4, 5, 7, 9, 11)
_LEADING_TONE = 11
DEGREE = r"(?:VII|VI|V|IV|III|II|I|vii|vi|v|iv|iii|ii|i)"
_NUMERAL = re.compile(
    rf"(?P<accidental>[b#]?)(?P<degree>{DEGREE})(?P<quality>[^/\s]*)"
    rf"(?:/(?P<applied>[b#]?{DEGREE}))?"
)


@dataclass(frozen=True, slots=True)
class Numeral:
    """A chord of a degree, in whatever key it is used.

    Attributes:
        text: as written, with plain accidentals.
        degree: 0 (I) … 6 (VII).
        shift: semitones by which an accidental before it moves it: -1, 0 or 1.
        quality: name of the chord's quality, see `chords.qualities`.
        applied: the degree whose dominant it is, `V` in `V7/V`, or None.
    """

    text: str
    degree: int
    shift: int
    quality: str
    applied: Numeral | None = None

    def in_key(self, key: Key) -> Chord:
        """The chord in a key, spelled as the key's notes are: `ii` in Bb major is Cm."""
        if self.applied is not None:
            goal = self.applied.in_key(key)
            note = _root_of(goal)
            key = Key(goal.root, "minor" if self.applied.is_minor else "major", note)
        root = (key.tonic + self._step(key)) % 12
        return Chord.build(key.spell(self.degree, root), self.quality)

    @property
    def is_minor(self) -> bool:
        """Whether its third is minor."""
        return self.quality.startswith(("m", "dim")) and not self.quality.startswith("maj")

    def _step(self, key: Key) -> int:
        """Semitones from the tonic to the chord's root."""
        step = key.steps[self.degree]
        if self.degree == 6 and self.quality in {"dim", "dim7"} and self.shift == 0:
            return _LEADING_TONE
        if self.shift < 0 and step < _MAJOR[self.degree]:
            return step  # bVI in a minor key is the scale's own
        return step + self.shift


def parse_numeral(text: str) -> Numeral | None:
    """Read a roman numeral, or return None if it is none."""
    plain = use_plain_accidentals(text.strip())
    found = _NUMERAL.fullmatch(plain)
    if found is None:
        return None
    quality = _quality(found["degree"], found["quality"])
    if quality is None:
        return None
    applied = parse_numeral(found["applied"]) if found["applied"] else None
    shift = {"b": -1, "#": 1, "": 0}[found["accidental"]]
    return Numeral(plain, _DEGREES.index(found["degree"].upper()), shift, quality, applied)


def _quality(degree: str, written: str) -> str | None:
    """The quality of a chord whose case says minor or major: `ii` and `7` is m7."""
    quality = normalise_quality(written)
    if quality is None or degree.isupper():
        return quality
    if quality in {"", "7", "6", "9", "11", "13", "69", "7b5", "7#5", "add9", "add4"}:
        return "m" + quality
    if quality in {"maj7", "maj9"}:
        return "m" + quality
    return quality


def _root_of(chord: Chord) -> str:
    """The name of a chord's root, as it is spelled."""
    found = re.match(r"[A-G][b#]*", chord.name)
    assert found is not None
    return found[0]
