"""Pictures stretched in time: a spectrogram keeps its pitch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from audio.arrays import Pixels

_BLOCK = 2048
"""Columns that are reckoned with at a time: 8 MB as float64."""


def fitted(picture: Pixels, width: int) -> Pixels:
    """A picture stretched in time: a spectrogram keeps its pitch."""
    if picture.shape[1] == width:
        return picture
    return resampled(picture, np.linspace(0, picture.shape[1] - 1, width))


def resampled(picture: Pixels, at: NDArray[np.floating]) -> Pixels:
    """Columns at fractional places, interpolated linearly."""
    below = np.clip(at.astype(int), 0, picture.shape[1] - 1)
    above = np.minimum(below + 1, picture.shape[1] - 1)
    share = at - below
    found = np.empty((picture.shape[0], len(at)), np.uint8)
    for part in blocks(len(at)):
        before = picture[:, below[part]] * (1 - share[part])
        found[:, part] = np.round(before + picture[:, above[part]] * share[part])
    return found


def blocks(columns: int) -> Iterator[slice]:
    """Minutes of picture piece by piece: as fractions they take eight times the memory."""
    return (slice(first, first + _BLOCK) for first in range(0, columns, _BLOCK))
