"""Which chords a picture shows that lies in longer music."""

from __future__ import annotations

from riffbot.harmony import ChordLayout, Harmony

FOUR = ChordLayout(Harmony.parse(None, "Am F C G"), bpm=120, meter=4)
"""Four measures of 200 columns each."""


def test_a_picture_shows_the_measures_that_it_lies_in() -> None:
    assert FOUR.chords_of(0, 400) == "Am F"
    assert FOUR.chords_of(400, 400) == "C G"
    assert FOUR.chords_of(800, 400) == "Am F", "the progression goes on in a circle"
    assert FOUR.chords_of(-200, 400) == "G Am"


def test_a_picture_may_begin_within_a_measure() -> None:
    assert FOUR.chords_of(100, 200) == "| Am F |"
    assert FOUR.chords_of(50, 200) == "| Am . . F |"


def test_a_rotated_picture_shows_each_column_what_sounds_there() -> None:
    # Of the columns 300 to 700, those from 400 on come first and those before 400 last.
    assert FOUR.chords_of(300, 400, turn=300) == "C | G F"
    assert FOUR.chords_of(200, 400, turn=200) == "C F"


def test_whole_columns_that_miss_a_beat_by_a_hair_count_as_the_beat() -> None:
    layout = ChordLayout(Harmony.parse(None, "Am F C G"), bpm=117.1875, meter=4)
    assert layout.chords_of(410, 410) == "C G"
    assert layout.chords_of(409, 410) == "C G"


def test_chords_count_from_the_origin() -> None:
    shifted = ChordLayout(FOUR.harmony, 120, 4, origin=600)
    assert shifted.chords_of(0, 400) == "F C"
    assert shifted.chords_of(600, 200) == "Am"


def test_three_beats_a_measure() -> None:
    waltz = ChordLayout(Harmony.parse(None, "Am F"), 120, 3)
    assert waltz.chords_of(0, 450) == "Am F Am"


def test_nothing_is_shown_without_whole_beats_or_chords() -> None:
    assert FOUR.chords_of(0, 330) is None
    assert ChordLayout(Harmony.parse("Am"), 120, 4).chords_of(0, 400) is None
