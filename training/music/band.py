"""A band: line-up, parts, balance and effects by genre."""

from __future__ import annotations

import random
from dataclasses import replace

from training.music.backing import RHYTHMS, Segment, write_arpeggio, write_bass, write_chords
from training.music.chords import chords_played
from training.music.clock import Clock, Pen
from training.music.frame import Frame, make_frame, pick
from training.music.genres import GENRES, Genre
from training.music.grooves import groove_steps
from training.music.guitar import STROKES, pick_capo, write_picking, write_strums
from training.music.harmony import BRIGHT, chord
from training.music.instruments import INSTRUMENTS
from training.music.melody import write_line
from training.music.mix import BALANCE, LEVELS
from training.music.piece import Piece, Texture, Track
from training.music.pieces import chords_of, drum_track, meters_of, piece_of, track_of
from training.music.solos import lead_line, write_solo
from training.music.textures import pick_texture
from training.music.vocals import FILL_LEVEL, compose_vocals

_GUEST_SHARE = 0.16
_GUESTS = (
    *("tenor", "alto", "violin", "trumpet", "flute", "overdrive", "piano"),
    *("oohs", "hammond", "sitar", "synlead", "harmonica", "accordion", "banjo"),
    *("choir", "cello", "vibraphone", "steeldrum", "clarinet", "harpsichord", "nylon", "harp"),
)
"""Leads that turn up where they are not expected: "techno with sitar" is asked for too."""

_FULL = frozenset(STROKES) - {"scratch", "skank", "offbeat"}
"""Rhythms in which an electric guitar strums all its strings; the others take three or four."""

_EASTERN = frozenset({"gospel", "techno", "house", "trance", "metal", "funk", "jazz", "hiphop"})
"""Genres that are sometimes played in an Arabic scale."""


def _progressions(rows: tuple[str, ...], mode: str) -> tuple[str, ...]:
    """Only progressions whose tonic fits the mode, or all where none does."""
    minor = mode not in BRIGHT and mode not in {"hijaz", "double harmonic", "blues"}
    fitting = []
    for row in rows:
        home = [chord(symbol).third for symbol in row.split() if chord(symbol).root == 0]
        if not home or (home[0] == 3) == minor:
            fitting.append(row)
    return tuple(fitting) or rows


def _line_up(rng: random.Random, genre: Genre) -> tuple[str, str, str, str]:
    """Who plays lead, chords, bass and pad; now and then one of them rests."""
    drop = rng.random()
    leading = drop > 0.1 or "lead" in genre.always
    lead = pick(rng, genre.leads) if genre.leads and leading else ""
    playing = not 0.1 < drop < 0.17 or "chords" in genre.always
    chords = pick(rng, genre.chords) if genre.chords and playing else ""
    bass = pick(rng, genre.bass) if genre.bass and drop < 0.93 else ""
    pad = pick(rng, genre.pads) if genre.pads and rng.random() < 0.6 else ""
    if lead and "lead" not in genre.always and rng.random() < _GUEST_SHARE:
        lead = rng.choice(_GUESTS)
    if chords == lead and lead in {"nylon", "koto"}:
        chords = ""
    return lead, chords, bass, pad


