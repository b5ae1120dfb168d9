"""The join metrics measure what they claim to measure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.signal

from riffbot.bench import jam
from riffbot.bench.joins import (
    JoinAnalyser,
    compute_onset_envelope,
    concatenate_chunks,
    crossfade_chunks,
    estimate_beat_period,
    expected_pixels,
    find_beats,
    measure_beats,
    measure_boundaries,
)
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.timeline import Chunk, LoopGrid, Placement
from riffbot.settings import Settings
from tests.support.tiny_models import tiny_embedded_model

RATE = 48000


def beats(period_s: float, seconds: float, seed: int = 0) -> np.ndarray:
    """Noise bursts that decay, every `period_s`, over a soft floor."""
    rng = np.random.default_rng(seed)
    sound = 0.003 * rng.standard_normal(round(seconds * RATE))
    for number in range(int(seconds / period_s)):
        at = round(number * period_s * RATE)
        burst = rng.standard_normal(4800) * np.exp(-np.arange(4800) / 900)
        stretch = sound[at : at + 4800]
        stretch += 0.2 * burst[: len(stretch)]
    # Like a picture's sound: nothing above 10 kHz, where clicks are listened for.
    sos = scipy.signal.butter(10, 8000, fs=RATE, output="sos")
    return scipy.signal.sosfiltfilt(sos, sound).astype(np.float32)


@pytest.mark.parametrize("error", [0.0, 0.0005, 0.003, -0.01])
def test_the_beat_is_measured_to_a_hundredth_of_a_per_cent(error: float) -> None:
    near = 0.64
    found = estimate_beat_period(compute_onset_envelope(beats(near * (1 + error), 60)), near)
    assert found == pytest.approx(near * (1 + error), rel=1e-4)


def silence(seconds: float) -> np.ndarray:
    return np.full((512, round(seconds * 100)), 255, np.uint8)


def test_a_click_and_a_step_are_outside_of_the_ordinary() -> None:
    sound = beats(0.64, 20)
    places = find_beats(LoopGrid(512, 8), 20)
    boundaries = places[7::8]
    others = [at for at in places if at not in boundaries]
    calm = measure_boundaries(JoinAnalyser(sound, silence(20)), boundaries, others)
    assert calm.boundaries == len(boundaries)
    assert calm.outside == 0
    clicked = sound.copy()
    clicked[boundaries] += 0.5
    heard = measure_boundaries(JoinAnalyser(clicked, silence(20)), boundaries, others)
    assert heard.click.median > calm.click.median + 10
    stepped = sound.copy()
    stepped[boundaries[0] :] *= 30
    assert measure_boundaries(JoinAnalyser(stepped, silence(20)), boundaries, others).outside >= 1
    assert measure_beats(JoinAnalyser(sound, silence(20)), others).level.most < 30


def test_all_ways_of_joining_play_the_same_columns() -> None:
    rng = np.random.default_rng(3)
    picture = (200 - 60 * (rng.random((512, 128)) > 0.8)).astype(np.uint8)
    path = PromptPath.begin(ChunkOptions(prompt="x"), seed_image="beat")
    chunk = Chunk(path, path.build_request(), picture)
    entries = [Placement(chunk, 0, 128), Placement(chunk, 96, 256), Placement(chunk, 256, 384)]
    pictures = expected_pixels(entries)
    assert pictures.shape == (512, 384)
    np.testing.assert_array_equal(pictures[:, 96], picture[:, 96])
    for sound in (concatenate_chunks(entries, 3.84), crossfade_chunks(entries, 3.84)):
        assert len(sound) == round(3.84 * RATE)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_whole_bench_runs(tmp_path: Path) -> None:
    size = jam.JamSize(seconds=45.0, wishes=2)
    model = tiny_embedded_model(tmp_path / "model")
    settings = Settings(_env_file=None, model=str(model), data_dir=tmp_path)
    result = jam.run(settings, size=size)
    assert result.repeats
    assert result.joins["RiffBot"].boundaries >= 8
    assert result.busy.underruns == 0
    assert "three clips ahead" in result.table()
    assert result.as_dict()["times_sooner"] > 1
