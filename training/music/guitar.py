"""A guitarist's hands: six strings, shapes that a hand can hold, a capo, strokes down and up."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from training.music.backing import Segment
from training.music.clock import Clock, Pen
from training.music.harmony import Chord
from training.music.piece import Strum

TUNING = (40, 45, 50, 55, 59, 64)
_EASY_MAJOR = (0, 9, 7, 4, 2)
_EASY_MINOR = (9, 4, 2)
"""Keys whose chords have open strings: C, A, G, E and D major, A, E and D minor."""

STROKES: dict[str, tuple[str, ...]] = {
    "folkstrum": ("D...d.u...u.d.u.", "D...d.u.D.u.d.u.", "D...D.u...u.D.u."),
    "strum": ("D...D.u.u.u.D.u.", "D.d.D.duD.d.D.du", "D..uD.u..u.uD.u.", "D.duxudu.uduxudu"),
    "boomchick": ("D...d.u.D...d.u.", "....D.u.....D.u.", "b...d.u.b...d.u."),
    "ballad": ("D.......d...d.u.", "D.....u.d.u.d.u.", "b...d...d...d..."),
    "eighths": ("D.d.D.d.D.d.D.d.", "D.d.d.D.d.d.D.d."),
    "scratch": ("Dxuxdxuxdxuxduxu", "..Dx.uxd..Dxuxdu", "D..xu.xud.xxu.xu"),
    "skank": ("....D.......D...", "....D.......D.u."),
    "offbeat": ("..D...D...D...D.", "..D...D...D...Du"),
    "waltz": ("b...d...d.u.", "b...d.u.d.u."),
    "shuffle": ("D.uD.uD.uD.u", "b.dD.db.dD.d"),
    "slow12": ("D..d.uD..d.u", "b..d..d..d.u"),
}
"""One character a step: `D`, `d` down, `U`, `u` up, `x` muted, `b` a bass note alone; chords ring
on over dots."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """What a mark means: how hard, from which side, which of the six strings."""

    velocity: int
    down: bool
    strings: slice


_SLOWEST_STROKE = 0.03
"""Seconds from the first string to the last."""

_MARKS = {
    "D": Stroke(104, True, slice(0, 6)),
    "d": Stroke(84, True, slice(1, 6)),
    "U": Stroke(94, False, slice(2, 6)),
    "u": Stroke(74, False, slice(2, 6)),
    "x": Stroke(66, True, slice(1, 6)),
}


def pick_capo(rng: random.Random, tonic: int, minor: bool) -> int:
    """The fret of a capo at which the key has open strings."""
    easy = _EASY_MINOR if minor else _EASY_MAJOR
    frets = [fret for fret in range(6) if (tonic - fret) % 12 in easy]
    return rng.choice(frets or [0])


@lru_cache(maxsize=2048)
def shape(tones: tuple[int, ...], capo: int = 0) -> tuple[int, ...]:
    """Pitches of a chord on six strings, 0 for a string that rests; `tones` start at the root.

    Of all that four frets can reach, the one with every tone, the root in the bass, most strings
    and the lowest place on the neck.
    """
    classes = [tone % 12 for tone in tones]
    best: tuple[float, tuple[int, ...]] = (-1e9, (0,) * 6)
    for place in range(9):
        frets = range(4) if place == 0 else range(place, place + 4)
        reach = [[open_ + capo + f for f in frets] for open_ in TUNING]
        fitting = [[pitch for pitch in row if pitch % 12 in classes][:2] or [0] for row in reach]
        for lowest in range(4):
            if classes[0] not in {pitch % 12 for pitch in fitting[lowest] if pitch}:
                continue
            bass = [pitch for pitch in fitting[lowest] if pitch % 12 == classes[0]]
            for rest in product(bass, *fitting[lowest + 1 :]):
                held = (0,) * lowest + rest
                best = max(best, (_comfort(held, classes, capo, place), held))
    return best[1]


def _comfort(held: tuple[int, ...], classes: list[int], capo: int, place: int) -> float:
    sounding = [pitch for pitch in held if pitch]
    missing = set(classes) - {pitch % 12 for pitch in sounding}
    open_ = sum(pitch == string + capo for pitch, string in zip(held, TUNING, strict=True))
    thirds = sum(pitch % 12 == classes[1] for pitch in sounding)
    cost = sum(2.0 if len(classes) > 3 and tone == classes[2] else 8.0 for tone in missing)
    return len(sounding) + 0.6 * open_ - cost - 0.5 * place - 0.4 * max(0, thirds - 1)


def held_shape(part: Chord, tonic: int, capo: int = 0) -> tuple[int, ...]:
    """The shape of a chord in a key."""
    return shape(tuple((tonic + tone) % 12 for tone in part.tones), capo)


def stroke_pattern(rng: random.Random, rhythm: str, clock: Clock) -> str:
    """A pattern of strokes for a rhythm, on the clock's grid."""
    if clock.meter == 3 and clock.steps == 4:
        rhythm = "waltz"
    elif clock.steps == 3 and rhythm not in {"shuffle", "slow12"}:
        rhythm = "slow12"
    return rng.choice(STROKES.get(rhythm, STROKES["strum"]))


