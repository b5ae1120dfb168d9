"""Endless sound: no seam, no drift, no dependence on how the columns come."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from audio import codec
from audio.errors import AudioError
from audio.metrics import measure_fidelity
from audio.resample import resample
from audio.stream import AHEAD, BLOCK, Stream, StreamState


def music(columns: int, seed: int = 0) -> np.ndarray:
    """Steady partials, drifting a little, and a broadband hit every 32 columns."""
    rng = np.random.default_rng(seed)
    mel = np.full((512, columns), 1e-4)
    for row in rng.choice(np.arange(60, 400), 12, replace=False):
        wave = 0.5 + 0.3 * np.sin(np.arange(columns) / rng.uniform(5, 30))
        mel[512 - row] += wave * 0.05
        mel[511 - row] += wave * 0.02
    mel[150:, ::32] += 0.003
    mel[150:, 1::32] += 0.002
    return (255 - 255 * np.clip(mel, 0, 1) ** 0.25).astype(np.uint8)


def played(picture: np.ndarray, rate: int = 48000, **options: object) -> np.ndarray:
    stream = Stream(rate, **options)  # type: ignore[arg-type]
    return np.concatenate([stream.push(picture), stream.finish()])


def test_the_length_is_exact_at_every_rate() -> None:
    picture = music(133)
    for rate in (48000, 44100, 22050, 16000, 11025, 96000):
        assert len(played(picture, rate)) == round(133 * rate / 100), rate


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(1, 70), min_size=1, max_size=12))
def test_the_samples_do_not_depend_on_how_the_columns_come(cuts: list[int]) -> None:
    picture = music(sum(cuts), seed=1)
    stream, start, parts = Stream(48000, seed=3), 0, []
    for cut in cuts:
        parts.append(stream.push(picture[:, start : start + cut]))
        start += cut
    parts.append(stream.finish())
    np.testing.assert_array_equal(np.concatenate(parts), played(picture, seed=3))


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 9))
def test_a_stream_that_was_put_away_goes_on_with_the_same_bits(steps: int) -> None:
    picture = music(16 * 12 + AHEAD)
    whole = Stream(48000, seed=5).push(picture)
    first = Stream(48000, seed=5)
    seen = steps * BLOCK + AHEAD
    head = first.push(picture[:, :seen])
    state = StreamState.from_json(first.state.to_json())
    assert state.consumed == seen
    tail = Stream(48000, seed=5, state=state).push(picture[:, seen:])
    np.testing.assert_array_equal(np.concatenate([head, tail]), whole)


def test_it_lags_less_than_a_block_and_what_it_must_see() -> None:
    stream = Stream(48000)
    given = 0
    for _ in range(40):
        given += len(stream.push(music(7)))
        assert stream.consumed * 480 - given < (BLOCK + AHEAD) * 480
    assert stream.columns * 480 == given


def test_it_is_as_true_to_its_picture_as_a_whole_solution() -> None:
    picture = music(320, seed=2)

    def error(sound: np.ndarray) -> float:
        mel = codec.mel_spectrogram(resample(sound, 48000, 24000), picture.shape[1])
        return measure_fidelity(picture, mel).log_mel_db

    whole = codec.image_to_audio(picture, sample_rate=48000)
    assert error(played(picture)) < 1.3 * error(whole) + 0.1


def test_pictures_that_follow_each_other_are_joined_without_a_click() -> None:
    pictures = [music(128, seed) for seed in range(4)]
    stream = np.concatenate([played(np.concatenate(pictures, axis=1))])
    naive = np.concatenate([codec.image_to_audio(p, sample_rate=48000) for p in pictures])
    joins = [128 * 480 * k for k in (1, 2, 3)]
    assert click(stream, joins) < click(naive, joins) - 10
    assert click(stream, joins) < 6, "as quiet above the picture's 10 kHz as any other moment"


def test_the_level_is_the_same_for_the_same_pixels_whenever_they_come() -> None:
    tone = np.full((512, 640), 255, np.uint8)
    tone[300] = 100
    sound = played(tone)
    levels = np.sqrt(np.mean(sound[4800 : 4800 * 60].reshape(-1, 4800) ** 2, axis=1))
    assert 20 * np.log10(levels.max() / levels.min()) < 0.5


def test_silence_is_silent_and_nonsense_is_refused() -> None:
    assert np.abs(played(np.full((512, 64), 255, np.uint8))).max() < 1e-3
    with pytest.raises(AudioError, match="512"):
        Stream().push(np.zeros((100, 3), np.uint8))
    with pytest.raises(AudioError, match="rate"):
        Stream(5)
    with pytest.raises(AudioError, match="place"):
        StreamState.from_json({"columns": 3})
    with pytest.raises(AudioError, match="gone on"):
        Stream(22050, state=StreamState.silence())


def click(sound: np.ndarray, joins: list[int]) -> float:
    """Energy above 10.6 kHz around the loudest join, dB over the median moment."""
    sos = scipy.signal.butter(8, 10600, "hp", fs=48000, output="sos")
    high = scipy.signal.sosfiltfilt(sos, sound.astype(np.float64))
    level = [
        10 * np.log10(np.mean(high[at - 240 : at + 240] ** 2) + 1e-14)
        for at in range(960, len(sound) - 960, 480)
    ]
    loudest = max(10 * np.log10(np.mean(high[j - 240 : j + 240] ** 2) + 1e-14) for j in joins)
    return float(loudest - np.percentile(level, 90))
