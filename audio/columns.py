"""Converts columns of a spectrogram (10 ms) to time. Imports nothing, so that `--help` is fast."""

from __future__ import annotations

COLUMNS_PER_SECOND = 100
COLUMNS_PER_MINUTE = 60 * COLUMNS_PER_SECOND


def seconds_of(columns: float) -> float:
    """Return the duration of a number of columns, in seconds."""
    return columns / COLUMNS_PER_SECOND


def columns_of(seconds: float) -> int:
    """How many columns so many seconds are, to the nearest."""
    return round(seconds * COLUMNS_PER_SECOND)


def columns_of_beats(beats: float, bpm: float) -> float:
    """How many columns so many beats last at a tempo; seldom a whole number."""
    return beats * COLUMNS_PER_MINUTE / bpm


def beats_of(columns: float, bpm: float) -> float:
    """How many beats so many columns hold at a tempo."""
    return columns * bpm / COLUMNS_PER_MINUTE


def bpm_of(beats: float, columns: float) -> float:
    """The tempo at which so many beats fill so many columns, in beats a minute."""
    return beats * COLUMNS_PER_MINUTE / columns
