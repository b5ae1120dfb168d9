"""Estimates the key of a recording from how strongly its twelve pitch classes sound.

The profile of the recording is compared with the 24 key profiles of Krumhansl and Kessler (1982),
by correlation. Drums are taken out first: harmonic-percussive separation by median filters
(Fitzgerald, 2010).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from audio.arrays import Floats
from audio.libraries import load_librosa
from audio.resample import resample

_RATE = 22050
_WINDOW, _HOP = 8192, 2048
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 2200.0
_LONGEST_S = 60.0
_QUIETEST = 1e-4

_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)

_CLEAR_FIT = 0.6
"""Correlation below which a recording is in no key that one could name."""


@dataclass(frozen=True)
class KeyEstimate:
    """The key of a recording.

    Attributes:
        tonic: pitch class, 0 (C) … 11 (B).
        mode: major or minor.
        fit: correlation with the key's profile, up to 1.
    """

    tonic: int
    mode: Literal["major", "minor"]
    fit: float


def estimate_key(samples: Floats, sample_rate: int) -> KeyEstimate | None:
    """Estimate the key of a recording.

    Args:
        samples: float[n] or float[n, channels]; a minute of it is analysed at most.
        sample_rate: Hz.

    Returns:
        None for silence, drums, noise, and what fits no key well.
    """
    sound = np.asarray(samples[: round(_LONGEST_S * sample_rate)], np.float32)
    if len(sound) < sample_rate or float(np.abs(sound).max(initial=0.0)) < _QUIETEST:
        return None
    mono = sound if sound.ndim == 1 else sound.mean(1)
    return match_profile(_pitch_class_profile(resample(mono, sample_rate, _RATE)))


def match_profile(profile: npt.NDArray[np.float64]) -> KeyEstimate | None:
    """Find the key whose profile is most similar to one of twelve pitch classes, C first."""
    if float(np.ptp(profile)) <= 0:
        return None
    candidates = [
        KeyEstimate(tonic, mode, float(np.corrcoef(np.roll(shape, tonic), profile)[0, 1]))
        for mode, shape in (("major", _MAJOR), ("minor", _MINOR))
        for tonic in range(12)
    ]
    best = max(candidates, key=lambda candidate: candidate.fit)
    return best if best.fit >= _CLEAR_FIT else None


def _pitch_class_profile(sound: Floats) -> npt.NDArray[np.float64]:
    """How strongly each pitch class sounds, float64[12] from C; zeros for noise."""
    librosa: Any = load_librosa()
    spectrum = np.abs(librosa.stft(sound, n_fft=_WINDOW, hop_length=_HOP))
    harmonic = librosa.decompose.hpss(spectrum, margin=2.0)[0]
    frequencies = librosa.fft_frequencies(sr=_RATE, n_fft=_WINDOW)
    harmonic[(frequencies < _LOWEST_HZ) | (frequencies > _HIGHEST_HZ)] = 0
    if not np.isfinite(harmonic).all() or harmonic.max(initial=0.0) <= 0:
        return np.zeros(12)
    tuning = librosa.estimate_tuning(S=harmonic, sr=_RATE, n_fft=_WINDOW)
    # The square root of the amplitude: a melody counts beside its bass.
    chroma = librosa.feature.chroma_stft(
        S=np.sqrt(harmonic), sr=_RATE, n_fft=_WINDOW, tuning=tuning, norm=None
    )
    return np.asarray(chroma.sum(1), np.float64)
