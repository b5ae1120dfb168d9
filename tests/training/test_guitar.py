"""A guitarist's hands: shapes that can be held, strokes that have a direction."""

from __future__ import annotations

import random

import pytest

from training.music.backing import segments
from training.music.clock import Clock, Pen
from training.music.guitar import TUNING, held_shape, pick_capo, write_picking, write_strums
from training.music.harmony import chord


def _pen(steps: int = 4) -> Pen:
    return Pen(Clock(random.Random(5), 8, 4, 0.5, steps))


@pytest.mark.parametrize("symbol", ["I", "ii", "V7", "Imaj7", "iim7b5", "bVII", "I5", "im9"])
def test_a_hand_can_hold_every_chord_in_every_key(symbol: str) -> None:
    for tonic in range(54, 66):
        held = held_shape(chord(symbol), tonic)
        frets = [pitch - string for pitch, string in zip(held, TUNING, strict=True) if pitch]
        stopped = [fret for fret in frets if fret > 0]
        assert min(frets) >= 0
        assert not stopped or max(stopped) - min(stopped) <= 3
        assert len(frets) >= 3
        lowest = next(pitch for pitch in held if pitch)
        assert lowest % 12 == (tonic + chord(symbol).root) % 12


def test_c_major_is_the_shape_that_beginners_learn() -> None:
    assert held_shape(chord("I"), 60) == (0, 48, 52, 55, 60, 64)
    assert held_shape(chord("vi"), 60) == (0, 45, 52, 57, 60, 64)


def test_a_capo_makes_a_key_easy() -> None:
    for tonic in range(12):
        fret = pick_capo(random.Random(tonic), tonic, minor=False)
        assert (tonic - fret) % 12 in {0, 2, 4, 7, 9}


def test_a_stroke_goes_through_the_strings_in_its_direction() -> None:
    pen = _pen()
    parts = segments(pen.clock, [chord("I")], 32)
    write_strums(pen, parts, 60, "folkstrum")
    assert {strum.direction for strum in pen.strums} == {"down", "up"}
    assert {strum.root for strum in pen.strums} == {0}
    for strum in pen.strums:
        near = [n for n in pen.notes if abs(n.start - strum.start) < 0.07]
        near.sort(key=lambda note: note.start)
        pitches = [note.pitch for note in near]
        assert pitches == sorted(pitches, reverse=strum.direction == "up")
        assert near[-1].start - near[0].start <= 0.031


@pytest.mark.parametrize("steps", [3, 4])
def test_fingers_pick_the_strings_of_the_chord(steps: int) -> None:
    pen = _pen(steps)
    write_picking(pen, segments(pen.clock, [chord("I")], pen.clock.total), 60)
    assert {note.pitch for note in pen.notes} <= set(held_shape(chord("I"), 60))
    assert len({note.pitch for note in pen.notes}) >= 4
