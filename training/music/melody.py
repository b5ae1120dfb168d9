"""Melodies and riffs: a motif that returns, varies, and lands on the chord."""

from __future__ import annotations

from dataclasses import dataclass

from training.music.backing import Segment
from training.music.clock import Clock, Pen
from training.music.harmony import ladder
from training.music.instruments import Instrument
from training.music.piece import BEND

# Rhythms of a measure as step lengths; negative is silence. Cut or repeated to fit.
MOTIFS: dict[str, tuple[tuple[int, ...], ...]] = {
    "song": ((4, 2, 2, 4, 4), (6, 2, 4, -4), (2, 2, 4, 2, 2, 4), (-2, 2, 2, 2, 6, -2), (8, 4, 4)),
    "long": ((16,), (8, 8), (12, 4), (6, 6, 4), (10, 2, 4)),
    "swing": ((-2, 2, 2, 2, 2, 6), (4, 2, 2, 2, 2, 2, -2), (2, 2, 2, 2, 2, 2, 4), (-4, 2, 6, -4)),
    "bop": ((2, 2, 2, 2, 2, 2, 2, 2), (-2, 2, 2, 2, 2, 2, 2, 2), (2, 1, 1, 2, 2, 2, 2, 4)),
    "funk": ((1, 2, 1, -2, 2, 2, 1, 1, -4), (-2, 1, 1, 2, 3, 3, -4), (3, 3, 2, -4, 1, 1, 2)),
    "rock": ((2, 2, 4, 2, 2, 4), (3, 3, 2, 4, -4), (1, 1, 2, 4, 2, 2, -4), (6, 2, 2, 2, 4)),
    "shred": ((1,) * 16, (1, 1, 1, 1, 2, 2, 1, 1, 1, 1, 4), (1,) * 8 + (2, 2, 4)),
    "synth": ((3, 3, 2, 3, 3, 2), (2, 2, 2, 2, 2, 2, 2, 2), (3, 3, 4, 2, 4), (6, 6, 4)),
    "chip": ((1, 1, 2, 2, 2, 1, 1, 2, 2, 2), (2, 1, 1, 2, 2, 2, 1, 1, 4), (1,) * 16),
    "latin": ((-2, 2, 1, 1, 2, 3, 3, 2), (3, 3, 4, 2, 4), (-4, 2, 2, 3, 3, 2)),
    "fiddle": ((2, 1, 1, 2, 1, 1, 2, 1, 1, 2, 2), (1,) * 16, (2, 2, 1, 1, 2, 2, 2, 1, 1, 2)),
    "modal": ((3, 1, 2, 2, 8), (6, 1, 1, 2, 2, 4), (8, 1, 1, 1, 1, 4), (4, 2, 2, 1, 1, 6)),
    "baroque": ((2, 1, 1, 2, 2, 2, 2, 4), (1, 1, 1, 1, 2, 2, 2, 2, 4), (2,) * 8),
    "ternary": ((2, 1, 2, 1, 3, 3), (1,) * 12, (3, 2, 1, 3, 3), (2, 1, 1, 1, 1, 3, 3)),
}


@dataclass(frozen=True, slots=True)
class Line:
    """How a player shapes a line."""

    style: str
    mode: str
    rest: float = 0.06
    leap: float = 0.2
    ornament: float = 0.0
    bend: float = 0.0
    vibrato: float = 0.0
    legato: float = 0.95


def _fit(rhythm: tuple[int, ...], bar: int) -> list[int]:
    out: list[int] = []
    room = bar
    index = 0
    while room > 0:
        length = rhythm[index % len(rhythm)]
        length = min(abs(length), room) * (1 if length > 0 else -1)
        out.append(length)
        room -= abs(length)
        index += 1
    return out


def chord_at(parts: list[Segment], step: int) -> Segment:
    """The chord that sounds at a step."""
    for part in parts:
        if part.start <= step < part.start + part.length:
            return part
    return parts[-1]


