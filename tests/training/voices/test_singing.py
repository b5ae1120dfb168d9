"""Voices: on pitch, on time, in phrases, and the same for the same piece."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.music import INSTRUMENTS, Piece
from training.music.band import compose_band
from training.music.piece import Note, Track
from training.voices.bank import HOP, RATE, Bank
from training.voices.choir import SINGERS, Choir, parts_of, phrases_of
from training.voices.performance import FRAMES_PER_SECOND, Manner, SungNote, perform
from training.voices.vocoder import synthesise

PLAIN = Manner(vibrato=0, scoop=0, drift=0)


@pytest.fixture(scope="module")
def bank(voices: Path) -> Bank:
    return Bank(voices)


def _hertz(sound: np.ndarray, near: float) -> float:
    """The pitch within half an octave of a guess, by autocorrelation."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 4 * len(sound))) ** 2
    echo = np.fft.irfft(spectrum)
    low, high = int(RATE / near / 1.4), int(RATE / near * 1.4)
    return RATE / (low + int(np.argmax(echo[low:high])))


def test_the_vocoder_sings_the_pitch_that_it_is_given(bank: Bank) -> None:
    take = bank.take("heart", "sung", 0)
    vowel = take.syllables[0].vowel
    level, noise = np.repeat(take.level[[vowel]], 100, 0), np.repeat(take.noise[[vowel]], 100, 0)
    for hertz in (110.0, 220.0, 410.0):
        sound = synthesise(level, noise, np.full(100, hertz), np.random.default_rng(0))
        assert len(sound) == 100 * HOP
        assert _hertz(sound, hertz) == pytest.approx(hertz, rel=0.015)


def test_a_smaller_throat_is_brighter(bank: Bank) -> None:
    take = bank.take("heart", "sung", 0)
    centres = []
    for formants in (0.9, 1.0, 1.1):
        rng = np.random.default_rng(0)
        sound = synthesise(take.level, take.noise, take.pitch, rng, formants)
        power = np.abs(np.fft.rfft(sound)) ** 2
        hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
        centres.append(float(np.sum(power * hertz) / np.sum(power)))
    assert centres == sorted(centres)


def test_vowels_begin_with_their_notes_and_reach_their_pitch(bank: Bank) -> None:
    take = bank.take("heart", "sung", 0)
    notes = [SungNote(0, 100, 60), SungNote(100, 60, 64), SungNote(160, 120, 62)]
    frames = perform(take, 0, notes, PLAIN, np.random.default_rng(0))
    lead = frames.lead
    voiced = frames.pitch > 0
    assert not voiced[:lead].any()
    assert voiced[lead + 2 : lead + 60].all()
    for note in notes:
        middle = lead + round(note.start + note.length / 2)
        midi = 69 + 12 * np.log2(frames.pitch[middle] / 440)
        assert midi == pytest.approx(note.pitch, abs=0.1)
        assert voiced[lead + round(note.start) + 2]


def test_a_held_syllable_has_no_consonant(bank: Bank) -> None:
    take = bank.take("heart", "sung", 0)
    notes = [SungNote(0, 100, 60), SungNote(100, 100, 64, held=True)]
    frames = perform(take, 0, notes, PLAIN, np.random.default_rng(0))
    assert (frames.pitch[frames.lead + 2 : frames.lead + 180] > 0).all()


def test_long_notes_have_vibrato(bank: Bank) -> None:
    take = bank.take("heart", "sung", 0)
    manner = Manner(vibrato=60, scoop=0, drift=0)
    frames = perform(take, 0, [SungNote(0, 400, 60)], manner, np.random.default_rng(0))
    late = frames.pitch[frames.lead + 150 : frames.lead + 380]
    cents = 1200 * np.log2(late / np.median(late))
    assert 40 < np.max(cents) < 75
    turns = np.sum(np.diff(np.sign(cents)) > 0) / (len(late) / FRAMES_PER_SECOND)
    assert 4.3 < turns < 7


def test_parts_and_phrases() -> None:
    notes = [Note(0, 1, 60, 90), Note(0.01, 1, 64, 90), Note(1, 0.5, 65, 90), Note(2, 1, 62, 90)]
    parts = parts_of(notes)
    assert [[note.pitch for note in part] for part in parts] == [[64, 65, 62], [60]]
    assert [[note.pitch for note in phrase] for phrase in phrases_of(parts[0])] == [[64, 65], [62]]


def _piece(key: str, notes: tuple[Note, ...]) -> Piece:
    piece = compose_band(random.Random(1), "soul")
    return replace(piece, tracks=(Track("lead", key, notes),), width=256, beats=4, seed=5)


@pytest.mark.parametrize("key", list(SINGERS))
def test_every_voice_sounds_and_is_a_function_of_its_piece(bank: Bank, key: str) -> None:
    assert key in INSTRUMENTS
    middle = (INSTRUMENTS[key].low + INSTRUMENTS[key].high) // 2
    piece = _piece(key, (Note(0.0, 0.8, middle, 100), Note(1.0, 1.0, middle + 2, 100)))
    first = Choir(bank).render(piece.tracks[0], piece)
    assert first.dtype == np.float32
    assert len(first) == 256 * 441
    assert np.isfinite(first).all()
    assert np.sqrt(np.mean(first**2)) > 0.001
    np.testing.assert_array_equal(first, Choir(bank).render(piece.tracks[0], piece))


def test_what_runs_over_the_end_lands_on_the_start(bank: Bank) -> None:
    piece = _piece("woman", (Note(2.0, 1.2, 66, 100),))
    sound = Choir(bank).render(piece.tracks[0], piece)
    start = np.sqrt(np.mean(sound[: 44_100 // 3] ** 2))
    middle = np.sqrt(np.mean(sound[44_100 : 44_100 * 3 // 2] ** 2))
    assert start > 30 * middle


def test_a_double_is_another_take(bank: Bank) -> None:
    piece = _piece("woman", (Note(0.0, 1.0, 66, 100),))
    track = piece.tracks[0]
    one = Choir(bank).render(track, piece)
    two = Choir(bank).render(replace(track, effects=("double",)), piece)
    assert not np.allclose(one, two)
