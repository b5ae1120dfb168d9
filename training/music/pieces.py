"""What solos, drum loops and bands have in common: chords in time, tracks, the finished piece."""

from __future__ import annotations

import random

from training.music.backing import Segment, segments
from training.music.clock import Clock, Pen
from training.music.frame import Frame
from training.music.genre import Genre
from training.music.grooves import groove_steps, write_drums
from training.music.harmony import BRIGHT, chord
from training.music.instruments import Instrument
from training.music.mix import LEVELS
from training.music.piece import BeatChord, Piece, Texture, Track


def chords_of(frame: Frame, clock: Clock, progression: str, per: int) -> list[Segment]:
    """A progression laid over the clip, `per` beats a chord where it fits."""
    chords = [chord(symbol) for symbol in progression.split()]
    beats = min(per, frame.beats)
    if frame.meter == 3:
        beats = 3
    elif frame.meter == 2:
        beats = 2 if per <= 4 and frame.beats // 2 >= len(chords) else 4
    elif frame.beats // beats < len(chords) and frame.beats >= 8:
        beats = max(2, frame.beats // len(chords) // 2 * 2)
    return segments(clock, chords, beats * clock.steps)


def tone_of(mode: str) -> str:
    """Whether a mode is heard as bright or dark."""
    return "bright" if mode in BRIGHT else "dark"


def meters_of(genre: Genre, groove: str) -> tuple[int, ...]:
    """The meters in which a groove can be played."""
    if groove in {"waltz", "jazzwaltz"}:
        return (3,)
    if groove:
        return tuple(m for m in genre.meters if m != 3) or (4,)
    return genre.meters


def drum_track(frame: Frame, rng: random.Random, genre: Genre, groove: str) -> Track:
    """The drummer's track."""
    clock = frame.clock(genre, groove_steps(groove))
    pen = Pen(clock)
    rocky = groove in {"rock", "punk", "metal", "halftime", "pop", "bigband", "march"}
    write_drums(
        pen,
        groove,
        density=rng.uniform(0.5, 1.0),
        fill=rng.random() < 0.25,
        crash=rocky and rng.random() < 0.4,
    )
    notes = tuple(sorted(pen.notes, key=lambda n: (n.start, n.pitch)))
    return Track("drums", "drums", notes, (), (), LEVELS["drums"], 0.12)


def track_of(
    pen: Pen,
    role: str,
    who: Instrument,
    level: float,
    reverb: float,
    *,
    effects: tuple[str, ...] = (),
) -> Track:
    """A player's notes in order, with the effects of the instrument."""
    notes = tuple(sorted(pen.notes, key=lambda n: (n.start, n.pitch)))
    controls = tuple(sorted(pen.controls, key=lambda c: c.time))
    strums = tuple(pen.strums)
    return Track(role, who.key, notes, controls, who.effects + effects, level, reverb, strums)


def piece_of(
    frame: Frame,
    *,
    kind: str,
    genre: str = "",
    tracks: tuple[Track, ...] = (),
    textures: tuple[Texture, ...] = (),
    tonic: int = 60,
    mode: str = "major",
    mood: str = "",
    kit: str = "",
    room: str = "dry",
    effects: tuple[str, ...] = (),
    style: str = "",
    chords: tuple[BeatChord | None, ...] = (),
) -> Piece:
    """Put everything that was decided together."""
    return Piece(
        kind=kind,
        genre=genre,
        width=frame.width,
        beats=frame.beats,
        beats_per_measure=frame.meter,
        tracks=tracks,
        textures=textures,
        key=tonic % 12,
        mode=mode,
        mood=mood,
        kit=kit,
        soundfont=frame.rng.randrange(60),
        room=room,
        effects=effects,
        style=style,
        seed=frame.rng.getrandbits(32),
        chords=chords or (None,) * frame.beats,
    )
