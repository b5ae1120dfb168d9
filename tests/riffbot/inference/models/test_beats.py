"""The beat grid: whole beats, closed in time, blank where no tempo is known."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from riffbot.inference.models.beats import (
    CHANNELS,
    TEMPO_CHANNELS,
    beat_grid,
    meter_of,
    scale_beats,
    whole_beats,
)
from riffbot.tempo import fit_beats


@given(bpm=st.floats(40, 240), around=st.sampled_from((400, 512, 640)))
def test_every_width_that_a_tempo_chooses_holds_whole_beats(bpm: float, around: int) -> None:
    chosen = fit_beats(bpm, 16, around=around)
    assert whole_beats(chosen.width, bpm) == chosen.beats


def test_a_width_that_holds_no_whole_beats_has_none() -> None:
    assert whole_beats(512, None) is None
    assert whole_beats(512, 100.0) is None  # 8.53 beats
    assert whole_beats(480, 100.0) == 8


@given(
    cells=st.integers(4, 64), beats=st.integers(1, 32), turn=st.integers(0, 63), waltz=st.booleans()
)
def test_the_grid_of_a_loop_turned_by_a_measure_is_itself(
    cells: int, beats: int, turn: int, waltz: bool
) -> None:
    meter = meter_of(beats, waltz=waltz)
    drawn = beat_grid(cells, 8, beats, meter)
    assert drawn.shape == (CHANNELS, 8, cells)
    assert beats % meter == 0
    measures = beats // meter
    if cells % measures == 0:
        step = cells // measures * (turn % measures)
        assert torch.allclose(drawn.roll(step, -1), drawn, atol=1e-4)
    # One turn further is the same place: the circle closes.
    assert drawn[:8].abs().amax() <= 1.0001


def test_the_phase_is_that_of_the_column() -> None:
    drawn = beat_grid(32, 4, 8, 4)
    beat = 8 * (torch.arange(32) + 0.5) / 32
    assert torch.allclose(drawn[0, 0], torch.sin(2 * math.pi * beat), atol=1e-5)
    assert torch.allclose(drawn[6, 0], torch.sin(2 * math.pi * beat / 4), atol=1e-5)
    assert drawn[9, 0, 0].item() == pytest.approx(math.log2(93.75 / 110), abs=1e-5)


def test_without_a_tempo_only_the_height_is_told() -> None:
    blank = beat_grid(16, 4, None, 4)
    assert not blank[TEMPO_CHANNELS].any()
    assert torch.equal(blank, scale_beats(beat_grid(16, 4, 8, 4), 0.0))


@given(cells=st.integers(4, 64), beats=st.integers(1, 24), waltz=st.booleans())
def test_the_click_tracks_have_every_click_where_it_sounds(
    cells: int, beats: int, waltz: bool
) -> None:
    meter = meter_of(beats, waltz=waltz)
    drawn = beat_grid(cells, 2, beats, meter)
    columns = 16 * cells
    for place, clicks in enumerate((beats / meter, beats, 2 * beats, 4 * beats)):
        track = drawn[12 + 16 * place : 28 + 16 * place, 0].T.reshape(-1)  # as in the picture
        if place == 0 and meter == 1:
            assert not track.any()
            continue
        at = [round(k * columns / clicks) % columns for k in range(round(clicks))]
        assert (track[at] > 0.85).all()  # at most half a column off: exp(-1/8)
        if columns / clicks > 8:
            between = [round((k + 0.5) * columns / clicks) % columns for k in range(round(clicks))]
            assert (track[between] < 0.01).all()


@pytest.mark.parametrize(
    ("beats", "waltz", "meter"),
    [(8, False, 4), (12, False, 4), (12, True, 3), (9, False, 3), (6, False, 2), (7, True, 1)],
)
def test_meters(beats: int, waltz: bool, meter: int) -> None:
    assert meter_of(beats, waltz=waltz) == meter
