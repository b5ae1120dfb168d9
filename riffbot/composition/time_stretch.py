"""Time stretching of spectrograms, which keeps the pitch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from audio.arrays import Pixels

_BLOCK = 2048
"""Columns that are computed at a time: 8 MB as float64."""


def stretch_to(picture: Pixels, width: int) -> Pixels:
    """Stretch uint8[512, W] in time to uint8[512, width]; the pitch stays."""
    if picture.shape[1] == width:
        return picture
    return resample_columns(picture, np.linspace(0, picture.shape[1] - 1, width))


def resample_columns(picture: Pixels, at: NDArray[np.floating]) -> Pixels:
    """Interpolate columns linearly at fractional positions: uint8[512, len(at)]."""
    below = np.clip(at.astype(int), 0, picture.shape[1] - 1)
    above = np.minimum(below + 1, picture.shape[1] - 1)
    share = at - below
    found = np.empty((picture.shape[0], len(at)), np.uint8)
    for part in column_blocks(len(at)):
        before = picture[:, below[part]] * (1 - share[part])
        found[:, part] = np.round(before + picture[:, above[part]] * share[part])
    return found


def column_blocks(columns: int) -> Iterator[slice]:
    """Split a long picture into slices: as float64 it would take eight times its memory."""
    return (slice(first, first + _BLOCK) for first in range(0, columns, _BLOCK))
