"""Loudness against the figures of the recommendation, and a ceiling that holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio import limiter, loudness
from audio.arrays import Floats


def sine(hz: float, dbfs: float, seconds: float, rate: int = 48000) -> Floats:
    time = np.arange(round(seconds * rate)) / rate
    return (10 ** (dbfs / 20) * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def test_filters_are_those_of_the_recommendation() -> None:
    """BS.1770-5, tables 1 and 2 (48 kHz)."""
    shelf, high_pass = loudness.k_weighting(48000)
    np.testing.assert_allclose(
        shelf,
        [
            *(1.53512485958697, -2.69169618940638, 1.19839281085285),
            *(1, -1.69065929318241, 0.73248077421585),
        ],
        atol=1e-9,
    )
    np.testing.assert_allclose(
        high_pass, [1, -2, 1, 1, -1.99004745483398, 0.99007225036621], atol=1e-9
    )


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
def test_a_full_scale_sine_reads_minus_three(rate: int) -> None:
    """BS.1770-5: 997 Hz at full scale in one channel; EBU 3341 case 1: −23 dB in both."""
    assert loudness.integrated_loudness(sine(997, 0, 5, rate), rate) == pytest.approx(
        -3.01, abs=0.05
    )
    tone = sine(1000, -23, 5, rate)
    both = np.stack([tone, tone], 1)
    assert loudness.integrated_loudness(both, rate) == pytest.approx(-23.0, abs=0.1)


def test_quiet_parts_are_gated() -> None:
    """EBU 3341 case 3: −36, −23, −36 dB FS in stereo reads −23."""
    parts = [sine(1000, level, seconds) for level, seconds in ((-36, 10), (-23, 60), (-36, 10))]
    tone = np.concatenate(parts)
    found = loudness.integrated_loudness(np.stack([tone, tone], 1), 48000)
    assert found == pytest.approx(-23, abs=0.1)


def test_short_and_silent_sounds_have_a_loudness() -> None:
    assert loudness.integrated_loudness(np.zeros(48000, np.float32), 48000) == -np.inf
    assert loudness.integrated_loudness(np.zeros(0, np.float32), 48000) == -np.inf
    assert loudness.integrated_loudness(sine(997, 0, 0.1), 48000) == pytest.approx(-3, abs=0.5)


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("level", [-40.0, -20.0, -3.0])
def test_every_clip_ends_equally_loud(level: float, loop: bool) -> None:
    noise = np.random.default_rng(1).standard_normal((2 * 44100, 2)) * 10 ** (level / 20) / 4
    out = loudness.normalize(noise.astype(np.float32), 44100, loop=loop)

    assert loudness.integrated_loudness(out, 44100, loop=loop) == pytest.approx(-14, abs=0.6)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 1000),
    crest=st.floats(1, 60),
    loop=st.booleans(),
    channels=st.sampled_from([1, 2]),
    ceiling=st.floats(-12, 0),
)
def test_no_peak_passes_the_ceiling(
    seed: int, crest: float, loop: bool, channels: int, ceiling: float
) -> None:
    random = np.random.default_rng(seed)
    sound = random.standard_normal((9000, channels)) * 0.1
    sound[random.integers(0, 9000, 6)] *= crest
    out = limiter.limit(sound.astype(np.float32), 44100, ceiling_db=ceiling, loop=loop)

    assert limiter.true_peak_db(out, loop=loop) <= ceiling + 0.1


def test_peaks_between_samples_are_seen() -> None:
    """A sine at a quarter of the rate, sampled 45° off its peaks, peaks 3 dB over its samples."""
    sound = np.tile([0.5, 0.5, -0.5, -0.5], 1000).astype(np.float32)
    assert limiter.true_peak_db(sound, loop=True) == pytest.approx(-3.01, abs=0.1)


def test_what_is_under_the_ceiling_is_left_alone() -> None:
    sound = sine(440, -6, 0.5)
    assert limiter.limit(sound, 48000) is sound


def test_the_limiter_moves_smoothly_and_around_the_seam() -> None:
    """One hit at the very start of a loop is anticipated at its end."""
    sound = sine(200, -12, 1.0)
    sound[:40] *= 8
    gain = limiter.limit(sound, 48000, loop=True) / np.where(sound == 0, 1, sound)
    gain = gain[np.abs(sound) > 0.01]

    assert gain[-20] < 0.9
    assert np.abs(np.diff(gain)).max() < 0.05


def test_silence_stays_silent_and_damage_is_survived() -> None:
    silence = np.zeros((1000, 2), np.float32)
    np.testing.assert_array_equal(loudness.normalize(silence, 48000), silence)
    broken = sine(440, -6, 0.5)
    broken[100] = np.nan
    assert np.isfinite(loudness.normalize(broken, 48000)).all()
