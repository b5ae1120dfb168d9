"""Changing the sample rate: soxr, on a line or around a circle."""

from __future__ import annotations

import numpy as np
import soxr

from audio.arrays import Floats

_MARGIN_S = 0.1
"""Repeated on both sides of a loop: longer than soxr's filter at any rate we meet."""


def resample(samples: Floats, rate: int, new_rate: int, *, loop: bool = False) -> Floats:
    """Convert [n] or [n, channels]; the result has exactly round(n·new_rate/rate) samples.

    Args:
        samples: sound at `rate`.
        rate, new_rate: Hz.
        loop: the sound repeats without end; so will the result.
    """
    length = round(len(samples) * new_rate / rate)
    if rate == new_rate or not len(samples):
        return samples[:length].astype(np.float32, copy=False)
    if not loop:
        return _exactly(soxr.resample(samples, rate, new_rate, quality="HQ"), length)
    # Whole periods of margin, or rounding would shift the loop against itself.
    repeats = int(np.ceil(_MARGIN_S * rate / len(samples)))
    if repeats > 1:
        samples = np.concatenate([samples] * repeats)
    turned = np.concatenate([samples, samples, samples])
    wide = soxr.resample(turned, rate, new_rate, quality="HQ")
    start = round(len(samples) * new_rate / rate)
    return _exactly(wide[start : start + length], length)


def _exactly(samples: Floats, length: int) -> Floats:
    if len(samples) >= length:
        return np.ascontiguousarray(samples[:length], np.float32)
    padding = [(0, length - len(samples))] + [(0, 0)] * (samples.ndim - 1)
    return np.pad(samples, padding).astype(np.float32)
