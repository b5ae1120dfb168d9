"""Tempo and width: a clip is whole measures in whole columns, so its tempo is exact."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from audio.columns import bpm_of, seconds_of
from training.music.clock import Clock
from training.music.genre import Genre

WIDTHS = tuple(range(256, 641, 16))
USUAL_WIDTH = 512
SLOWEST, FASTEST = 58.0, 182.0


def measures(low: float, high: float, meters: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Every (width, beats, meter) whose tempo lies in a range, exact at 10 ms a column."""
    found = []
    for meter in meters:
        for width in WIDTHS:
            for beats in range(meter, 17, meter):
                bpm = bpm_of(beats, width)
                if low <= bpm <= high and beats > 3:
                    found.append((width, beats, meter))
    return found


@dataclass(slots=True)
class Frame:
    """A clip's measures: `beats` beats, `meter` a measure, in `width` columns of 10 ms."""

    rng: random.Random
    width: int
    beats: int
    meter: int

    def clock(self, genre: Genre | None, steps: int = 4) -> Clock:
        """The grid of this frame, swung as the genre swings."""
        swing = genre.swing if genre and steps == 4 else 0.5
        swing16 = genre.swing16 if genre and steps == 4 else 0.5
        tight = genre is not None and ("machine" in genre.kits or "chip" in genre.chords)
        seconds = seconds_of(self.width) / self.beats
        return Clock(
            self.rng,
            self.beats,
            self.meter,
            seconds,
            steps,
            swing,
            swing16,
            0.001 if tight else 0.006,
        )


def make_frame(
    rng: random.Random, low: float, high: float, meters: tuple[int, ...], usual: float = 0.55
) -> Frame:
    """A frame in a range of tempi, `usual` of the time at the usual width if that is possible."""
    meter = rng.choice(meters)
    found = measures(low, high, (meter,))
    standard = [row for row in found if row[0] == USUAL_WIDTH]
    if not standard and meter == 4 and 2 in meters:
        standard = [r for r in measures(low, high, (2,)) if r[0] == USUAL_WIDTH]
    if standard and rng.random() < usual:
        found = standard
    if not found:
        found = measures(low * 0.94, high * 1.06, (meter,))
    width, beats, meter = rng.choice(found)
    return Frame(rng, width, beats, meter)


def pick(rng: random.Random, options: Sequence[str]) -> str:
    """One of a genre's alternatives; the empty string, after a draw as well, if it has none."""
    return rng.choice(options or ("",))
