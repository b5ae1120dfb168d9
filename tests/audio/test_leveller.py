"""One loudness for a sound without an end."""

from __future__ import annotations

import json

import numpy as np
import pytest

from audio import limiter, loudness
from audio.errors import AudioError
from audio.leveller import Leveller, LevellerState

RATE = 48000


def noise(seconds: float, level: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (level * rng.standard_normal(round(seconds * RATE))).astype(np.float32)


def levelled(sound: np.ndarray, leveller: Leveller) -> np.ndarray:
    blocks = sound[: len(sound) // leveller.block * leveller.block].reshape(-1, leveller.block)
    return np.concatenate([leveller.push(block) for block in blocks])


def test_quiet_and_loud_beginnings_end_at_the_same_loudness() -> None:
    for level in (0.003, 0.05, 0.4):
        out = levelled(noise(24, level), Leveller(RATE, target_lufs=-20.0))
        assert loudness.integrated_loudness(out[RATE * 8 :], RATE) == pytest.approx(-20, abs=0.7)


def test_the_gain_moves_too_slowly_to_be_heard() -> None:
    leveller = Leveller(RATE, target_lufs=-20.0)
    gains = []
    for block in np.concatenate([noise(8, 0.02), noise(8, 0.2)]).reshape(-1, leveller.block):
        leveller.push(block)
        gains.append(leveller.state.gain_db)
    steps = np.abs(np.diff(gains)) / 0.16
    assert steps.max() <= 0.751
    assert gains[-1] < gains[40] - 2, "but it does move"


def test_what_is_expected_is_right_from_the_first_block() -> None:
    leveller = Leveller(RATE, target_lufs=-18.0)
    sound = noise(8, 0.01)
    leveller.expect(leveller.power_of(sound))
    out = levelled(sound, leveller)
    assert loudness.integrated_loudness(out[:RATE], RATE) == pytest.approx(-18, abs=0.5)


def test_peaks_stay_under_the_ceiling_across_blocks() -> None:
    rng = np.random.default_rng(1)
    sound = noise(6, 0.02)
    sound[rng.integers(0, len(sound), 60)] += 2.0
    out = levelled(sound, Leveller(RATE, target_lufs=-12.0))
    assert limiter.true_peak_db(out) < -0.9


def test_it_only_delays_what_needs_no_gain() -> None:
    sound = noise(4, 0.05)
    leveller = Leveller(RATE, target_lufs=loudness.integrated_loudness(sound, RATE))
    leveller.expect(leveller.power_of(sound))
    out = np.concatenate([levelled(sound, leveller), leveller.finish()])
    delayed = out[leveller.delay :]
    assert len(delayed) == len(sound)
    assert np.corrcoef(delayed, sound)[0, 1] > 0.999


def test_a_state_goes_on_with_the_same_bits() -> None:
    sound = noise(4, 0.3, seed=2)
    whole = Leveller(RATE)
    expected = levelled(sound, whole)
    first = Leveller(RATE)
    half = first.block * 12
    head = levelled(sound[:half], first)
    state = LevellerState.from_json(json.loads(json.dumps(first.state.to_json())))
    tail = levelled(sound[half:], Leveller(RATE, state=state))
    np.testing.assert_array_equal(np.concatenate([head, tail]), expected)
    with pytest.raises(AudioError):
        LevellerState.from_json({"power": 1})
    with pytest.raises(AudioError):
        LevellerState.from_json({**first.state.to_json(), "power": float("nan")})


def test_what_is_no_number_is_silence_and_soon_forgotten() -> None:
    sound = noise(4, 0.1)
    broken = sound.copy()
    broken[10_000:10_400] = np.nan
    broken[11_000], broken[11_001] = np.inf, -np.inf
    quiet = sound.copy()
    quiet[10_000:10_400] = quiet[11_000:11_002] = 0
    levellers = Leveller(RATE), Leveller(RATE)
    for leveller in levellers:
        leveller.expect(leveller.power_of(broken))
    np.testing.assert_array_equal(levelled(broken, levellers[0]), levelled(quiet, levellers[1]))


def test_silence_stays_silent() -> None:
    out = levelled(np.zeros(RATE * 2, np.float32), Leveller(RATE))
    assert not out.any()
