"""Tempo in words, and the width that holds whole beats."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riffbot.tempo import (
    FASTEST,
    MAX_ERROR,
    MAX_WIDTH,
    SLOWEST,
    Grid,
    find_tempo,
    fit_beats,
    fit_measures,
    fit_progression,
)


@pytest.mark.parametrize(
    ("prompt", "bpm"),
    [
        ("techno, 128 bpm", 128),
        ("128BPM techno", 128),
        ("(fast house, 124 bpm:1.2)", 124),
        ("bpm: 90, dub", 90),
        ("funk at 97.5 bpm", 97.5),
        ("a march of 100 beats per minute", 100),
        ("90-bpm groove", 90),
        ("hats at 900 bpm", None),
        ("1980s synth, 30 bpm", None),
        ("from 20 bpm to 120 bpm", 120),
        ("909 drum machine, 12 bars", None),
        ("", None),
    ],
)
def test_named_tempo(prompt: str, bpm: float | None) -> None:
    assert find_tempo(prompt) == bpm


@pytest.mark.parametrize(
    ("bpm", "width", "beats"),
    [(120, 400, 8), (100, 480, 8), (93.75, 512, 8), (140, 512, 12), (60, 400, 4)],
)
def test_measures_that_fit_exactly(bpm: float, width: int, beats: int) -> None:
    found = fit_beats(bpm, 16)
    assert (found.width, found.beats) == (width, beats)
    assert found.bpm == pytest.approx(bpm, rel=MAX_ERROR)


def test_measures_come_before_beats() -> None:
    # 400 columns hold 6 beats at 90 exactly; 8 columns finer, two whole measures fit nearly.
    assert fit_beats(90, 16).beats % 2 == 0
    assert fit_beats(90, 8).beats % 4 == 0


@settings(deadline=None)
@given(st.floats(SLOWEST, FASTEST), st.sampled_from([1, 8, 16]))
def test_a_grid_holds_the_tempo(bpm: float, multiple: int) -> None:
    found = fit_beats(bpm, multiple)
    assert abs(found.bpm / bpm - 1) < MAX_ERROR


@settings(deadline=None)
@given(st.floats(SLOWEST, FASTEST), st.sampled_from([8, 16, 64]), st.integers(128, 1024))
def test_a_grid_is_whole_beats(bpm: float, multiple: int, around: int) -> None:
    found = fit_beats(bpm, multiple, around)
    assert found.width % multiple == 0
    assert 64 <= found.width <= 2048
    assert found.beats >= 1
    assert found.bpm == pytest.approx(found.beats * 6000 / found.width)


@given(bpm=st.floats(55, 180), meter=st.sampled_from((3, 4)))
def test_measures_are_whole_and_near(bpm: float, meter: int) -> None:
    chosen = fit_measures(bpm, 16, 512, meter)
    assert chosen.width % 16 == 0
    assert 384 <= chosen.width <= 640
    assert chosen.beats % meter == 0
    assert chosen.bpm == pytest.approx(chosen.beats * 6000 / chosen.width)
    nearest = min(
        abs(beats * 6000 / width / bpm - 1)
        for width in range(384, 641, 16)
        for beats in range(meter, 33, meter)
    )
    # No nearer tempo is passed over but for a width that lies nearer the usual one.
    assert abs(chosen.bpm / bpm - 1) <= nearest + 0.05 * 0.25 + 1e-9


@given(bpm=st.floats(55, 180), around=st.sampled_from((64, 96, 128, 256)))
def test_measures_of_narrow_clips_stay_within_what_may_be_asked(bpm: float, around: int) -> None:
    assert SLOWEST <= fit_measures(bpm, 16, around).bpm <= FASTEST


@given(bpm=st.floats(40, 240), measures=st.integers(1, 16), exact=st.booleans())
def test_a_progression_is_held_whole(bpm: float, measures: int, exact: bool) -> None:
    found = fit_progression(bpm, 16, 4 * measures, exact=exact)
    if found is None:
        longest = 4 * measures * 6000 / bpm
        assert exact or longest > MAX_WIDTH - 16 or not 41 < bpm < 230
        return
    assert found.width % 16 == 0
    assert found.width <= MAX_WIDTH
    assert found.beats % (4 * measures) == 0
    assert found.width * found.bpm == pytest.approx(6000 * found.beats)
    assert abs(found.bpm / bpm - 1) < (MAX_ERROR if exact else 0.1)


def test_a_progression_is_repeated_where_that_is_nearer_to_the_usual_width() -> None:
    assert fit_progression(120.0, 16, 4) == Grid(400, 8, 120.0)
    nearer = fit_progression(120.0, 16, 4, exact=False)
    assert nearer is not None
    assert (nearer.width, nearer.beats) == (608, 12)
    assert fit_progression(60.0, 16, 64) is None