def write_strums(pen: Pen, parts: list[Segment], tonic: int, rhythm: str, capo: int = 0) -> None:
    """Strum shapes through the chords; they ring on until the next stroke."""
    clock, rng = pen.clock, pen.clock.rng
    pattern = stroke_pattern(rng, rhythm, clock)
    recorded = "b" not in pattern  # there are recordings of strokes, not of single strings
    spread = min(_SLOWEST_STROKE, 0.056 * clock.beat_seconds)
    for part in parts:
        held = held_shape(part.chord, tonic, capo)
        marks = [
            (step, mark)
            for step in range(part.start, part.start + part.length)
            if (mark := pattern[(step % clock.bar) % len(pattern)]) != "."
        ]
        if not marks or marks[0][0] != part.start:
            marks.insert(0, (part.start, "D"))
        ends = [step for step, _ in marks[1:]] + [part.start + part.length]
        bass = 0
        for (step, mark), end in zip(marks, ends, strict=True):
            if mark == "b":
                roots = [pitch for pitch in held if pitch][:2]
                pen.play(step, 2 * (end - step), roots[bass % len(roots)], 98)
                bass += 1
                continue
            _strike(pen, held, mark, (step, end), spread)
            if recorded:
                pen.strums.append(_strum(clock, part.chord, tonic, mark, (step, end)))


def _strike(
    pen: Pen, held: tuple[int, ...], mark: str, span: tuple[int, int], spread: float
) -> None:
    """One stroke, string by string from its side."""
    stroke, rng = _MARKS[mark], pen.clock.rng
    pitches = [pitch for pitch in held[stroke.strings] if pitch]
    if not stroke.down:
        pitches.reverse()
    gap = spread * rng.uniform(0.4, 1.0) / max(1, len(pitches) - 1)
    late = pen.clock.human() if span[0] else 0.0
    length = 0.25 if mark == "x" else (span[1] - span[0]) * 1.02
    for index, pitch in enumerate(pitches):
        velocity = stroke.velocity - 2.5 * index + rng.gauss(0, 3)
        pen.play(span[0], length, pitch, velocity, late + index * gap)


def _strum(clock: Clock, part: Chord, tonic: int, mark: str, span: tuple[int, int]) -> Strum:
    stroke = _MARKS[mark]
    step, end = span
    start = clock.seconds(step) + (abs(clock.human()) if step else 0.0)
    length = 0.045 if mark == "x" else clock.seconds(end) - start
    root = (tonic + part.root) % 12
    quality = "major" if part.third != 3 else "minor"
    if part.root + 6 in part.tones and part.third == 3:
        quality = "m7b5"
    way = "down" if stroke.down else "up"
    return Strum(start, max(0.03, length), root, quality, way, stroke.velocity)


def write_picking(pen: Pen, parts: list[Segment], tonic: int, capo: int = 0) -> None:
    """Fingerpicking: an alternating thumb below, fingers above, strings that ring through."""
    clock, rng = pen.clock, pen.clock.rng
    pattern = rng.choice(_PICKING[3 if clock.meter == 3 or clock.steps == 3 else 4])
    every = 1 if clock.steps == 3 else 2
    for part in parts:
        held = held_shape(part.chord, tonic, capo)
        strings = [pitch for pitch in held if pitch]
        end = part.start + part.length
        struck: list[tuple[int, int, int]] = []
        for index, step in enumerate(range(part.start, end, every)):
            for mark in pattern[index % len(pattern)]:
                if mark in "bt":
                    pitch = strings[0] if mark == "b" else strings[min(2, len(strings) - 1)]
                    struck.append((step, pitch, 94))
                elif mark.isdigit():
                    struck.append((step, strings[-min(int(mark), len(strings))], 84))
        for place, (step, pitch, velocity) in enumerate(struck):
            again = [later for later, other, _ in struck[place + 1 :] if other == pitch]
            until = again[0] if again and again[0] > step else end
            pen.play(step, until - step, pitch, velocity)


_PICKING = {
    4: (
        ("b1", "3", "t", "2", "b", "1", "t", "3"),
        ("b", "3", "t2", "1", "b", "3", "t", "2"),
        ("b", "3", "2", "1", "2", "3", "2", "1"),
        ("b12", "", "t", "3", "b", "2", "t", "1"),
        ("b1", "", "t", "2", "b", "3", "t1", "2"),
    ),
    3: (("b", "3", "2", "1", "2", "3"), ("b1", "3", "2", "t", "3", "2")),
}
"""One entry an eighth (a step where beats are ternary): b and t the thumb, 1 to 3 the fingers from
the highest string down."""
