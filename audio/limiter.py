"""A true-peak limiter: a smooth gain that keeps the oversampled signal under a ceiling.

The gain is computed from the four times oversampled signal (ITU-R BS.1770-5, annex 2), held at its
minimum over a look-ahead on both sides and smoothed by a window no longer than that hold, so it has
reached its minimum exactly when the peak arrives and never moves faster than the window.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.ndimage
import scipy.signal

from audio.arrays import Floats

_OVERSAMPLING = 4
_LOOK_AHEAD_S = 0.004
_RELEASE_S = 0.06
_HALF_TAPS = 24
"""Reach of the interpolation filter, in samples of the original rate."""


def limit(
    samples: Floats, sample_rate: int, *, ceiling_db: float = -1.0, loop: bool = False
) -> Floats:
    """Turn down what exceeds the ceiling.

    Args:
        samples: float[n] or float[n, channels]; channels share one gain, so the image stays put.
        sample_rate: Hz.
        ceiling_db: of the true peak, dB re full scale.
        loop: the sound repeats; the gain does too.

    Returns:
        float32 of the same shape; the very same samples when nothing exceeds the ceiling.
    """
    samples = np.asarray(samples, np.float32)
    if samples.size == 0:
        return samples
    ceiling = 10 ** (ceiling_db / 20)
    out = samples
    # Multiplying by a moving gain can lift an inter-sample peak by a hair: a second pass takes it.
    for _ in range(3):
        peaks = true_peaks(out, loop=loop)
        if peaks.max() <= ceiling:
            break
        needed = np.minimum(1, 0.999 * ceiling / np.maximum(peaks, 1e-9)).astype(np.float32)
        gain = _smooth(needed, sample_rate, loop)
        out = out * (gain if out.ndim == 1 else gain[:, None])
    return out


def true_peak_db(samples: Floats, *, loop: bool = False) -> float:
    """The highest peak of the oversampled signal, dB re full scale; −inf for silence."""
    if samples.size == 0:
        return -np.inf
    with np.errstate(divide="ignore"):
        return float(20 * np.log10(true_peaks(np.asarray(samples, np.float32), loop=loop).max()))


def true_peaks(samples: Floats, *, loop: bool = False) -> Floats:
    """The oversampled signal's largest magnitude near each sample, over all channels [n]."""
    channels = samples[:, None] if samples.ndim == 1 else samples
    mode: Literal["wrap", "constant"] = "wrap" if loop else "constant"
    padded = np.pad(channels, ((_HALF_TAPS, _HALF_TAPS), (0, 0)), mode=mode)
    fine = scipy.signal.resample_poly(padded, _OVERSAMPLING, 1, axis=0, window=("kaiser", 8.0))
    loudest = np.abs(fine).max(1).reshape(-1, _OVERSAMPLING).max(1)
    # Points between two samples belong to both.
    loudest = np.maximum(loudest, np.roll(loudest, 1))
    return np.asarray(loudest[_HALF_TAPS:-_HALF_TAPS], np.float32)


def _smooth(needed: Floats, sample_rate: int, loop: bool) -> Floats:
    """A smooth gain [n] that is nowhere above `needed`."""
    mode = "wrap" if loop else "nearest"
    ahead = max(1, round(_LOOK_AHEAD_S * sample_rate))
    release = max(1, round(_RELEASE_S * sample_rate))
    # Held over [−release, +ahead] and smoothed over at most that, the peak keeps its full cut.
    size = 2 * (ahead // 2) + 1
    held = scipy.ndimage.minimum_filter1d(needed, 2 * ahead + 1, mode=mode)
    tail = scipy.ndimage.minimum_filter1d(
        held, release, mode=mode, origin=release // 2 - (release + 1) % 2
    )
    # The long, shallow recovery: an average over the release time behind each moment.
    slow = scipy.ndimage.uniform_filter1d(
        tail, release, mode=mode, origin=-(release // 2) + (release + 1) % 2
    )
    combined = np.minimum(held, slow)
    window = scipy.signal.windows.hann(size + 2)[1:-1]
    return np.asarray(
        scipy.ndimage.convolve1d(combined, window / window.sum(), mode=mode), np.float32
    )
