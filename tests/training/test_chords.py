"""The chord of each beat: what is played, not what was meant."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, replace

import pytest

from training.music import Piece, arranger, band, compose
from training.music.arranger import compose_solo
from training.music.backing import Segment, segments
from training.music.chords import chords_played
from training.music.clock import Clock
from training.music.harmony import chord
from training.music.piece import Note, Track
from training.render import describe

C, D, E, F, G, A, B = 0, 2, 4, 5, 7, 9, 11
BEAT = 0.5
CLOCK = Clock(random.Random(0), beats=4, meter=4, beat_seconds=BEAT)


def progression(*symbols: str) -> list[Segment]:
    """One chord every two beats."""
    return segments(CLOCK, [chord(symbol) for symbol in symbols], 2 * CLOCK.steps)


def track(
    *notes: tuple[float, float, int], instrument: str = "piano", role: str = "chords"
) -> Track:
    """Notes as (start, length, pitch), in beats."""
    made = tuple(Note(start * BEAT, length * BEAT, pitch, 90) for start, length, pitch in notes)
    return Track(role, instrument, made)


def held(start: float, length: float, *pitches: int) -> list[tuple[float, float, int]]:
    return [(start, length, pitch) for pitch in pitches]


def test_chords_and_the_lowest_note_of_each_beat() -> None:
    row = chords_played(
        [
            track(*held(0, 2, 60, 64, 67), *held(2, 2, 59, 62, 67)),
            track((0, 1, 36), (1, 1, 43), (2, 2, 47), instrument="bass", role="bass"),
        ],
        progression("I", "V"),
        CLOCK,
        60,
    )
    assert [asdict(found) for found in row if found] == [
        {"root": C, "tones": (C, E, G), "bass": C},
        {"root": C, "tones": (C, E, G), "bass": G},
        {"root": G, "tones": (G, B, D), "bass": B},
        {"root": G, "tones": (G, B, D), "bass": B},
    ]


def test_a_key_moves_chords() -> None:
    row = chords_played([track(*held(0, 4, 62, 66, 69))], progression("I"), CLOCK, 62)
    assert [found and found.tones for found in row] == [(D, 6, A)] * 4


def test_only_what_sounds_is_of_the_chord() -> None:
    power = chords_played([track(*held(0, 4, 40, 47, 52))], progression("i"), CLOCK, 64)
    assert [found and found.tones for found in power] == [(E, B)] * 4
    ninth = chords_played([track(*held(0, 4, 48, 64, 70, 74))], progression("I9"), CLOCK, 60)
    assert [found and found.tones for found in ninth] == [(C, E, 10, D)] * 4


@pytest.mark.parametrize(
    "player",
    [
        track((0, 1, 36), (2, 1, 38), instrument="drums", role="drums"),
        track(*held(0, 4, 60, 64, 67), instrument="rapper", role="solo"),
        track((0, 4, 60), role="solo"),
        track(*held(0, 4, 61, 63, 66)),
        track(),
    ],
    ids=["drums", "rapper", "one note", "other notes", "nobody"],
)
def test_no_chord_where_nobody_plays_one(player: Track) -> None:
    assert chords_played([player], progression("I"), CLOCK, 60) == (None,) * 4


def test_a_lead_does_not_contradict_who_accompanies() -> None:
    lead = track(*held(0, 4, 73, 75, 78, 80), instrument="violin", role="lead")
    row = chords_played([lead, track(*held(0, 4, 60, 64, 67))], progression("I"), CLOCK, 60)
    assert [found and found.tones for found in row] == [(C, E, G)] * 4


def test_high_notes_have_no_bass() -> None:
    row = chords_played([track(*held(0, 4, 72, 76, 79))], progression("I"), CLOCK, 60)
    assert [found and found.bass for found in row] == [None] * 4


def test_what_rings_beyond_the_end_sounds_at_the_start() -> None:
    row = chords_played([track(*held(2, 4, 60, 64, 67))], progression("I"), CLOCK, 60)
    assert [found and found.bass for found in row] == [C] * 4


@pytest.fixture(scope="module")
def pieces() -> list[Piece]:
    return [compose(random.Random(seed)) for seed in range(300)]


def test_every_piece_has_a_chord_or_none_for_each_beat(pieces: list[Piece]) -> None:
    for piece in pieces:
        assert len(piece.chords) == piece.beats
        if piece.kind in {"drums", "texture"}:
            assert set(piece.chords) == {None}
    bands = [piece for piece in pieces if piece.kind == "band"]
    known = sum(sum(map(bool, piece.chords)) for piece in bands)
    assert known > 0.75 * sum(piece.beats for piece in bands)


@pytest.mark.parametrize(
    ("instrument", "least", "most"),
    [
        ("harp", 0.8, 1.0),
        ("strings", 0.6, 1.0),
        ("distortion", 0.3, 0.9),
        ("violin", 0.0, 0.5),
        ("rapper", 0.0, 0.0),
    ],
)
def test_solos_have_chords_where_their_players_play_some(
    instrument: str, least: float, most: float
) -> None:
    rows = [compose_solo(random.Random(seed), instrument).chords for seed in range(20)]
    known = sum(found is not None for row in rows for found in row)
    assert least <= known / sum(map(len, rows)) <= most


def test_nothing_that_is_composed_depends_on_the_chords(
    pieces: list[Piece], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shards rendered before chords were known are still what their seeds are today."""
    for module in (arranger, band):
        monkeypatch.setattr(module, "chords_played", lambda *given: ())
    for seed, piece in enumerate(pieces):
        without = compose(random.Random(seed))
        assert without == replace(piece, chords=(None,) * piece.beats)


def test_a_description_has_the_chords(pieces: list[Piece]) -> None:
    piece = next(piece for piece in pieces if None in piece.chords and any(piece.chords))
    row = json.loads(json.dumps(describe(piece, [], 1)))["chords"]
    for found, said in zip(piece.chords, row, strict=True):
        assert said == (json.loads(json.dumps(asdict(found))) if found else None)
