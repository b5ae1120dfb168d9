"""How a band's mix is finished: its long-term spectrum, its dynamics, its saturation, by genre.

Circular, as `training.effects`. `mastering.toml` has one table a kind of sound and says what its
fields mean.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy import fft
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from training.effects import RATE, loudness

_BANDS = np.geomspace(40.0, 12000.0, 26)
_MOST = 9.0
"""Decibels that a band is moved by at most."""


class Master(BaseModel):
    """One table of `mastering.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    genres: tuple[str, ...]
    tone: tuple[float, ...]
    pull: float
    squeeze: float
    warmth: float
    glue: float


@cache
def masters() -> dict[str, Master]:
    """How each genre is finished; the empty name is everybody else."""
    held = tomllib.loads(Path(__file__).with_name("mastering.toml").read_text("utf-8"))
    found: dict[str, Master] = {}
    for table in held.values():
        row = Master.model_validate(table)
        for name in row.genres or ("",):
            found[name] = row
    return found


def finish(mix: np.ndarray, genre: str) -> np.ndarray:
    """A mix as a genre's records sound."""
    row = masters().get(genre, masters()[""])
    sound = _toned(mix, row)
    power = uniform_filter1d(sound * sound, round(row.glue * RATE), mode="wrap")
    level = np.sqrt(np.maximum(power, 1e-12))
    top = float(level.max())
    sound = sound * (top / np.maximum(level, 0.1 * top)) ** row.squeeze
    if row.warmth:
        push = row.warmth / max(loudness(sound), 1e-9)
        sound = np.tanh(sound * push) / push
    return np.asarray(sound, dtype=np.float32)


def _toned(mix: np.ndarray, row: Master) -> np.ndarray:
    """The mix with its long-term spectrum pulled towards the one that is aimed at."""
    spectrum = fft.rfft(mix)
    hertz = np.arange(len(spectrum)) * (RATE / len(mix))
    power = np.abs(spectrum) ** 2
    edges = np.append(_BANDS / 2 ** (1 / 6), _BANDS[-1] * 2 ** (1 / 6))
    sums = np.add.reduceat(power, np.searchsorted(hertz, edges))[:-1]
    found = 10 * np.log10(sums + 1e-9 * sums.max())
    aimed = np.interp(np.log2(_BANDS), np.log2(row.tone[0::2]), row.tone[1::2])
    away = aimed - found
    weight = 10 ** (found / 20)
    away = gaussian_filter1d(away - np.average(away, weights=weight), 1.5, mode="nearest")
    moved = np.clip(row.pull * away, -_MOST, _MOST)
    place = np.log2(np.maximum(hertz, 10.0))
    gain = 10 ** (np.interp(place, np.log2(_BANDS), moved) / 20)
    return np.asarray(fft.irfft(spectrum * gain.astype(np.float32), len(mix)), np.float32)
