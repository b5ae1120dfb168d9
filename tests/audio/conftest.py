"""Sounds and pictures to try the codec on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio import codec
from audio.arrays import Floats, Pixels
from riffbot.bench.codec import synthetic_picture

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def music() -> Pixels:
    """Two and a half seconds of drawn music, uint8[512, 256]."""
    return synthetic_picture(256)


@pytest.fixture(scope="session")
def ring(music: Pixels) -> Pixels:
    """The same as a loop, its cut far from the ends, which fall between two beats."""
    half = len(music[0]) // 2
    sound = np.roll(codec.image_to_audio(music), half * 441)
    return np.ascontiguousarray(np.roll(codec.audio_to_image(sound, 44100, loop=True), 80, axis=1))


@pytest.fixture(scope="session")
def tone() -> Floats:
    """Two seconds of A and E in stereo at 44.1 kHz, float32[n, 2]."""
    time = np.arange(2 * 44100) / 44100
    left, right = np.sin(2 * np.pi * 440 * time), np.sin(2 * np.pi * 659.26 * time)
    return (0.3 * np.stack([left, right], 1)).astype(np.float32)
