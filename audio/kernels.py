"""The inner loops of the codec, compiled by numba.

All compute in float32 and release the GIL, so that threads make clips in parallel. A frame is one
window of sound; spectra are those of `scipy.fft.rfft` on frames, so bin k of a frame has a factor
(−1)^k against the phase at the window's centre.
"""

from __future__ import annotations

import numpy as np

from audio.arrays import Floats, Spectra
from audio.jit import compiled
from audio.mel import Bands

_FLOOR = np.float32(1e-7)
"""Keeps ratios finite; 140 dB below full scale, far below the range of eight bits."""

LANES = 16
"""Frames that are computed together, one in each lane of the processor's vectors."""


@compiled
def cut_frames(sound: Floats, start: int, hop: int, window: Floats, out: Floats) -> None:
    """Cut windowed frames: out[i] begins at sample start + i·hop."""
    for i in range(out.shape[0]):
        offset = start + i * hop
        for j in range(window.shape[0]):
            out[i, j] = sound[offset + j] * window[j]


@compiled
def overlap_add(frames: Floats, start: int, hop: int, window: Floats, out: Floats) -> None:
    """Add windowed frames to `out`, the first at sample `start`."""
    for i in range(frames.shape[0]):
        offset = start + i * hop
        for j in range(window.shape[0]):
            out[offset + j] += frames[i, j] * window[j]


@compiled
def _apply(bands: Bands, columns: Floats, out: Floats) -> None:
    """Compute out = bands @ columns, both [rows, LANES]: one frame a lane, so it vectorises."""
    bounds, first, weights = bands.bounds, bands.first, bands.weights
    for r in range(out.shape[0]):
        shift = first[r] - bounds[r]
        for lane in range(LANES):
            out[r, lane] = 0
        for j in range(bounds[r], bounds[r + 1]):
            weight = weights[j]
            for lane in range(LANES):
                out[r, lane] += columns[shift + j, lane] * weight


@compiled
def _divide(mel: Floats, bands: Floats, frame: int) -> None:
    """Compute bands = mel / bands for the LANES frames from `frame` on, fewer at the end."""
    lanes = min(LANES, mel.shape[0] - frame)
    for m in range(bands.shape[0]):
        for lane in range(lanes):
            bands[m, lane] = mel[frame + lane, m] / (bands[m, lane] + _FLOOR)


@compiled
def mel_of_spectra(spectra: Spectra, bands: Bands, out: Floats) -> None:
    """Compute out[i] = bands @ |spectra[i]|; bins beyond the bank are ignored."""
    bins = bands.first.max() + np.diff(bands.bounds).max()
    magnitude = np.zeros((max(bins, spectra.shape[1]), LANES), np.float32)
    mel = np.empty((out.shape[1], LANES), np.float32)
    for frame in range(0, spectra.shape[0], LANES):
        lanes = min(LANES, spectra.shape[0] - frame)
        for k in range(min(bins, spectra.shape[1])):
            for lane in range(lanes):
                value = spectra[frame + lane, k]
                magnitude[k, lane] = np.sqrt(value.real * value.real + value.imag * value.imag)
        _apply(bands, magnitude, mel)
        for m in range(out.shape[1]):
            for lane in range(lanes):
                out[frame + lane, m] = mel[m, lane]


@compiled
def invert_mel(mel: Floats, coarse: Bands, back: Bands, updates: int, out: Floats) -> None:
    """Find non-negative magnitudes [frames, bins] whose mel bands are `mel` [frames, 512].

    Multiplicative updates A ← A · backᵀ(T / FA) as of Lee & Seung (NIPS 2000) for the generalised
    Kullback-Leibler divergence: they stay positive and converge fast from a flat start.
    """
    bands = np.empty((mel.shape[1], LANES), np.float32)
    gain = np.empty((out.shape[1], LANES), np.float32)
    found = np.empty((out.shape[1], LANES), np.float32)
    for frame in range(0, mel.shape[0], LANES):
        lanes = min(LANES, mel.shape[0] - frame)
        found[:] = 1
        for _ in range(updates + 1):
            _apply(coarse, found, bands)
            _divide(mel, bands, frame)
            _apply(back, bands, gain)
            found *= gain
        for k in range(out.shape[1]):
            for lane in range(lanes):
                out[frame + lane, k] = found[k, lane]


@compiled
def impose_magnitudes(spectra: Spectra, magnitudes: Floats) -> None:
    """Keep each bin's phase, replace its magnitude (Griffin & Lim's projection), in place."""
    for i in range(spectra.shape[0]):
        for k in range(magnitudes.shape[1]):
            value = spectra[i, k]
            size = np.sqrt(value.real * value.real + value.imag * value.imag)
            spectra[i, k] = value * (magnitudes[i, k] / (size + np.float32(1e-9)))


@compiled
def impose_mel(spectra: Spectra, mel: Floats, fine: Bands, back: Bands, taps: Floats) -> None:
    """Scale each bin so that the mel bands approach `mel` [frames, 512], in place.

    The bands are measured on a 5 Hz grid whose odd points are interpolated from the complex 10 Hz
    bins; the correction is one multiplicative update spread over the 10 Hz bins.
    """
    bins = spectra.shape[1]
    real = np.zeros(bins + 6, np.float32)
    imag = np.zeros(bins + 6, np.float32)
    magnitude = np.zeros((2 * bins, LANES), np.float32)
    bands = np.empty((mel.shape[1], LANES), np.float32)
    gain = np.empty((bins, LANES), np.float32)
    for frame in range(0, spectra.shape[0], LANES):
        lanes = min(LANES, spectra.shape[0] - frame)
        for lane in range(lanes):
            row = spectra[frame + lane]
            for k in range(0, bins, 2):
                real[k + 2] = row[k].real
                imag[k + 2] = row[k].imag
            # The sign undoes the shift by half a window, so that neighbours have similar phases.
            for k in range(1, bins, 2):
                real[k + 2] = -row[k].real
                imag[k + 2] = -row[k].imag
            _fine_magnitudes(real, imag, taps, bins, magnitude[:, lane])
        _apply(fine, magnitude, bands)
        _divide(mel, bands, frame)
        _apply(back, bands, gain)
        for lane in range(lanes):
            for k in range(bins):
                spectra[frame + lane, k] *= gain[k, lane]


@compiled
def _fine_magnitudes(real: Floats, imag: Floats, taps: Floats, bins: int, out: Floats) -> None:
    """Compute magnitudes: out[2k] of bin k (at index k + 2), out[2k + 1] half a bin higher."""
    near, mid, far = taps[0], taps[1], taps[2]
    for k in range(bins):
        x, y = real[k + 2], imag[k + 2]
        out[2 * k] = np.sqrt(x * x + y * y)
        x = near * (x + real[k + 3]) + mid * (real[k + 1] + real[k + 4])
        y = near * (y + imag[k + 3]) + mid * (imag[k + 1] + imag[k + 4])
        x += far * (real[k] + real[k + 5])
        y += far * (imag[k] + imag[k + 5])
        out[2 * k + 1] = np.sqrt(x * x + y * y)
