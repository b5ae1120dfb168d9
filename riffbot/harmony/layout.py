"""Which chords a picture shows that lies somewhere in longer music: a window, a jam's chunk."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import floor

from audio.columns import beats_of
from riffbot.harmony.values import Harmony

_TOLERANCE = 0.02
"""Beats by which a picture may miss a whole number of them, as for the model's beat grid."""

_EARLY = 0.25
"""Part of a beat by which a picture may begin before a beat and still begin with it: pictures begin
at whole columns, beats do not."""


@dataclass(frozen=True)
class ChordLayout:
    """Which chord sounds at which column of long music.

    Attributes:
        harmony: the progression, which goes on in a circle.
        bpm, meter: the tempo, and beats a measure.
        origin: the column at which the progression begins.
    """

    harmony: Harmony
    bpm: float
    meter: int
    origin: int = 0

    def chords_of(self, start: int, width: int, turn: int = 0) -> str | None:
        """The chords of a picture of the music, one part a beat, as text.

        Args:
            start, width: the columns that it shows.
            turn: by how many columns it is rotated to the right, as the model is shown a loop.

        Returns:
            None where the picture does not hold whole beats, or no chords are known.
        """
        exact = beats_of(width, self.bpm)
        beats = round(exact)
        if beats < 1 or abs(exact - beats) > _TOLERANCE * beats or not self.harmony.measures:
            return None
        chords = []
        for beat in range(beats):
            column = start + (beat * width / beats - turn) % width - self.origin
            measure, place = divmod(floor(beats_of(column, self.bpm) + _EARLY), self.meter)
            chords.append(self.harmony.chord_at(measure, Fraction(place, self.meter)))
        return Harmony.of_beats(chords, self.meter).describe_chords()
