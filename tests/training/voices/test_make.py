"""Making the bank: vowels are held, melodies stay put, the edges of vowels are found."""

from __future__ import annotations

import numpy as np
import pytest

from training.voices import bank
from training.voices.make import hold_vowels, locate_syllables, melody_for
from training.voices.speech import FRAME
from training.voices.words import Line, parse


@pytest.fixture
def line() -> Line:
    return parse("sung", "hold on", "hˈOld ɔn")


def test_vowels_are_held_through_their_marks_and_consonants_are_not(line: Line) -> None:
    natural = np.full(len(line.symbols) + 2, 2)
    lengths = hold_vowels(line, natural)
    first, last = line.syllables
    assert list(lengths[first.mark + 1 : first.mark + 3]) == [7, 7]
    assert list(lengths[last.mark + 1 : last.mark + 3]) == [12, 12]
    assert lengths[first.start + 1] == lengths[first.end] == 2
    rapped = Line("rapped", line.text, line.symbols, line.syllables)
    np.testing.assert_array_equal(hold_vowels(rapped, natural)[1:-1], natural[1:-1])


def test_a_melody_is_near_home_and_vowels_are_never_whispered(line: Line) -> None:
    lengths = hold_vowels(line, np.full(len(line.symbols) + 2, 2))
    ends = np.cumsum(lengths) * 2
    curve = melody_for(line, np.zeros(ends[-1]), lengths, 220.0, np.random.default_rng(0))
    for syllable in line.syllables:
        vowel = curve[ends[syllable.mark] : ends[syllable.mark + 2]]
        assert ((vowel > 220 * 2 ** (-4 / 12)) & (vowel < 220 * 2 ** (5 / 12))).all()
    assert curve[0] == curve[-1] == 0


def test_a_vowel_begins_where_it_is_loud(line: Line) -> None:
    lengths = hold_vowels(line, np.full(len(line.symbols) + 2, 2))
    ends = np.concatenate([[0], np.cumsum(lengths)]) * (FRAME // bank.HOP)
    level = np.full((ends[-1], bank.BANDS), -70, np.float32)
    start = int(ends[line.syllables[0].mark + 1]) + 9
    stop = int(ends[line.syllables[0].mark + 3]) - 6
    level[start:stop] = 0
    first, last = locate_syllables(line, lengths, level)
    assert (first.vowel, first.coda) == (start, stop)
    assert first.start < first.vowel < first.coda < first.end <= last.vowel
