"""Solos: each family of instruments is written for as its players play.

A solo is one to three layers of notes on one instrument; `HANDS` maps an instrument's `hand` to
the ways it may be played, each a function of the same signature.
"""

from __future__ import annotations

from collections.abc import Callable

from training.music import figures
from training.music.backing import (
    Segment,
    write_arpeggio,
    write_bass,
    write_chords,
)
from training.music.clock import Pen
from training.music.guitar import pick_capo, write_picking, write_strums
from training.music.harmony import BRIGHT
from training.music.instruments import Instrument
from training.music.melody import Line, write_line
from training.music.singing import sing_chords, sing_flow, sing_phrases

Hand = Callable[[Pen, Instrument, list[Segment], int, str], None]


def _melody(style: str, **shape: float) -> Hand:
    def play(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
        write_line(pen, who, parts, tonic, Line(style, mode, **shape))

    return play


def _arpeggio(every: int, octaves: int, shape: str) -> Hand:
    def play(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
        write_arpeggio(pen, who, parts, tonic, every=every, octaves=octaves, shape=shape)

    return play


def _chords(rhythm: str) -> Hand:
    def play(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
        write_chords(pen, who, parts, tonic, rhythm)

    return play


def _strums(rhythm: str) -> Hand:
    def play(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
        capo = pick_capo(pen.clock.rng, tonic, mode not in BRIGHT)
        write_strums(pen, parts, tonic, rhythm, capo)

    return play


def _picking(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
    write_picking(pen, parts, tonic, pick_capo(pen.clock.rng, tonic, mode not in BRIGHT))


def _bass(line: str) -> Hand:
    def play(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
        write_bass(pen, who, parts, tonic, line)

    return play


def _two(left: Hand, right: Hand, split: int = 60, softer: float = 0.75) -> Hand:
    def play(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
        pen.loudness = softer
        left(pen, figures.narrow(who, 0, split + 2), parts, tonic, mode)
        pen.loudness = 1.0
        right(pen, figures.narrow(who, split, 127), parts, tonic, mode)

    return play


_SOFT = {"vibrato": 60.0, "ornament": 0.08}
HANDS: dict[str, tuple[Hand, ...]] = {
    "keys": (
        _two(_arpeggio(2, 1, "alberti"), _melody("song"), 60),
        _two(_arpeggio(2, 2, "updown"), _melody("song"), 64),
        _two(_chords("quarters"), _melody("baroque"), 60),
        _two(figures.stride, _melody("rock"), 67, 0.9),
        _chords("quarters"),
        _chords("eighths"),
        _arpeggio(1, 2, "updown"),
        _arpeggio(2, 2, "up"),
        _two(_chords("half"), _melody("long"), 64),
        _two(_bass("roots"), _melody("song"), 60),
    ),
    "ekeys": (
        _chords("charleston"),
        _two(_chords("half"), _melody("song"), 62),
        _chords("push"),
        _arpeggio(2, 2, "updown"),
    ),
    "baroque": (
        _two(_melody("baroque", ornament=0.1), _melody("baroque", ornament=0.3), 60, 1.0),
        _two(_melody("baroque", ornament=0.1), _melody("baroque", ornament=0.3), 60, 1.0),
        _two(_bass("root5"), _arpeggio(1, 2, "updown"), 57, 1.0),
        _two(_arpeggio(2, 2, "updown"), _melody("baroque", ornament=0.35), 60, 1.0),
        _two(_arpeggio(2, 1, "alberti"), _melody("baroque", ornament=0.25), 62),
        _two(_chords("half"), _melody("baroque", ornament=0.3), 60, 0.9),
    ),
    "funkkeys": (_chords("scratch"), _chords("stabs"), _bass("funk")),
    "bells": (
        _arpeggio(2, 2, "updown"),
        _melody("song"),
        _two(_arpeggio(2, 1, "alberti"), _melody("song"), 76),
    ),
    "mallets": (
        _melody("song"),
        _arpeggio(2, 2, "updown"),
        _arpeggio(1, 2, "pedal"),
        _melody("latin"),
        _two(_chords("half"), _melody("swing"), 66),
    ),
    "chimes": (figures.chimes,),
    "dulcimer": (_melody("fiddle", ornament=0.2), _arpeggio(1, 2, "pedal"), _melody("modal")),
    "organ": (
        _chords("half"),
        _chords("comp"),
        _two(_chords("whole"), _melody("rock", ornament=0.15), 62),
        _chords("push"),
    ),
    "churchkeys": (figures.hymn, figures.hymn, _two(_chords("half"), _melody("baroque"), 64)),
    "squeeze": (
        _two(_chords("waltz"), _melody("song", ornament=0.2), 66, 0.8),
        _melody("song", ornament=0.2),
        _two(_chords("quarters"), _melody("fiddle", ornament=0.2), 66, 0.7),
    ),
    "wind": (
        _melody("song", **_SOFT),
        _melody("long", **_SOFT),
        _melody("swing", **_SOFT),
        _melody("modal", vibrato=50.0, ornament=0.2),
    ),
    "pluck": (
        _picking,
        _picking,
        _strums("strum"),
        _strums("folkstrum"),
        _arpeggio(2, 2, "updown"),
        _two(_bass("roots"), _melody("song"), 57, 0.95),
    ),
    "jazzpluck": (
        _melody("swing"),
        _chords("charleston"),
        _two(_chords("charleston"), _melody("bop"), 62),
    ),
    "eguitar": (
        _strums("strum"),
        _arpeggio(2, 2, "updown"),
        _melody("rock", bend=0.35),
        _strums("scratch"),
        _melody("funk", bend=0.2),
    ),
    "mutedpluck": (_arpeggio(2, 1, "pedal"), figures.riff, _melody("funk")),
    "leadguitar": (
        _melody("rock", bend=0.5, vibrato=60.0),
        _melody("rock", bend=0.4, vibrato=60.0),
        figures.power,
        figures.riff,
        _melody("shred", bend=0.1),
    ),
    "metalguitar": (
        figures.power,
        figures.power,
        figures.riff,
        _melody("shred", vibrato=50.0, bend=0.2),
    ),
    "walk": (_bass("walk"), _bass("root5")),
    "bassline": (_bass("eighths"), _bass("funk"), _bass("soul"), _bass("hiphop"), _bass("disco")),
    "slapline": (_bass("slap"), _bass("funk")),
    "tubaline": (_bass("march"), _bass("root5")),
    "bow": (
        _melody("song", vibrato=70.0, legato=1.0),
        _melody("long", vibrato=80.0, legato=1.0),
        _melody("baroque", vibrato=40.0, ornament=0.1),
        _melody("modal", vibrato=70.0, legato=1.0),
        _arpeggio(1, 2, "updown"),
    ),
    "fiddle": (
        _melody("fiddle", ornament=0.2, rest=0.0),
        _melody("fiddle", ornament=0.1, rest=0.0),
        _melody("song", vibrato=60.0),
    ),
    "section": (figures.voices, figures.voices, _melody("song", vibrato=40.0), _chords("eighths")),
    "pizz": (_arpeggio(2, 2, "updown"), _melody("song"), _chords("offbeat")),
    "harp": (figures.runs, figures.runs, _arpeggio(1, 3, "updown"), _arpeggio(2, 3, "up")),
    "timp": (figures.timpani,),
    "voice": (figures.voices, figures.voices, _melody("long", vibrato=50.0, legato=1.0)),
    "singer": (
        sing_phrases("verse"),
        sing_phrases("hook"),
        sing_phrases("slow"),
        sing_phrases("soul"),
    ),
    "rap": (sing_flow,),
    "chorus": (sing_chords("hook"), sing_chords("slow")),
    "brass": (
        _melody("song", vibrato=40.0),
        _melody("swing", vibrato=50.0),
        _melody("long", vibrato=40.0),
        _melody("latin"),
    ),
    "stabs": (_chords("stabs"), _chords("push"), _melody("funk")),
    "chip": (_arpeggio(1, 2, "up"), _melody("chip"), _melody("chip"), _arpeggio(1, 2, "pedal")),
    "synthlead": (
        _melody("synth"),
        _arpeggio(1, 2, "up"),
        _arpeggio(1, 2, "updown"),
        _arpeggio(2, 2, "pedal"),
    ),
    "super": (_chords("trance"), _chords("house"), _chords("stabs"), _chords("eighths")),
    "pad": (figures.voices,),
    "arp": (_arpeggio(1, 2, "updown"), _arpeggio(1, 2, "up"), _arpeggio(1, 2, "pedal")),
    "sitar": (figures.drone_melody,),
    "banjo": (figures.roll, figures.roll, _melody("fiddle")),
    "koto": (figures.pentatonic,),
    "oud": (figures.taqsim,),
    "uke": (_chords("strum"), _chords("folkstrum"), _arpeggio(2, 1, "updown")),
    "mando": (_melody("fiddle"), _chords("offbeat"), _melody("song")),
    "pipes": (figures.pipes,),
    "acid": (figures.acid,),
    "wobble": (figures.wobble,),
    "drone": (figures.drone,),
}
"""The ways to play each hand alone."""


def write_solo(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
    """Write a solo in one of the ways this instrument is played."""
    pen.clock.rng.choice(HANDS[who.hand])(pen, who, parts, tonic, mode)


def lead_line(who: Instrument, style: str, mode: str) -> Line:
    """How this instrument shapes a lead line in a band."""
    vibrato = {"bow": 70.0, "wind": 50.0, "brass": 35.0, "voice": 45.0, "synthlead": 30.0}
    bend = {"leadguitar": 0.4, "eguitar": 0.25, "metalguitar": 0.2, "sitar": 0.4}
    ornament = {"fiddle": 0.15, "sitar": 0.3, "oud": 0.25, "pipes": 0.3, "baroque": 0.25}
    return Line(
        style,
        mode,
        vibrato=vibrato.get(who.hand, 0.0),
        bend=bend.get(who.hand, 0.0),
        ornament=ornament.get(who.hand, 0.05),
        legato=1.0 if who.hand in {"bow", "voice", "pipes"} else 0.95,
    )
