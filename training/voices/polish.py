"""What a sound engineer does to a voice before it is mixed: tilt, high-pass, levelling."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import fft
from scipy.ndimage import uniform_filter1d

from training.voices.bank import BAND_HERTZ, RATE
from training.voices.performance import Manner


@lru_cache(maxsize=32)
def tilt(manner: Manner) -> np.ndarray:
    """float32 (BANDS,): decibels on the spectrum for a manner of singing."""
    octaves = np.log2(np.clip(BAND_HERTZ, 800.0, 8000.0) / 800.0)
    ring = manner.ring * np.exp(-(((BAND_HERTZ - 3000.0) / 550.0) ** 2))
    return np.asarray(manner.bright * octaves + ring, np.float32)


def polish(stem: np.ndarray, manner: Manner) -> np.ndarray:
    """A clip's voice without rumble, its quiet syllables brought nearer to the loud ones."""
    spectrum = fft.rfft(stem)
    hertz = np.arange(len(spectrum)) * (RATE / len(stem))
    ratio = (hertz / (110.0 if manner.spoken else 90.0)) ** 4
    spectrum *= np.sqrt(ratio / (1 + ratio))
    clean = np.asarray(fft.irfft(spectrum, len(stem)), np.float32)
    power = uniform_filter1d(clean * clean, RATE // 12, mode="wrap")
    level = np.sqrt(np.maximum(power, 1e-12))
    top = float(np.quantile(level, 0.95)) + 1e-9
    gain = (top / np.maximum(level, 0.06 * top)) ** 0.5
    return np.asarray(clean * np.minimum(gain, 3.0), np.float32)
