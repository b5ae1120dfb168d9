"""Which picture sounds at which column."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.timeline import Chunk, LoopGrid, Timeline

LOOP_GRID = LoopGrid(width=128, beats=4)


def chunk(number: int, width: int = 128) -> Chunk:
    """Its pixels say which chunk (row 0) and which column (row 1) they are."""
    picture = np.zeros((512, width), np.uint8)
    picture[0] = number
    picture[1] = np.arange(width)
    path = PromptPath.begin(ChunkOptions(prompt=f"chunk {number}"), seed_image="beat")
    return Chunk(path, path.build_request(), picture)


def heard(timeline: Timeline, first: int, last: int) -> list[tuple[int, int]]:
    columns, _ = timeline.read_pixels(first, last)
    assert columns.shape == (512, last - first)
    return [(int(a), int(b)) for a, b in zip(columns[0], columns[1], strict=True)]


@given(st.integers(64, 2048), st.integers(1, 32), st.integers(0, 10**7))
def test_beats_lie_where_they_lie_for_ever(width: int, beats: int, column: int) -> None:
    loop_grid = LoopGrid(width, beats)
    beat = loop_grid.next_beat(column)
    assert column <= beat <= column + width / beats + 1
    turn, within = divmod(beat, width)
    nearest = round(within * beats / width)
    assert abs(within - nearest * width / beats) <= 0.5, "to the nearest column, turn after turn"
    assert loop_grid.next_beat(turn * width) == turn * width


def test_a_bar_is_a_measure_or_the_whole_where_it_is_no_whole_number_of_columns() -> None:
    assert LoopGrid(512, 8).fallback_loop_columns == 256
    assert LoopGrid(512, 12, 3).fallback_loop_columns == 128
    assert LoopGrid(544, 12, 4).fallback_loop_columns == 544
    assert LoopGrid(512, 8).bpm == 93.75


def test_a_chunk_comes_in_at_its_own_place_in_the_measure() -> None:
    timeline = Timeline(LOOP_GRID)
    timeline.insert(chunk(1), 0)
    timeline.insert(chunk(2), 128)
    timeline.insert(chunk(3), 32)  # a wish: what was to come is forgotten
    assert heard(timeline, 30, 34) == [(1, 30), (1, 31), (3, 32), (3, 33)]
    assert timeline.end == 128
    timeline.insert(chunk(4), 128)
    assert heard(timeline, 127, 129) == [(3, 127), (4, 0)]


def test_a_late_chunk_lets_the_last_bar_loop_in_time() -> None:
    timeline = Timeline(LoopGrid(128, 8, beats_per_measure=2))  # a bar of 32 columns
    timeline.insert(chunk(1), 0)
    columns, looping = timeline.read_pixels(128, 200)
    assert looping
    assert [int(c) for c in columns[1, :40]] == [*range(96, 128), *range(96, 104)]
    timeline.insert(chunk(2), timeline.loop_grid.next_beat(200))
    assert timeline.loop_grid.next_beat(200) == 208
    assert heard(timeline, 207, 209) == [(1, 111), (2, 80)]
    assert not timeline.read_pixels(208, 256)[1]


def test_a_chunk_that_comes_in_late_in_a_turn_plays_the_next_one_too() -> None:
    timeline = Timeline(LOOP_GRID)
    timeline.insert(chunk(1), 0)
    assert timeline.insert(chunk(2), 32).end == 128
    assert timeline.insert(chunk(2), 64).end == 256
    assert timeline.insert(chunk(3), 96).end == 256
    columns, looping = timeline.read_pixels(120, 200)
    assert not looping
    assert [int(c) for c in columns[1]] == [*range(120, 128), *range(72)]


def test_the_past_is_forgotten_but_for_a_while() -> None:
    timeline = Timeline(LOOP_GRID, history_columns=300)
    for number in range(200):
        timeline.insert(chunk(number % 250), number * 128)
        timeline.discard_before(number * 128)
    assert len(timeline) <= 5
    assert heard(timeline, 199 * 128 - 300, 199 * 128 - 298)
    with pytest.raises(LookupError):
        timeline.read_pixels(0, 16)