def write_line(
    pen: Pen, instrument: Instrument, parts: list[Segment], tonic: int, line: Line
) -> None:
    """A melody over the whole clip: measures A A' or A B A C of one motif."""
    clock, rng = pen.clock, pen.clock.rng
    scale = ladder(tonic, line.mode, instrument.low, instrument.high)
    measures = max(1, clock.total // clock.bar)
    style = "ternary" if clock.steps == 3 else line.style
    motif_a = _motif(clock, style, line)
    motif_b = _motif(clock, style, line)
    plan = {1: "A", 2: "Aa", 3: "ABa", 4: "AaAb"}.get(measures, "AaBa" * (measures // 4 + 1))
    home = rng.uniform(0.3, 0.55) * len(scale)
    place = home
    for measure in range(measures):
        name = plan[measure]
        motif = motif_b if name in "Bb" else motif_a
        step = measure * clock.bar
        if measure % 2 == 0:
            place = home
        for index, (length, move) in enumerate(motif):
            if length < 0:
                step -= length
                continue
            varied = name.islower() and index >= len(motif) - 2
            place += rng.choice((-2, -1, 1, 2)) if varied else move
            if not 1 <= place < len(scale) - 1:
                place = home + rng.choice((-1, 0, 1))
            target = round(place)
            strong = step % (2 * clock.steps) == 0 or length >= clock.steps
            if strong:
                target = _landing(scale, target, chord_at(parts, step), tonic)
            target = max(0, min(len(scale) - 1, target))
            _sing(pen, scale[target : target + 2], step, length, line)
            _breathe(pen, instrument, step, length)
            step += length


def _motif(clock: Clock, style: str, line: Line) -> list[tuple[int, int]]:
    rng = clock.rng
    rhythm = _fit(rng.choice(MOTIFS[style]), clock.bar)
    motif: list[tuple[int, int]] = []
    direction = rng.choice((-1, 1))
    for beats in rhythm:
        rests = beats > 0 and rng.random() < line.rest
        length = -beats if rests else beats
        if rng.random() < 0.3:
            direction = -direction
        move = direction * (rng.choice((2, 3, 4)) if rng.random() < line.leap else 1)
        if rng.random() < 0.12:
            move = 0
        motif.append((length, move))
    if all(length < 0 for length, _ in motif):
        motif[0] = (abs(motif[0][0]), 0)
    return motif


def _landing(scale: list[int], place: int, part: Segment, tonic: int) -> int:
    tones = {(tonic + tone) % 12 for tone in part.chord.tones}
    for away in (0, 1, -1, 2, -2):
        near = place + away
        if 0 <= near < len(scale) and scale[near] % 12 in tones:
            return near
    return place


def _sing(pen: Pen, pitches: list[int], step: int, length: int, line: Line) -> None:
    """One note of a melody; the second of `pitches` is the neighbour that ornaments it."""
    clock, rng = pen.clock, pen.clock.rng
    pitch = pitches[0]
    accent = 10 if step % clock.steps == 0 else 0
    velocity = 92 + accent
    long = length >= clock.steps
    if line.ornament and rng.random() < line.ornament and len(pitches) > 1 and length >= 2:
        grace = min(0.5, length / 4)
        pen.play(step, grace, pitches[1], velocity - 8)
        if long:
            pen.play(step + grace, grace, pitch, velocity - 8)
            pen.play(step + 2 * grace, length - 2 * grace, pitch, velocity)
            return
        pen.play(step + grace, length - grace, pitch, velocity)
    else:
        pen.play(step, length * line.legato, pitch, velocity)
    if line.bend and rng.random() < line.bend and length >= 2:
        rise = min(1.0, length / 3)
        for index in range(6):
            pen.control(step + rise * index / 5, BEND, -rng.choice((1, 2)) * (1 - index / 5))
        pen.control(step + rise, BEND, 0)
    if line.vibrato and long:
        pen.control(step, 1, 0)
        for index in range(1, 4):
            pen.control(step + length * index / 4, 1, line.vibrato * index / 3)


def _breathe(pen: Pen, instrument: Instrument, step: int, length: int) -> None:
    long = length >= pen.clock.steps
    if instrument.sustained and long:
        pen.swell(step, length, 88, 124, 96)
    elif instrument.sustained:
        pen.control(step, 11, 116)