def compose_band(rng: random.Random, name: str) -> Piece:
    """A band that plays one genre."""
    genre = GENRES[name]
    drumming = rng.random() < 0.94 or "drums" in genre.always
    groove = pick(rng, genre.grooves) if genre.grooves and drumming else ""
    frame = make_frame(rng, *genre.tempo, meters_of(genre, groove))
    kit = pick(rng, genre.kits) if groove else ""
    steps = groove_steps(groove) if groove else 4
    if not groove and name in {"blues"}:
        steps = 3
    clock = frame.clock(genre, steps)
    mode = pick(rng, genre.modes)
    if name in _EASTERN and rng.random() < 0.12:
        mode = rng.choice(("hijaz", "double harmonic"))
    progression = pick(rng, _progressions(genre.progressions, mode))
    parts = chords_of(frame, clock, progression, genre.chords_per)
    tonic = 60 + rng.randrange(-6, 6)
    tracks: list[Track] = []
    lead, chords, bass, pad = _line_up(rng, genre)
    voices, plays_on = compose_vocals(clock, name, parts, tonic=tonic, mode=mode)
    tracks += voices
    if lead and plays_on:
        track = _lead(clock, genre, lead, parts, tonic=tonic, mode=mode)
        if voices:
            track = replace(track, role="fill", level=track.level + FILL_LEVEL)
        tracks.append(track)
    if chords:
        tracks.append(
            _comp(
                clock,
                genre,
                chords,
                parts,
                tonic=tonic,
                mode=mode,
                alone=not lead and not voices,
                waltz=frame.meter == 3,
            )
        )
    if "drone" in genre.rhythm_effects:
        tracks.append(_tanpura(clock, tonic))
    if bass:
        who = INSTRUMENTS[bass]
        pen = Pen(clock, who.low, who.high)
        line = pick(rng, _ternary(genre.lines, clock, frame))
        write_bass(pen, who, parts, tonic, line)
        tracks.append(track_of(pen, "bass", who, LEVELS["bass"], 0.05))
    if pad and pad not in (lead, chords):
        who = INSTRUMENTS[pad]
        pen = Pen(clock, who.low, who.high)
        write_chords(pen, who, parts, tonic, "whole")
        tracks.append(track_of(pen, "pad", who, LEVELS["pad"], 0.35))
    fill = pick(rng, genre.fills) if genre.fills and rng.random() < 0.7 else ""
    if fill and fill != lead and "fill" not in {track.role for track in tracks}:
        alone = not lead and not voices
        tracks.append(_fill(clock, genre, fill, parts, tonic=tonic, mode=mode, alone=alone))
    if groove:
        tracks.append(drum_track(frame, rng, genre, groove))
    balance = BALANCE.get(name, {})
    tracks = [replace(t, level=t.level + balance.get(t.role, 0.0)) for t in tracks]
    effects = tuple(e for e in (pick(rng, genre.effects),) if e) if genre.effects else ()
    return piece_of(
        frame,
        kind="band",
        genre=name,
        tracks=tuple(tracks),
        chords=chords_played(tracks, parts, clock, tonic),
        textures=_sounds_around(rng, name),
        tonic=tonic,
        mode=mode,
        mood=pick(rng, genre.moods),
        kit=kit,
        room=genre.room,
        effects=effects,
        style=groove,
    )


def _sounds_around(rng: random.Random, name: str) -> tuple[Texture, ...]:
    """Rain, vinyl, bells: now and then, and more often where they belong."""
    at_home = name in {"lofi", "ambient", "newage", "christmas", "church"}
    if rng.random() >= (0.3 if at_home else 0.05):
        return ()
    return (Texture(pick_texture(rng, genre=name), -9.0),)


def _ternary(lines: tuple[str, ...], clock: Clock, frame: Frame) -> list[str]:
    """Bass lines that fit the grid: ternary ones only on a ternary grid."""
    ternary = {"shuffle", "slow12"}
    rows = [line for line in lines if (line in ternary) == (clock.steps == 3)]
    if clock.steps == 3 and not rows:
        rows = ["slow12"]
    if frame.meter == 3:
        rows = ["waltz"]
    return rows or ["roots"]


