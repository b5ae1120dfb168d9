"""A true-peak limiter: a smooth gain that keeps the oversampled signal below a ceiling.

The gain is computed from the four times oversampled signal (ITU-R BS.1770-5, annex 2), held at its
minimum over a look-ahead on both sides, and smoothed by a window that is not longer than that hold.
So it has its minimum at the peak, and changes no faster than the window.
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
"""Half the length of the interpolation filter, in samples of the original rate."""


def limit(
    samples: Floats, sample_rate: int, *, ceiling_db: float = -1.0, loop: bool = False
) -> Floats:
    """Attenuate the parts of a sound that exceed the ceiling.

    Args:
        samples: float[n] or float[n, channels]; all channels have the same gain.
        sample_rate: Hz.
        ceiling_db: of the true peak, dBTP.
        loop: the sound repeats, and so does the gain.

    Returns:
        float32 of the same shape; the same samples if nothing exceeds the ceiling.
    """
    samples = np.asarray(samples, np.float32)
    if samples.size == 0:
        return samples
    ceiling = 10 ** (ceiling_db / 20)
    out = samples
    # A changing gain can slightly raise a peak between samples, which a second pass attenuates.
    for _ in range(3):
        peaks = true_peaks(out, loop=loop)
        if peaks.max() <= ceiling:
            break
        needed = np.minimum(1, 0.999 * ceiling / np.maximum(peaks, 1e-9)).astype(np.float32)
        gain = _smooth(needed, sample_rate, loop)
        out = out * (gain if out.ndim == 1 else gain[:, None])
    return out


def true_peak_db(samples: Floats, *, loop: bool = False) -> float:
    """Measure the highest peak of the oversampled signal, dBTP; −inf for silence."""
    if samples.size == 0:
        return -np.inf
    with np.errstate(divide="ignore"):
        return float(20 * np.log10(true_peaks(np.asarray(samples, np.float32), loop=loop).max()))


def true_peaks(samples: Floats, *, loop: bool = False) -> Floats:
    """Compute the oversampled signal's largest magnitude near each sample of any channel, [n]."""
    channels = samples[:, None] if samples.ndim == 1 else samples
    mode: Literal["wrap", "constant"] = "wrap" if loop else "constant"
    padded = np.pad(channels, ((_HALF_TAPS, _HALF_TAPS), (0, 0)), mode=mode)
    fine = scipy.signal.resample_poly(padded, _OVERSAMPLING, 1, axis=0, window=("kaiser", 8.0))
    loudest = np.abs(fine).max(1).reshape(-1, _OVERSAMPLING).max(1)
    # Points between two samples belong to both.
    loudest = np.maximum(loudest, np.roll(loudest, 1))
    return np.asarray(loudest[_HALF_TAPS:-_HALF_TAPS], np.float32)


def _smooth(needed: Floats, sample_rate: int, loop: bool) -> Floats:
    """Compute a smooth gain [n] that is nowhere above `needed`."""
    mode = "wrap" if loop else "nearest"
    ahead = max(1, round(_LOOK_AHEAD_S * sample_rate))
    release = max(1, round(_RELEASE_S * sample_rate))
    # Held over [−release, +ahead] and smoothed over no more, the gain has its minimum at the peak.
    size = 2 * (ahead // 2) + 1
    held = scipy.ndimage.minimum_filter1d(needed, 2 * ahead + 1, mode=mode)
    tail = scipy.ndimage.minimum_filter1d(
        held, release, mode=mode, origin=release // 2 - (release + 1) % 2
    )
    # The slow recovery: an average over the release time before each sample.
    slow = scipy.ndimage.uniform_filter1d(
        tail, release, mode=mode, origin=-(release // 2) + (release + 1) % 2
    )
    combined = np.minimum(held, slow)
    window = scipy.signal.windows.hann(size + 2)[1:-1]
    return np.asarray(
        scipy.ndimage.convolve1d(combined, window / window.sum(), mode=mode), np.float32
    )
