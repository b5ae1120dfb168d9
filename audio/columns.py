"""Columns of a spectrogram as time: one lasts 10 ms. Imports nothing, so that `--help` is quick."""

from __future__ import annotations

COLUMNS_PER_SECOND = 100
COLUMNS_PER_MINUTE = 60 * COLUMNS_PER_SECOND


def seconds_of(columns: float) -> float:
    """How long so many columns last, in seconds."""
    return columns / COLUMNS_PER_SECOND
