"""Scales, chords in roman numerals, and voice leading."""

from __future__ import annotations

import re
from dataclasses import dataclass

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "hijaz": (0, 1, 4, 5, 7, 8, 10),
    "double harmonic": (0, 1, 4, 5, 7, 8, 11),
    "blues": (0, 3, 5, 6, 7, 10),
    "major pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
    "hirajoshi": (0, 2, 3, 7, 8),
    "in": (0, 1, 5, 7, 8),
}
BRIGHT = frozenset({"major", "mixolydian", "lydian", "major pentatonic"})
"""Modes that are heard as major."""

_QUALITIES: dict[str, tuple[int, ...]] = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "9": (0, 4, 10, 14),
    "m9": (0, 3, 10, 14),
    "maj9": (0, 4, 11, 14),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "13": (0, 4, 10, 21),
    "sus4": (0, 5, 7),
    "sus2": (0, 2, 7),
    "dim": (0, 3, 6),
    "dim7": (0, 3, 6, 9),
    "m7b5": (0, 3, 6, 10),
    "aug": (0, 4, 8),
    "5": (0, 7),
}
_NUMERALS = {"I": 0, "II": 2, "III": 4, "IV": 5, "V": 7, "VI": 9, "VII": 11}
_SYMBOL = re.compile(r"^([b#]?)(VII|VI|V|IV|III|II|I|vii|vi|v|iv|iii|ii|i)(.*)$")


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord above the tonic: `root` and `tones` in semitones from the tonic."""

    root: int
    tones: tuple[int, ...]

    @property
    def third(self) -> int:
        """Semitones from root to third (or what stands for it)."""
        inner = [t for t in self.tones if 2 <= t - self.root <= 5]
        return (inner[0] - self.root) if inner else 7

    @property
    def seventh(self) -> int:
        """Semitones from root to a seventh that belongs to the chord."""
        return 11 if self.root + 11 in self.tones else 10


def chord(symbol: str) -> Chord:
    """Read a roman numeral: lower case is minor, then `7`, `maj7`, `sus4` and the like."""
    match = _SYMBOL.match(symbol)
    if match is None:
        raise ValueError(f"not a chord: {symbol!r}")
    accidental, numeral, quality = match.groups()
    root = _NUMERALS[numeral.upper()] + {"b": -1, "#": 1, "": 0}[accidental]
    if numeral.islower() and not quality.startswith(("m", "dim")):
        quality = "m" + quality
    return Chord(root, tuple(root + tone for tone in _QUALITIES[quality]))


def voicing(chord_: Chord, tonic: int, centre: float, previous: list[int] | None) -> list[int]:
    """Notes of a chord near `centre`, moving as little as possible from the chord before."""
    target = centre if not previous else (sum(previous) / len(previous) * 2 + centre) / 3
    best: list[int] = []
    cost = 1e9
    classes = [tonic + tone for tone in chord_.tones]
    for turn in range(len(classes)):
        order = classes[turn:] + classes[:turn]
        notes: list[int] = []
        for pitch in order:
            note = pitch % 12
            while notes and note <= notes[-1]:
                note += 12
            notes.append(note)
        shift = round((target - sum(notes) / len(notes)) / 12) * 12
        notes = [note + shift for note in notes]
        spread = abs(sum(notes) / len(notes) - target)
        if previous:
            spread += 0.5 * sum(min(abs(note - old) for old in previous) for note in notes)
        if spread < cost:
            best, cost = notes, spread
    return best


def fold(pitch: int, low: int, high: int) -> int:
    """Bring a pitch into a range by octaves."""
    while pitch < low:
        pitch += 12
    while pitch > high:
        pitch -= 12
    return pitch


def ladder(tonic: int, mode: str, low: int, high: int) -> list[int]:
    """All notes of a scale between two pitches, lowest first."""
    steps = SCALES[mode]
    return [pitch for pitch in range(low, high + 1) if (pitch - tonic) % 12 in steps]
