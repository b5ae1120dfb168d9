"""Resynthesis after WORLD (Morise, Yokomori and Ozawa 2016): pulses and noise through spectra.

Each glottal pulse is the minimum-phase response of its frame's periodic spectrum; the noise up to
the next pulse goes through the aperiodic one. Everything is worked out for all pulses at once.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import fft

from audio.mel import hz_to_mel
from training.voices.bank import APERIODICITY_HERTZ, BAND_HERTZ, HOP, RATE

SIZE = 1024
_UNVOICED_HERTZ = 220.0
_BINS = SIZE // 2 + 1
_DECIBEL = np.log(10) / 20


@lru_cache(maxsize=64)
def _spread(formants: float) -> np.ndarray:
    """float32 (BANDS, bins): from mel bands to bins, with formants moved up by a factor."""
    hertz = np.minimum(np.linspace(0, RATE / 2, _BINS) / formants, RATE / 2)
    return np.stack(
        [np.interp(hz_to_mel(hertz), hz_to_mel(BAND_HERTZ), row) for row in np.eye(len(BAND_HERTZ))]
    ).astype(np.float32)


_ROUGH = np.stack(
    [
        np.interp(np.linspace(0, RATE / 2, _BINS), APERIODICITY_HERTZ, row)
        for row in np.eye(len(APERIODICITY_HERTZ))
    ]
).astype(np.float32)


def _minimum_phase(log_amplitude: np.ndarray) -> np.ndarray:
    """Complex spectra of minimum phase: (n, bins) to (n, bins)."""
    cepstrum = fft.irfft(log_amplitude, SIZE, axis=1)
    cepstrum[:, 1 : SIZE // 2] *= 2
    cepstrum[:, SIZE // 2 + 1 :] = 0
    return np.asarray(np.exp(fft.rfft(cepstrum, axis=1)))


def _pulses(pitch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times of the pulses in samples (float), and how many samples follow up to the next."""
    samples = len(pitch) * HOP
    frames = np.arange(samples) / HOP
    held = np.where(pitch > 0, pitch, _UNVOICED_HERTZ)
    turn = np.cumsum(np.interp(frames, np.arange(len(pitch)), held)) / RATE
    at = np.interp(np.arange(1, int(turn[-1]) + 1), turn, np.arange(samples))
    return at, np.diff(at, append=samples)


def synthesise(
    level: np.ndarray,
    noise: np.ndarray,
    pitch: np.ndarray,
    rng: np.random.Generator,
    formants: float = 1.0,
) -> np.ndarray:
    """float32 (frames * HOP): a voice from its frames.

    Args:
        level: (frames, BANDS), decibels.
        noise: (frames, ROUGH), 0 to 1.
        pitch: (frames,), hertz; 0 is noise only.
        rng: of the noise.
        formants: factor on the frequencies of the formants: over 1 for a smaller throat.
    """
    samples = len(pitch) * HOP
    out = np.zeros(samples + 2 * SIZE, np.float32)
    at, gap = _pulses(pitch)
    if not len(at):
        return out[:samples]
    place = np.minimum(at / HOP, len(pitch) - 1.001)
    base = place.astype(np.int64)
    part = (place - base)[:, None].astype(np.float32)
    voiced = (pitch[base] > 0)[:, None]
    after = np.minimum(base + 1, len(pitch) - 1)
    bands = level[base] * (1 - part) + level[after] * part
    amplitude = np.asarray(bands @ _spread(formants)) * np.float32(_DECIBEL)
    share = (noise[base] * (1 - part) + noise[after] * part) @ _ROUGH
    share = np.where(voiced, np.clip(share, 0.0, 0.999), 1.0).astype(np.float32)
    whole = at.astype(np.int64)
    late = (at - whole)[:, None].astype(np.float32)
    turn = np.exp(
        np.arange(_BINS, dtype=np.float32)[None] * late * np.complex64(-2j * np.pi / SIZE)
    )
    count = np.clip(np.round(gap), 1, SIZE // 2).astype(np.int64)
    hiss = rng.standard_normal((len(at), int(count.max()))).astype(np.float32)
    hiss *= np.arange(hiss.shape[1])[None] < count[:, None]
    tone = _minimum_phase(amplitude + np.float32(0.5) * np.log(np.maximum(1 - share**2, 1e-9)))
    tone *= turn * np.where(voiced, np.sqrt(count)[:, None], 0.0).astype(np.float32)
    breath = _minimum_phase(amplitude + np.log(np.maximum(share, 1e-5)))
    breath *= fft.rfft(hiss, SIZE, axis=1)
    responses = fft.irfft(tone + breath, SIZE, axis=1).astype(np.float32)
    for start, response in zip(whole, responses, strict=True):
        out[start : start + SIZE] += response
    return out[:samples]
