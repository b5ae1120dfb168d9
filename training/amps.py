"""Guitar amplifiers: gain that clips, and the loudspeaker that it is heard through.

Everything is circular, as in `training.effects`. `amps.toml` has one table an amplifier.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy import fft

from training.effects import curve, loudness, shape

_OVERSAMPLED = 4


class Amp(BaseModel):
    """One table of `amps.toml`, which says what its fields mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tight: float
    push: float
    gain: float
    bias: float
    stages: int
    mid: float
    cabinet: tuple[float, ...]


AMPS: dict[str, Amp] = {
    name: Amp.model_validate(table)
    for name, table in tomllib.loads(
        Path(__file__).with_name("amps.toml").read_text("utf-8")
    ).items()
}


def amplify(signal: np.ndarray, name: str) -> np.ndarray:
    """A guitar through an amplifier."""
    amp = AMPS[name]
    level = max(loudness(signal), 1e-9)
    hot = curve(shape(signal / level, amp.tight), (300, 0, 800, amp.push, 2500, amp.push / 2))
    for stage in range(amp.stages):
        hot = _clip(hot * (amp.gain if stage == 0 else 2.0), amp.bias)
        hot = shape(hot, 30.0 if stage else 60.0)
    return curve(hot, (200, 0, 550, amp.mid, 1400, 0), amp.cabinet)


def _clip(signal: np.ndarray, bias: float) -> np.ndarray:
    """Clip softly and unevenly, at four times the rate so that no aliases fold back."""
    count = len(signal)
    wide = np.zeros(_OVERSAMPLED * count // 2 + 1, np.complex64)
    spectrum = fft.rfft(signal.astype(np.float32))
    wide[: len(spectrum)] = spectrum
    fine = fft.irfft(wide, _OVERSAMPLED * count) * _OVERSAMPLED
    bent = np.tanh(fine + bias) - np.tanh(bias)
    narrow = fft.rfft(bent)[: count // 2 + 1] / _OVERSAMPLED
    return np.asarray(fft.irfft(narrow, count), dtype=np.float32)
