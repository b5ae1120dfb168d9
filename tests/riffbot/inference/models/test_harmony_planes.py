"""Harmony planes: notes where the picture has them, beats where they are, nothing where unknown."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from audio.codec import audio_to_image
from riffbot.inference.models.harmony_planes import (
    CHANNELS,
    ShownChord,
    ShownKey,
    harmony_planes,
)

ROWS = 32
CHORD, CHORD_CLASSES, CHORD_KNOWN = slice(0, 16), slice(16, 28), 28
BASS, BASS_CLASSES, BASS_KNOWN = slice(29, 45), slice(45, 57), 57
KEY, KEY_CLASSES, KEY_KNOWN = slice(58, 74), slice(74, 86), 86
AM7, D7 = ShownChord((9, 0, 4, 7), 9), ShownChord((2, 6, 9, 0))
G_MAJOR = ShownKey(7, (7, 9, 11, 0, 2, 4, 6))

pitch_classes = st.lists(st.integers(0, 11), min_size=1, max_size=7, unique=True).map(tuple)
chords = st.builds(ShownChord, pitch_classes, st.none() | st.integers(0, 11))


def picture_of(planes: torch.Tensor) -> torch.Tensor:
    """Lines (16, rows, cells) as rows of the picture, (512, cells)."""
    return planes.permute(1, 0, 2).reshape(16 * ROWS, -1)


def test_nothing_is_shown_of_what_is_unknown() -> None:
    assert not harmony_planes(16, ROWS).any()
    assert not harmony_planes(16, ROWS, [None] * 8).any()
    chords_alone = harmony_planes(16, ROWS, [D7] * 4)
    assert not chords_alone[29:].any()
    key_alone = harmony_planes(16, ROWS, key=G_MAJOR)
    assert not key_alone[:58].any()
    assert key_alone[KEY_KNOWN].all()


def test_pitch_classes_and_the_tonic() -> None:
    planes = harmony_planes(16, ROWS, [AM7] * 4, G_MAJOR)
    assert planes.shape == (CHANNELS, ROWS, 16)
    assert planes[CHORD_CLASSES, 3, 3].nonzero().flatten().tolist() == [0, 4, 7, 9]
    assert planes[BASS_CLASSES, 3, 3].nonzero().flatten().tolist() == [9]
    scale = planes[KEY_CLASSES, 3, 3]
    assert scale.nonzero().flatten().tolist() == [0, 2, 4, 6, 7, 9, 11]
    assert scale.argmax() == 7


@given(row=st.lists(st.none() | chords, min_size=1, max_size=20), cells=st.integers(4, 64))
def test_each_beat_is_shown_as_long_as_it_lasts(row: list[ShownChord | None], cells: int) -> None:
    planes = harmony_planes(cells, ROWS, row)
    assert planes.min() >= 0
    assert planes.max() <= 1 + 1e-5
    for pitch_class in range(12):
        beats = sum(found is not None and pitch_class in found.pitch_classes for found in row)
        shown = planes[CHORD_CLASSES][pitch_class, 0].sum() / cells
        assert shown.item() == pytest.approx(beats / len(row), abs=1e-5)
    known = sum(found is not None and found.bass is not None for found in row)
    assert planes[BASS_KNOWN, 0].mean().item() == pytest.approx(known / len(row), abs=1e-5)


def test_beats_that_do_not_fill_the_width_lie_where_the_tempo_puts_them() -> None:
    planes = harmony_planes(20, ROWS, [AM7, AM7, D7], beats=2.5)
    known = planes[CHORD_CLASSES, 0]
    assert torch.equal(known[9, :16] > 0, torch.ones(16, dtype=torch.bool))
    assert known[7].tolist() == [1.0] * 16 + [0.0] * 4  # the G of Am7, not of D7
    assert known[6].tolist() == [0.0] * 16 + [1.0] * 4


@given(row=st.lists(chords, min_size=8, max_size=8), turn=st.integers(0, 7))
def test_a_turned_progression_is_the_turned_picture(row: list[ShownChord], turn: int) -> None:
    planes = harmony_planes(32, ROWS, row)
    turned = harmony_planes(32, ROWS, row[turn:] + row[:turn])
    assert torch.allclose(planes.roll(-4 * turn, -1), turned)


@pytest.mark.parametrize("note", [45, 57, 64, 76, 88])
def test_lines_lie_where_the_codec_draws_the_notes(note: int) -> None:
    seconds = np.arange(44_100) / 44_100
    hertz = 440 * 2 ** ((note - 69) / 12)
    tone = (0.5 * np.sin(2 * np.pi * hertz * seconds)).astype(np.float32)
    heard = 255 - audio_to_image(tone, 44_100)[:, 50].astype(int)
    planes = harmony_planes(4, ROWS, [ShownChord((note % 12,), note % 12)], ShownKey(note % 12, ()))
    for lines in (CHORD, KEY):
        drawn = picture_of(planes[lines])[:, 0]
        around = range(heard.argmax() - 2, heard.argmax() + 3)
        assert max(drawn[row].item() for row in around) > 0.85


def test_a_bass_is_drawn_with_its_overtones() -> None:
    drawn = picture_of(harmony_planes(4, ROWS, [ShownChord((0,), 9)])[BASS])[:, 0]
    row_of = lambda hertz: round(511 - (np.log1p(hertz / 700) / np.log1p(10_000 / 700) * 513 - 1))  # noqa: E731
    assert drawn[row_of(55.0)] > 0.8  # A1
    assert 0.2 < drawn[row_of(3 * 55.0 * 2)] < 0.6  # the third partial of A2
    assert drawn[row_of(2000.0)] == pytest.approx(0, abs=1e-3)


def test_other_heights_are_refused() -> None:
    with pytest.raises(ValueError, match="512 mel bands"):
        harmony_planes(4, 16)
