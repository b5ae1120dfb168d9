"""Changes the sample rate of clips and loops with soxr."""

from __future__ import annotations

import numpy as np
import soxr

from audio.arrays import Floats

_MARGIN_S = 0.1
"""Seconds of a loop that are repeated at both ends, longer than soxr's filter at any rate here."""


def resample(samples: Floats, rate: int, new_rate: int, *, loop: bool = False) -> Floats:
    """Resample [n] or [n, channels] to exactly round(n·new_rate/rate) samples.

    Args:
        samples: sound at `rate`.
        rate, new_rate: Hz.
        loop: the sound is a loop; the result is one, too.
    """
    length = round(len(samples) * new_rate / rate)
    if rate == new_rate or not len(samples):
        return samples[:length].astype(np.float32, copy=False)
    if not loop:
        return _exactly(soxr.resample(samples, rate, new_rate, quality="HQ"), length)
    # The margin is whole periods, since rounding would shift the loop.
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
