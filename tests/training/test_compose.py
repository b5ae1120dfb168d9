"""The composer: the same clip from the same seed, exact tempo, playable notes."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from training.music import INSTRUMENTS, Piece, compose
from training.music.band import compose_band
from training.music.genres import GENRES
from training.music.grooves import GROOVES
from training.music.harmony import SCALES, chord, voicing
from training.music.instruments import KITS
from training.music.solos import HANDS


@pytest.fixture(scope="module")
def pieces() -> list[Piece]:
    return [compose(random.Random(seed)) for seed in range(900)]


def test_a_seed_is_a_piece() -> None:
    assert compose(random.Random(5)) == compose(random.Random(5))
    assert compose(random.Random(5)) != compose(random.Random(6))


def test_tempo_and_width_are_exact(pieces: list[Piece]) -> None:
    for piece in pieces:
        assert piece.width == pytest.approx(piece.beats * 6000 / piece.bpm, abs=1e-9)
        assert piece.width % 16 == 0
        assert 256 <= piece.width <= 640
        assert piece.beats % piece.beats_per_measure == 0
        assert 56 <= piece.bpm <= 184


def test_half_of_the_clips_have_the_usual_width(pieces: list[Piece]) -> None:
    share = sum(piece.width == 512 for piece in pieces) / len(pieces)
    assert 0.48 < share < 0.64
    assert len({piece.width for piece in pieces}) > 20


def test_every_genre_and_instrument_turns_up(pieces: list[Piece]) -> None:
    more = [compose(random.Random(seed)) for seed in range(900, 3300)]
    genres = {piece.genre for piece in pieces + more}
    heard = {track.instrument for piece in pieces + more for track in piece.tracks}
    assert set(GENRES) <= genres
    assert set(INSTRUMENTS) <= heard
    assert len(GENRES) >= 30
    assert len(INSTRUMENTS) >= 50


def test_a_third_of_the_clips_are_solos(pieces: list[Piece]) -> None:
    kinds = Counter(piece.kind for piece in pieces)
    assert 0.27 < kinds["solo"] / len(pieces) < 0.4
    assert kinds["drums"] > 30
    assert kinds["texture"] > 30


def test_notes_lie_inside_the_clip(pieces: list[Piece]) -> None:
    for piece in pieces:
        for track in piece.tracks:
            assert track.notes
            for note in track.notes:
                assert 0 <= note.start < piece.seconds
                assert note.duration > 0
                assert 0 <= note.pitch <= 127
                assert 1 <= note.velocity <= 127


def test_the_tables_agree() -> None:
    for name, genre in GENRES.items():
        for field in (genre.chords, genre.leads, genre.bass, genre.pads):
            for key in filter(None, field):
                assert key in INSTRUMENTS, (name, key)
        for groove in filter(None, genre.grooves):
            assert groove in GROOVES, (name, groove)
        for kit in filter(None, genre.kits):
            assert kit in KITS, (name, kit)
        for mode in genre.modes:
            assert mode in SCALES, (name, mode)
        for progression in genre.progressions:
            for symbol in progression.split():
                assert chord(symbol).tones
    assert {who.hand for who in INSTRUMENTS.values()} <= set(HANDS)


def test_voices_lead_smoothly() -> None:
    first = voicing(chord("I"), 60, 64, None)
    second = voicing(chord("IV"), 60, 64, first)
    assert sum(abs(a - b) for a, b in zip(first, second, strict=True)) <= 6


def test_what_a_genre_is_known_by_never_rests() -> None:
    for name, genre in GENRES.items():
        for seed in range(12 if genre.always else 0):
            roles = compose_band(random.Random(f"{name} {seed}"), name).roles
            assert set(genre.always) <= set(roles), name


PLAYED = {"tenor", "clean", "overdrive", "harmonica"}
"""Leads of the blues that are no singers, beside whom an instrument may play throughout."""


def test_a_fill_answers_in_the_second_half_of_a_measure() -> None:
    found = 0
    for seed in range(30):
        piece = compose_band(random.Random(seed), "blues")
        measure = 60 / piece.bpm * piece.beats_per_measure
        instruments = {track.role: track for track in piece.tracks}
        if {"fill", "lead"} <= set(instruments) and instruments["lead"].instrument in PLAYED:
            found += 1
            for note in instruments["fill"].notes:
                assert note.start % measure >= measure / 2 - 0.05
    assert found
