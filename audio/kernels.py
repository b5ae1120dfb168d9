"""The inner loops of the codec, compiled by numba.

All work on float32 and release the GIL, so clips are made in parallel by threads. A frame is one
window of sound; spectra are those of `scipy.fft.rfft` on frames, so bin k of a frame carries a
factor (−1)^k against the phase at the window's centre.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from audio.arrays import Floats, Spectra
from audio.mel import Bands

_FLOOR = np.float32(1e-7)
"""Keeps ratios finite; 140 dB under full scale, far below what eight bits can say."""

_jit = njit(cache=True, nogil=True, fastmath=True)


@_jit
def cut_frames(sound: Floats, start: int, hop: int, window: Floats, out: Floats) -> None:
    """out[i] = the windowed frame that begins at sample start + i·hop. `out` may be wider (zeros)."""
    for i in range(out.shape[0]):
        offset = start + i * hop
        for j in range(window.shape[0]):
            out[i, j] = sound[offset + j] * window[j]


@_jit
def overlap_add(frames: Floats, start: int, hop: int, window: Floats, out: Floats) -> None:
    """Add windowed frames to `out`, the first at sample `start`."""
    for i in range(frames.shape[0]):
        offset = start + i * hop
        for j in range(window.shape[0]):
            out[offset + j] += frames[i, j] * window[j]


@_jit
def _apply(bands: Bands, row: Floats, out: Floats) -> None:
    """out = bands @ row."""
    bounds, first, weights = bands
    for r in range(out.shape[0]):
        total = np.float32(0)
        shift = first[r] - bounds[r]
        for j in range(bounds[r], bounds[r + 1]):
            total += row[shift + j] * weights[j]
        out[r] = total


@_jit
def mel_of_spectra(spectra: Spectra, bands: Bands, out: Floats) -> None:
    """out[i] = bands @ |spectra[i]|; bins beyond the bank are ignored."""
    magnitude = np.empty(spectra.shape[1], np.float32)
    for i in range(spectra.shape[0]):
        for k in range(spectra.shape[1]):
            value = spectra[i, k]
            magnitude[k] = np.sqrt(value.real * value.real + value.imag * value.imag)
        _apply(bands, magnitude, out[i])


@_jit
def invert_mel(
    mel: Floats, coarse: Bands, back: Bands, total: Floats, updates: int, out: Floats
) -> None:
    """Non-negative magnitudes [frames, bins] whose mel bands are `mel` [frames, 512].

    Multiplicative updates A ← A · backᵀ(T / FA) as of Lee & Seung (NIPS 2000) for the generalised
    Kullback-Leibler divergence: they stay positive and converge fast from a smooth start.
    """
    ratio = np.empty(mel.shape[1], np.float32)
    gain = np.empty(out.shape[1], np.float32)
    for i in range(mel.shape[0]):
        for m in range(mel.shape[1]):
            ratio[m] = mel[i, m] / (total[m] + _FLOOR)
        _apply(back, ratio, out[i])
        for _ in range(updates):
            _apply(coarse, out[i], ratio)
            for m in range(mel.shape[1]):
                ratio[m] = mel[i, m] / (ratio[m] + _FLOOR)
            _apply(back, ratio, gain)
            for k in range(out.shape[1]):
                out[i, k] *= gain[k]


@_jit
def impose_magnitudes(spectra: Spectra, magnitudes: Floats) -> None:
    """Keep each bin's phase, replace its magnitude (Griffin & Lim's projection), in place."""
    for i in range(spectra.shape[0]):
        for k in range(magnitudes.shape[1]):
            value = spectra[i, k]
            size = np.sqrt(value.real * value.real + value.imag * value.imag)
            spectra[i, k] = value * (magnitudes[i, k] / (size + np.float32(1e-9)))


@_jit
def impose_mel(spectra: Spectra, mel: Floats, fine: Bands, back: Bands, taps: Floats) -> None:
    """Scale each bin so that the mel bands move to `mel` [frames, 512], in place.

    The bands are measured on a 5 Hz grid whose odd points are interpolated from the complex 10 Hz
    bins; the correction is one multiplicative update spread over the 10 Hz bins.
    """
    bins = spectra.shape[1]
    magnitude = np.zeros(2 * bins - 1, np.float32)
    ratio = np.empty(mel.shape[1], np.float32)
    gain = np.empty(bins, np.float32)
    for i in range(spectra.shape[0]):
        frame = spectra[i]
        for k in range(bins):
            magnitude[2 * k] = np.sqrt(
                frame[k].real * frame[k].real + frame[k].imag * frame[k].imag
            )
        reach = taps.shape[0]
        for k in range(reach - 1, bins - reach):
            real = np.float32(0)
            imag = np.float32(0)
            for j in range(reach):
                # Neighbours differ by (−1)^(2j + 1) = −1 around the window's centre.
                tap = taps[j] if j % 2 == 0 else -taps[j]
                real += tap * (frame[k - j].real - frame[k + 1 + j].real)
                imag += tap * (frame[k - j].imag - frame[k + 1 + j].imag)
            magnitude[2 * k + 1] = np.sqrt(real * real + imag * imag)
        for k in range(reach - 1):
            magnitude[2 * k + 1] = np.float32(0.5) * (magnitude[2 * k] + magnitude[2 * k + 2])
        for k in range(bins - reach, bins - 1):
            magnitude[2 * k + 1] = np.float32(0.5) * (magnitude[2 * k] + magnitude[2 * k + 2])
        _apply(fine, magnitude, ratio)
        for m in range(mel.shape[1]):
            ratio[m] = mel[i, m] / (ratio[m] + _FLOOR)
        _apply(back, ratio, gain)
        for k in range(bins):
            frame[k] = frame[k] * gain[k]


@_jit
def polar(magnitudes: Floats, phases: Floats, out: Spectra) -> None:
    """Spectra from magnitudes and phases at the windows' centres."""
    for i in range(magnitudes.shape[0]):
        for k in range(magnitudes.shape[1]):
            size = magnitudes[i, k] if k % 2 == 0 else -magnitudes[i, k]
            out[i, k] = complex(size * np.cos(phases[i, k]), size * np.sin(phases[i, k]))
