"""The key of a recording: chords and scales of known keys, and what is in none."""

from __future__ import annotations

import numpy as np
import pytest

from audio.arrays import Floats
from audio.keys import KeyEstimate, estimate_key, match_profile

RATE = 22050
MAJOR, MINOR = (0, 4, 7), (0, 3, 7)
PROGRESSIONS = {
    "major": [(0, MAJOR), (5, MAJOR), (7, MAJOR), (0, MAJOR)],
    "minor": [(0, MINOR), (5, MINOR), (7, MAJOR), (0, MINOR)],
}


def tone(pitch: int, seconds: float) -> Floats:
    """A plucked note with six partials."""
    times = np.arange(round(seconds * RATE)) / RATE
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    partials = sum(np.sin(2 * np.pi * hertz * k * times) / k for k in range(1, 7))
    return np.asarray(partials * np.exp(-2 * times), np.float32)


def song(tonic: int, mode: str) -> Floats:
    """Four chords over their bass notes."""
    return np.concatenate(
        [
            sum(
                (tone(48 + (tonic + root) % 12 + step, 1.0) for step in (*steps, -12)),
                np.zeros(RATE, np.float32),
            )
            for root, steps in PROGRESSIONS[mode]
        ]
    )


@pytest.mark.parametrize("mode", ["major", "minor"])
def test_cadences_are_heard_in_their_keys(mode: str) -> None:
    heard = [estimate_key(song(tonic, mode), RATE) for tonic in range(12)]
    assert [found and (found.tonic, found.mode) for found in heard] == [
        (tonic, mode) for tonic in range(12)
    ]


def test_drums_do_not_change_the_key() -> None:
    rng = np.random.default_rng(0)
    sound = song(9, "minor")
    for start in range(0, len(sound), RATE // 4):
        hit = rng.normal(size=2000) * np.exp(-np.arange(2000) / 300)
        sound[start : start + 2000] += 2 * hit[: len(sound[start : start + 2000])]
    found = estimate_key(np.stack([sound, sound], 1), RATE)
    assert found is not None
    assert (found.tonic, found.mode) == (9, "minor")


def test_what_is_in_no_key_has_none() -> None:
    noise = np.random.default_rng(0).normal(size=4 * RATE).astype(np.float32)
    assert estimate_key(noise, RATE) is None
    assert estimate_key(np.zeros(4 * RATE, np.float32), RATE) is None
    assert estimate_key(tone(60, 0.1), RATE) is None
    assert isinstance(estimate_key(song(0, "major"), RATE), KeyEstimate)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_sound_is_in_no_key(value: float) -> None:
    sound = song(0, "major")
    sound[1000] = value
    assert estimate_key(sound, RATE) is None
    assert match_profile(np.full(12, value)) is None
