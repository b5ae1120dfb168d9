"""Reads recordings for the renderer: mono, at its sample rate."""

from __future__ import annotations

from math import gcd
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from training.effects import RATE


def read_mono(path: Path) -> np.ndarray:
    """A sound file as float32 samples at 44,100 Hz, its channels averaged."""
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = sound.mean(axis=1)
    if rate != RATE:
        step = gcd(RATE, rate)
        mono = resample_poly(mono, RATE // step, rate // step)
    return np.asarray(mono, np.float32)
