"""Electronic drums, so that techno and trap do not sound like a General MIDI kit."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from training.effects import RATE, shape
from training.music.piece import Note
from training.patches import add_wrapped


def _time(seconds: float) -> np.ndarray:
    return np.arange(round(seconds * RATE)) / RATE


def _noise(seconds: float, seed: int) -> np.ndarray:
    count = round(seconds * RATE)
    return np.random.default_rng(seed).standard_normal(count).astype(np.float32)


def _kick(deep: float, high: float, decay: float, click: float) -> np.ndarray:
    time = _time(0.5)
    hertz = deep + high * np.exp(-time / 0.022)
    tone = np.tanh(1.8 * np.sin(2 * np.pi * np.cumsum(hertz) / RATE)) * np.exp(-time / decay)
    return np.asarray(tone + click * shape(_noise(0.5, 1), 2000) * np.exp(-time / 0.004))


def _snare(tone: float, body: float, decay: float) -> np.ndarray:
    time = _time(0.35)
    drum = np.sin(2 * np.pi * tone * time * (1 + 0.3 * np.exp(-time / 0.01)))
    rattle = shape(_noise(0.35, 2), 1200, 9000)
    return np.asarray(body * drum * np.exp(-time / 0.07) + 0.6 * rattle * np.exp(-time / decay))


def _clap() -> np.ndarray:
    time = _time(0.35)
    burst = sum(np.exp(-np.maximum(0, time - s) / 0.006) * (time >= s) for s in (0, 0.011, 0.023))
    tail = 0.6 * np.exp(-np.maximum(0, time - 0.03) / 0.09) * (time >= 0.03)
    return np.asarray(shape(_noise(0.35, 3), 800, 3500) * (burst + tail))


def _hat(decay: float) -> np.ndarray:
    time = _time(min(0.5, decay * 6))
    metal = sum(np.sign(np.sin(2 * np.pi * f * time)) for f in (3170, 4580, 5391, 6780, 7290, 8140))
    noise = _noise(len(time) / RATE, 4)[: len(time)]
    return shape((0.12 * metal + 0.6 * noise).astype(np.float32), 6000) * np.exp(-time / decay)


def _tom(hertz: float) -> np.ndarray:
    time = _time(0.4)
    return np.asarray(
        np.sin(2 * np.pi * np.cumsum(hertz * (1 + 0.8 * np.exp(-time / 0.04))) / RATE)
        * np.exp(-time / 0.14)
    )


def _rim() -> np.ndarray:
    time = _time(0.05)
    wood = np.sin(2 * np.pi * 1650 * time) + 0.6 * np.sin(2 * np.pi * 2450 * time)
    return np.asarray(wood * np.exp(-time / 0.008))


def _cowbell() -> np.ndarray:
    time = _time(0.3)
    two = np.sign(np.sin(2 * np.pi * 540 * time)) + np.sign(np.sin(2 * np.pi * 800 * time))
    return shape((0.3 * two).astype(np.float32), 400, 4000) * np.exp(-time / 0.09)


def _crash() -> np.ndarray:
    time = _time(1.4)
    return shape(_noise(1.4, 5), 3500) * np.exp(-time / 0.4)


@lru_cache(maxsize=4)
def _kit(name: str) -> dict[int, np.ndarray]:
    trap = name == "trapkit"
    kick = _kick(46, 150, 0.28, 0.3) if trap else _kick(50, 230, 0.13, 0.6)
    snare = _snare(210, 0.7, 0.1) if trap else _snare(185, 0.8, 0.13)
    sounds = {
        36: kick * 1.25,
        38: snare * 0.85,
        37: _rim() * 0.8,
        39: _clap() * 0.9,
        42: _hat(0.022) * 0.5,
        44: _hat(0.015) * 0.4,
        46: _hat(0.12) * 0.5,
        51: _hat(0.2) * 0.35,
        49: _crash() * 0.5,
        50: _tom(190),
        47: _tom(140),
        43: _tom(100),
        54: _hat(0.05) * 0.5,
        56: _cowbell(),
        82: _hat(0.035) * 0.35,
    }
    return {note: np.asarray(sound, np.float32) for note, sound in sounds.items()}


def render_kit(name: str, notes: tuple[Note, ...], samples: int) -> np.ndarray:
    """A drum stem, wrapped onto the clip."""
    stem = np.zeros(samples, np.float32)
    kit = _kit(name)
    for note in notes:
        sound = kit.get(note.pitch, kit[82])
        add_wrapped(stem, sound * (note.velocity / 110) ** 1.6, round(note.start * RATE))
    return stem
