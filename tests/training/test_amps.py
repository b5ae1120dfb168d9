"""Amplifiers, and what is auditioned through them: loops stay loops, harmonics end somewhere."""

from __future__ import annotations

import numpy as np
import pytest

from training.amps import AMPS, amplify
from training.audition import WAYS, piece_for
from training.music.genres import GENRES
from training.music.instruments import INSTRUMENTS

RATE = 44_100


def _tone(hertz: float) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE).astype(np.float32) * 0.1


@pytest.mark.parametrize("name", list(AMPS))
def test_an_amplifier_adds_harmonics_that_a_speaker_can_play(name: str) -> None:
    heard = np.abs(np.fft.rfft(amplify(_tone(200.0), name)))
    assert heard[400] > 3 * heard[300]
    assert heard[600] > 3 * heard[500]
    assert heard[15_000:].max() < 0.01 * heard.max()


@pytest.mark.parametrize("name", list(AMPS))
def test_an_amplifier_does_not_know_where_a_loop_begins(name: str) -> None:
    noise = np.random.default_rng(1).standard_normal(RATE).astype(np.float32)
    turned = amplify(np.roll(noise, 4410), name)
    np.testing.assert_allclose(turned, np.roll(amplify(noise, name), 4410), atol=2e-3)


def test_every_audition_is_of_something_that_the_composer_knows() -> None:
    for tag, ways in WAYS.items():
        for take, way in enumerate(ways):
            kind, key = way.split()
            assert key in (INSTRUMENTS if kind == "solo" else GENRES), tag
            assert piece_for(tag, take) == piece_for(tag, take)
