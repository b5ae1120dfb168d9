"""Describes a spectrogram in words, from measurements: alt text for those who cannot see it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audio.arrays import Floats, Pixels
from audio.codec import mel_targets
from audio.columns import seconds_of
from audio.mel import band_edges

_FLOOR = 1e-3
"""60 dB below full scale; quieter pixels count as silent."""

Scale = tuple[tuple[float, str], ...]
"""Words, each with the value below which it is used, in ascending order."""

_LEVEL: Scale = ((0.05, "quiet, thin"), (0.3, "airy"), (0.7, "full"), (np.inf, "loud, dense"))
_BRIGHTNESS: Scale = (
    (150, "deep"),
    (400, "dark"),
    (1200, "warm"),
    (3000, "bright"),
    (np.inf, "very bright"),
)
_PACE: Scale = ((2.5, "sparse"), (6, "steady"), (np.inf, "busy"))


@dataclass(frozen=True)
class Character:
    """The measurements that the words are chosen by.

    Attributes:
        seconds: the duration.
        fullness: share of the picture's area within 60 dB of full scale, 0 … 1.
        centre_hz: the median frequency of the energy.
        low_hz, high_hz: the range of the middle 80 % of the energy.
        onsets: the number of sudden rises in a second.
        sustain: the share of the energy that continues from a column to the next, 0 … 1.
    """

    seconds: float
    fullness: float
    centre_hz: float
    low_hz: float
    high_hz: float
    onsets: float
    sustain: float


def measure(pixels: Pixels) -> Character | None:
    """Measure a picture uint8[512, W] or [512, W, 2]; None for silence."""
    mono = pixels if pixels.ndim == 2 else pixels.min(axis=2)
    mel = mel_targets(np.ascontiguousarray(mono))
    if mel.max() <= 0:
        return None
    energy = mel.astype(np.float64) ** 2
    centres = band_edges(mel.shape[1])[1:-1]
    share = np.cumsum(energy.sum(0)) / energy.sum()
    low, centre, high = (float(centres[np.searchsorted(share, q)]) for q in (0.1, 0.5, 0.9))
    seconds = seconds_of(len(mel))
    kept = np.minimum(energy[1:], energy[:-1]).sum() / max(energy[1:].sum(), 1e-30)
    return Character(
        seconds,
        float((mel > _FLOOR).mean()),
        centre,
        low,
        high,
        _onsets(mel) / seconds,
        float(kept),
    )


def describe(pixels: Pixels, *, bpm: float | None = None) -> str:
    """Describe a spectrogram in two sentences: duration, tempo, density, brightness, rhythm, range.

    Args:
        pixels: uint8[512, W] or [512, W, 2].
        bpm: the tempo, if it is known.
    """
    found = measure(pixels)
    if found is None:
        return f"Spectrogram of {seconds_of(pixels.shape[1]):.1f} seconds of silence."
    tempo = f" at {round(bpm, 1):g} bpm" if bpm else ""
    return (
        f"Spectrogram of {found.seconds:.1f} seconds of {_word(found.fullness, _LEVEL)}, "
        f"{_word(found.centre_hz, _BRIGHTNESS)} sound{tempo}, {_motion(found)}. "
        f"Most of its energy lies between {_hertz(found.low_hz)} and {_hertz(found.high_hz)}."
    )


def _onsets(mel: Floats) -> int:
    """Count sudden rises: peaks of the mean increase in decibels from column to column."""
    if len(mel) < 4:
        return 0
    level = 20 * np.log10(np.maximum(mel, _FLOOR))
    flux = np.maximum(level[2:] - level[:-2], 0).mean(1)
    threshold = max(1.5, float(flux.mean() + flux.std()))
    above = flux > threshold
    peak = above & (flux >= np.roll(flux, 1)) & (flux > np.roll(flux, -1))
    (where,) = np.nonzero(peak)
    return int(1 + (np.diff(where) > 5).sum()) if len(where) else 0


def _word(value: float, scale: Scale) -> str:
    return next(word for limit, word in scale if value < limit)


def _motion(found: Character) -> str:
    if found.onsets < 0.5:
        return "sustained, with hardly a beat"
    kind = "percussive" if found.sustain < 0.8 else "sustained"
    count = round(found.onsets * found.seconds)
    return f"{kind} and {_word(found.onsets, _PACE)}, with about {count} onsets"


def _hertz(hz: float) -> str:
    return f"{round(hz, -1):.0f} Hz" if hz < 1000 else f"{hz / 1000:.1f} kHz"
