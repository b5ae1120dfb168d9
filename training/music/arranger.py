"""Composes a clip: a solo, drums alone, a sound, or a band."""

from __future__ import annotations

import random

from training.music.backing import write_arpeggio
from training.music.band import compose_band
from training.music.chords import chords_played
from training.music.clock import Pen
from training.music.frame import SLOWEST, make_frame, pick
from training.music.genres import GENRES
from training.music.instruments import INSTRUMENTS
from training.music.piece import Piece, Texture
from training.music.pieces import chords_of, drum_track, meters_of, piece_of, tone_of, track_of
from training.music.solos import write_solo
from training.music.textures import pick_texture

_SOLO_MODES = ("major", "major", "minor", "minor", "dorian", "mixolydian", "harmonic minor")
_SOLO_PROGS = (
    ("I V vi IV", "I IV V I", "vi IV I V", "I vi IV V", "I IV I V"),
    ("i bVI bIII bVII", "i iv V i", "i bVII bVI V", "i iv i V", "i bVI iv V"),
)
_HOME_MODES = {
    "sitar": ("double harmonic", "hijaz", "dorian", "mixolydian"),
    "oud": ("hijaz", "double harmonic"),
    "koto": ("hirajoshi", "in", "major pentatonic"),
    "shamisen": ("hirajoshi", "in"),
    "shakuhachi": ("hirajoshi", "minor pentatonic"),
    "shanai": ("hijaz", "double harmonic"),
    "harmonica": ("blues", "major"),
    "overdrive": ("blues", "minor pentatonic", "minor"),
    "distortion": ("phrygian", "minor", "harmonic minor", "blues"),
    "bagpipe": ("mixolydian",),
    "banjo": ("major",),
    "kalimba": ("major pentatonic",),
    "steeldrum": ("major",),
    "acid": ("phrygian", "minor"),
    "nylon": ("major", "minor", "hijaz", "harmonic minor"),
    "slap": ("minor pentatonic", "dorian"),
}
_SOLO_WEIGHTS = {key: who.solo_weight for key, who in INSTRUMENTS.items()}
_SLOW_HANDS = frozenset({"voice", "section", "pad", "drone", "churchkeys", "chimes"})


def compose(rng: random.Random) -> Piece:
    """Compose one looping clip; everything it decides comes from `rng`."""
    dice = rng.random()
    if dice < 0.33:
        return compose_solo(rng, _weighted(rng, _SOLO_WEIGHTS))
    if dice < 0.39:
        return _drums(rng)
    if dice < 0.45:
        return _texture(rng)
    return compose_band(rng, pick_genre(rng))


def _weighted(rng: random.Random, weights: dict[str, float]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def pick_genre(rng: random.Random) -> str:
    """A genre, the ones people ask for more often than others."""
    return _weighted(rng, {name: genre.weight for name, genre in GENRES.items()})


def compose_solo(rng: random.Random, key: str) -> Piece:
    """A piece for one instrument alone."""
    who = INSTRUMENTS[key]
    low, high = (60.0, 96.0) if who.hand in _SLOW_HANDS else (SLOWEST + 4, 164.0)
    if who.hand == "rap":
        low, high = 78.0, 104.0
    if who.hand in {"metalguitar", "banjo", "fiddle", "acid", "arp", "chip"}:
        low = 92.0
    frame = make_frame(
        rng, low, high, (4, 4, 4, 3) if who.hand not in {"acid", "banjo"} else (4, 2)
    )
    mode = rng.choice(_HOME_MODES.get(who.key, _SOLO_MODES))
    progression = pick(rng, _SOLO_PROGS[tone_of(mode) == "dark"])
    if who.hand in {"sitar", "koto", "oud"} or mode in {"hijaz", "double harmonic"}:
        progression = rng.choice(("I5 I5", "I5 I5 bII I5"))
    clock = frame.clock(None)
    parts = chords_of(frame, clock, progression, 4)
    tonic = 60 + rng.randrange(-6, 6)
    pen = Pen(clock, who.low, who.high)
    write_solo(pen, who, parts, tonic, mode)
    if not pen.notes:
        write_arpeggio(pen, who, parts, tonic)
    room = rng.choice(("room", "room", "hall", "small"))
    if who.key in {"churchorgan", "choir", "drone"}:
        room = "cathedral"
    bright = tone_of(mode) == "bright"
    moods = (
        ("happy", "bright", "gentle", "warm") if bright else ("sad", "dark", "melancholic", "moody")
    )
    tracks = (track_of(pen, "solo", who, 0.0, 0.25),)
    return piece_of(
        frame,
        kind="solo",
        tracks=tracks,
        chords=chords_played(tracks, parts, clock, tonic),
        tonic=tonic,
        mode=mode,
        mood=rng.choice(moods),
        room=room,
    )


def _drums(rng: random.Random) -> Piece:
    name = pick_genre(rng)
    while not any(GENRES[name].grooves):
        name = pick_genre(rng)
    genre = GENRES[name]
    groove = ""
    while not groove:
        groove = pick(rng, genre.grooves)
    frame = make_frame(rng, *genre.tempo, meters_of(genre, groove))
    kit = pick(rng, genre.kits)
    track = drum_track(frame, rng, genre, groove)
    return piece_of(
        frame,
        kind="drums",
        genre=name,
        tracks=(track,),
        mood=pick(rng, genre.moods),
        kit=kit,
        room=rng.choice(("small", "room", "dry")),
        style=groove,
    )


def _texture(rng: random.Random) -> Piece:
    name = pick_texture(rng, alone=True)
    frame = make_frame(rng, SLOWEST, 150.0, (4,))
    return piece_of(frame, kind="texture", textures=(Texture(name, 0.0),))
