"""Words that follow from the data."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.arrays import Pixels
from audio.describe import describe, measure


def bands(low: int, high: int) -> Pixels:
    pixels = np.full((512, 512), 255, np.uint8)
    pixels[512 - high : 512 - low] = 20
    return pixels


def hits(every: int) -> Pixels:
    pixels = np.full((512, 512), 255, np.uint8)
    for start in range(10, 512, every):
        for age in range(8):
            pixels[100:, start + age : start + age + 1] = min(255, 10 + 30 * age)
    return pixels


def test_brightness_follows_the_frequencies() -> None:
    assert "deep" in describe(bands(5, 25))
    assert "very bright" in describe(bands(400, 500))


def test_rhythm_follows_the_hits() -> None:
    slow, fast = describe(hits(100)), describe(hits(12))
    assert "percussive and sparse" in slow
    assert "about 6 onsets" in slow
    assert "busy" in fast
    assert "hardly a beat" in describe(bands(100, 200))


def test_fullness_follows_the_area() -> None:
    assert "thin" in describe(bands(100, 110))
    assert "dense" in describe(np.full((512, 100), 30, np.uint8))


def test_silence_is_called_silence() -> None:
    assert describe(np.full((512, 200), 255, np.uint8)) == (
        "Spectrogram of 2.0 seconds of silence."
    )
    assert measure(np.full((512, 200), 255, np.uint8)) is None


def test_the_tempo_is_told_when_known() -> None:
    assert "at 93.8 bpm" in describe(hits(64), bpm=93.75)
    assert "bpm" not in describe(hits(64))


@settings(max_examples=30, deadline=None)
@given(columns=st.integers(1, 40), stereo=st.booleans(), seed=st.integers(0, 99))
def test_anything_can_be_described(columns: int, stereo: bool, seed: int) -> None:
    shape = (512, columns, 2) if stereo else (512, columns)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    text = describe(pixels)
    assert len(text) < 400
    assert "nan" not in text
