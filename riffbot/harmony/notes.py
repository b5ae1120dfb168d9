"""Names of pitch classes: C is 0, C# and Db are 1, … B is 11."""

from __future__ import annotations

LETTERS = "CDEFGAB"
NATURALS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SHARP_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLAT_NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")

NOTE = r"[A-Ga-g](?:bb|##|b|#)?"
"""Regular expression of a note's name, once accidentals are plain (`use_plain_accidentals`)."""

_PLAIN = str.maketrans({"♭": "b", "♯": "#", "𝄫": "bb", "𝄪": "##", "＃": "#"})


def use_plain_accidentals(text: str) -> str:
    """Replace the signs ♭ and ♯ by the letters b and #."""
    return text.translate(_PLAIN)


def pitch_class_of(note: str) -> int:
    """The pitch class, 0 … 11, of a name such as `F#` or `bb`; its letter may be lower case."""
    accidentals = note[1:]
    return (NATURALS[note[0].upper()] + accidentals.count("#") - accidentals.count("b")) % 12


def spell_note(pitch_class: int, letter: str) -> str:
    """Name a pitch class by a letter, as in a scale where each letter comes once: 6, G is Gb.

    A name that would need three accidentals or more is spelled by its nearest letter instead.
    """
    distance = (pitch_class - NATURALS[letter] + 6) % 12 - 6
    if abs(distance) > 2:
        return SHARP_NAMES[pitch_class % 12]
    return letter + ("#" * distance if distance > 0 else "b" * -distance)
