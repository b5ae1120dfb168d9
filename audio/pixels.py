"""The pixel format of spectrograms: grey level ↔ mel magnitude.

A pixel is 255 - 255·(mel / max)^0.25; see `audio.params`, and `audio.columns` for time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from audio.arrays import Pixels

SILENT = 255
"""The grey level of silence."""


def pixels_to_mel(pixels: NDArray[Any], dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Convert grey levels 0 … 255 to mel magnitudes 0 … 1, relative to the loudest.

    Args:
        pixels: of any shape, which the result has, too.
        dtype: the precision of the fourth power. The last bit may differ between float32 and
            float64: a caller whose results must be reproducible uses one of them.
    """
    return np.asarray(((SILENT - pixels.astype(dtype)) / SILENT) ** 4)


def mel_to_pixels(mel: NDArray[Any]) -> Pixels:
    """Mel magnitudes 0 … 1 → the nearest grey levels, of the same shape.

    `audio.codec.to_pixels` truncates instead, as Riffusion does.
    """
    return np.asarray(np.round(SILENT - SILENT * mel**0.25), np.uint8)


def mix_to_mono(pixels: Pixels) -> Pixels:
    """Mix uint8[512, W, 2] to uint8[512, W] by the mean of mel magnitudes, not of grey levels.

    A picture of one channel is returned unchanged.
    """
    if pixels.ndim == 2:
        return pixels
    return mel_to_pixels(pixels_to_mel(pixels).mean(-1))
