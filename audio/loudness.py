"""Normalises the loudness of clips by ITU-R BS.1770-5, with a true-peak ceiling.

A clip is scaled to the target loudness by one gain. Peaks above the ceiling, between or on the
samples, are then attenuated by a smooth gain (`audio.limiter`), never clipped. No clip is scaled by
its own peak, so successive clips keep their balance.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.signal

from audio import limiter
from audio.arrays import Floats

SILENCE_LUFS = -70.0
"""BS.1770's absolute gate: quieter blocks count as silence."""

MAX_GAIN_DB = 40.0
"""The largest gain, so that near-silence does not become loud noise."""

_BLOCK_S = 0.4
_RELATIVE_GATE_LU = -10.0


def normalize(
    samples: Floats,
    sample_rate: int,
    *,
    target_lufs: float = -14.0,
    true_peak_db: float = -1.0,
    loop: bool = False,
) -> Floats:
    """Scale a sound to a loudness, with its true peaks below a ceiling.

    Args:
        samples: float[n] or float[n, channels].
        sample_rate: Hz.
        target_lufs: the target for the integrated loudness, LUFS. Sound with high peaks stays a
            little below it.
        true_peak_db: ceiling of the four times oversampled signal, dBTP.
        loop: the sound repeats; it is filtered and limited across its seam.

    Returns:
        float32 of the same shape. Silence stays silent.
    """
    samples = np.nan_to_num(np.asarray(samples, np.float32), posinf=0.0, neginf=0.0)
    loudness = integrated_loudness(samples, sample_rate, loop=loop)
    if loudness <= SILENCE_LUFS:
        return limiter.limit(samples, sample_rate, ceiling_db=true_peak_db, loop=loop)
    out = samples
    gain_db = min(target_lufs - loudness, MAX_GAIN_DB)
    # The limiter reduces the loudness; a second pass compensates for that where it can.
    for _ in range(2):
        gain = np.float32(10 ** (gain_db / 20))
        out = limiter.limit(samples * gain, sample_rate, ceiling_db=true_peak_db, loop=loop)
        missing = target_lufs - integrated_loudness(out, sample_rate, loop=loop)
        if missing < 0.1:
            break
        gain_db = min(gain_db + min(missing, 2.0), MAX_GAIN_DB)
    return out


def integrated_loudness(samples: Floats, sample_rate: int, *, loop: bool = False) -> float:
    """Measure the gated loudness in LUFS (BS.1770-5, annex 1); −inf for digital silence.

    Blocks last 400 ms and overlap by three quarters; a shorter clip is one block. Up to five
    channels are measured, the fourth and fifth as surround channels.

    Args:
        samples: float[n] or float[n, channels].
        sample_rate: Hz.
        loop: blocks continue across the seam, and the filter starts in its steady state.
    """
    if samples.size == 0:
        return -np.inf
    channels = samples[:, None] if samples.ndim == 1 else samples[:, :5]
    signal = channels.astype(np.float64)
    lead = 0
    if loop:
        # Half a second is twenty times the high-pass filter's time constant.
        lead = min(len(signal) * 100, sample_rate // 2)
        signal = np.concatenate([np.resize(signal[::-1], (lead, signal.shape[1]))[::-1], signal])
    weighted = scipy.signal.sosfilt(k_weighting(sample_rate), signal, axis=0)[lead:]
    size = round(_BLOCK_S * sample_rate)
    hop = max(1, size // 4)
    if loop and len(weighted) >= size:
        weighted = np.concatenate([weighted, weighted[: size - hop]])
    size = min(size, len(weighted))
    energy = np.cumsum(np.concatenate([np.zeros((1, weighted.shape[1])), weighted**2]), axis=0)
    starts = np.arange(0, len(weighted) - size + 1, hop)
    weights = np.array([1, 1, 1, 1.41, 1.41])[: weighted.shape[1]]
    power = np.maximum((energy[starts + size] - energy[starts]) / size, 0) @ weights
    return _gated(power)


def k_weighting(sample_rate: int) -> npt.NDArray[np.float64]:
    """Return the two filters of BS.1770 as second-order sections [2, 6].

    The recommendation lists coefficients for 48 kHz, which are bilinear transforms of a shelf
    (+4 dB above 1.7 kHz, for the head) and a high-pass (38 Hz). The same transforms have the same
    curves at other rates.
    """
    return np.stack(
        [
            _shelf(1681.974450955533, 3.999843853973347, 0.7071752369554196, sample_rate),
            _high_pass(38.13547087602444, 0.5003270373238773, sample_rate),
        ]
    )


def _gated(power: npt.NDArray[np.float64]) -> float:
    loudness = _lufs(power)
    loud = power[loudness > SILENCE_LUFS]
    if not len(loud):
        return -np.inf if not power.any() else float(loudness.max())
    gate = _lufs(loud.mean()) + _RELATIVE_GATE_LU
    return float(_lufs(loud[_lufs(loud) > gate].mean()))


def _lufs(power: npt.NDArray[np.float64] | np.floating[npt.NBitBase]) -> npt.NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return np.asarray(-0.691 + 10 * np.log10(power))


def _shelf(hz: float, gain_db: float, q: float, rate: int) -> npt.NDArray[np.float64]:
    k = np.tan(np.pi * hz / rate)
    high = 10 ** (gain_db / 20)
    band = high**0.4996667741545416
    scale = 1 + k / q + k * k
    return np.array(
        [
            (high + band * k / q + k * k) / scale,
            2 * (k * k - high) / scale,
            (high - band * k / q + k * k) / scale,
            1.0,
            2 * (k * k - 1) / scale,
            (1 - k / q + k * k) / scale,
        ]
    )


def _high_pass(hz: float, q: float, rate: int) -> npt.NDArray[np.float64]:
    k = np.tan(np.pi * hz / rate)
    scale = 1 + k / q + k * k
    return np.array([1, -2, 1, 1, 2 * (k * k - 1) / scale, (1 - k / q + k * k) / scale])