def _lead(
    clock: Clock, genre: Genre, key: str, parts: list[Segment], *, tonic: int, mode: str
) -> Track:
    who = INSTRUMENTS[key]
    pen = Pen(clock, who.low, who.high)
    if who.hand in {"acid", "wobble", "sitar"}:
        write_solo(pen, who, parts, tonic, mode)
    elif who.hand in {"section", "stabs", "pad"} and clock.rng.random() < 0.5:
        write_chords(pen, who, parts, tonic, "push" if clock.steps == 4 else "slow12")
    elif key == "choir":
        write_chords(pen, who, parts, tonic, "half" if clock.steps == 4 else "slow12")
    else:
        write_line(pen, who, parts, tonic, lead_line(who, pick(clock.rng, genre.styles), mode))
    if not pen.notes:
        write_chords(pen, who, parts, tonic, "whole")
    effects = ("delay",) if clock.rng.random() < 0.2 and who.patch else ()
    return track_of(pen, "lead", who, LEVELS["lead"], 0.28, effects=effects)


def _fill(
    clock: Clock,
    genre: Genre,
    key: str,
    parts: list[Segment],
    *,
    tonic: int,
    mode: str,
    alone: bool,
) -> Track:
    """Short answers in the second half of each measure; the whole of it where nobody leads."""
    who = INSTRUMENTS[key]
    pen = Pen(clock, who.low, who.high)
    write_line(pen, who, parts, tonic, lead_line(who, pick(clock.rng, genre.styles), mode))
    if not alone:
        half = clock.bar * clock.beat_seconds / clock.steps / 2
        pen.notes = [note for note in pen.notes if int(note.start / half) % 2]
    return track_of(pen, "fill", who, LEVELS["fill"], 0.25)


def _comp(
    clock: Clock,
    genre: Genre,
    key: str,
    parts: list[Segment],
    *,
    tonic: int,
    mode: str,
    alone: bool,
    waltz: bool,
) -> Track:
    who, rng = INSTRUMENTS[key], clock.rng
    pen = Pen(clock, who.low, who.high)
    rhythm = pick(rng, genre.rhythms)
    broken = rng.random() < 0.25 and rhythm in {"half", "quarters", "folkstrum", "push"}
    guitar = who.hand == "pluck" or (who.hand == "eguitar" and rhythm in _FULL)
    if who.hand in {"banjo", "koto"}:
        write_solo(pen, who, parts, tonic, "major")
    elif guitar and rhythm not in {"bossa", "gallop"}:
        capo = 0 if who.hand == "eguitar" else pick_capo(rng, tonic, mode not in BRIGHT)
        if broken:
            write_picking(pen, parts, tonic, capo)
        else:
            write_strums(pen, parts, tonic, rhythm, capo)
    elif who.hand in {"harp", "arp", "chip", "bells"} and rng.random() < 0.7:
        every = 1 if who.hand in {"arp", "chip"} else 2
        write_arpeggio(pen, who, parts, tonic, every=every, shape=rng.choice(("up", "updown")))
    elif broken and who.hand in {"keys", "baroque"}:
        write_arpeggio(pen, who, parts, tonic, every=2 if clock.steps == 4 else 1)
    else:
        write_chords(pen, who, parts, tonic, _fitting(rhythm, clock, waltz=waltz))
    if not pen.notes:
        write_chords(pen, who, parts, tonic, "whole")
    return track_of(pen, "chords", who, -1.0 if alone else LEVELS["chords"], 0.2)


def _fitting(rhythm: str, clock: Clock, *, waltz: bool) -> str:
    """A chord rhythm, or what stands for it on another grid."""
    if waltz:
        return "waltz"
    ternary = rhythm in {"shuffle", "slow12"}
    if clock.steps == 3 and not ternary:
        return "slow12"
    if ternary:
        return "quarters" if clock.steps == 4 else rhythm
    return rhythm if rhythm in RHYTHMS else "folkstrum"


def _tanpura(clock: Clock, tonic: int) -> Track:
    who = INSTRUMENTS["sitar"]
    pen = Pen(clock)
    root = 48 + (tonic - 48) % 12
    for index, step in enumerate(range(0, clock.total, clock.steps)):
        pitch = (root - 5, root, root, root - 12)[index % 4]
        pen.play(step, clock.steps * 3, pitch, 78)
    return track_of(pen, "drone", who, -7.0, 0.3)
