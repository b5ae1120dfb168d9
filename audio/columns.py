"""Converts columns of a spectrogram (10 ms) to time. Imports nothing, so that `--help` is fast."""

from __future__ import annotations

COLUMNS_PER_SECOND = 100
COLUMNS_PER_MINUTE = 60 * COLUMNS_PER_SECOND


def seconds_of(columns: float) -> float:
    """Return the duration of a number of columns, in seconds."""
    return columns / COLUMNS_PER_SECOND
