"""Melodies for voices: phrases that breathe, in a comfortable range, on the chords; and raps."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from training.music.backing import Segment
from training.music.clock import Clock, Pen
from training.music.figures import narrow
from training.music.harmony import ladder, voicing
from training.music.instruments import Instrument
from training.music.melody import chord_at

_TABLES: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
PHRASES: dict[str, dict[str, list[list[int]]]] = _TABLES["phrases"]
FLOWS: dict[str, list[str]] = _TABLES["flows"]

_PLANS = {1: "A", 2: "Aa", 3: "ABa", 4: "AaBa"}
"""Which measure repeats which; a small letter ends otherwise."""


def write_song(
    pen: Pen,
    who: Instrument,
    parts: list[Segment],
    *,
    tonic: int,
    mode: str,
    phrase: str,
) -> None:
    """A sung line: a phrase of one measure that returns, moves by step, and lands on the chord."""
    clock, rng = pen.clock, pen.clock.rng
    rhythms = PHRASES[phrase][_grid(clock)]
    scale = ladder(tonic, mode, who.low, who.high)
    span = _span(clock)
    measures = max(1, clock.total // span)
    plan = _PLANS.get(measures, "AaBa" * (measures // 4 + 1))
    phrases = {name: _phrase(clock, rhythms) for name in "AB"}
    home = len(scale) * rng.uniform(0.35, 0.6)
    for measure in range(measures):
        name = plan[measure]
        step, place = measure * span, home + (3 if name in "Bb" else 0)
        for index, (length, move) in enumerate(phrases[name.upper()]):
            if length > 0:
                last = index >= len(phrases[name.upper()]) - 2
                place += rng.choice((-2, -1, 1)) if name.islower() and last else move
                place = min(max(place, 0.0), len(scale) - 1.0)
                strong = length >= clock.steps or step % (2 * clock.steps) == 0
                degree = round(place)
                if strong:
                    degree = _near(scale, degree, chord_at(parts, step), tonic)
                pitch = scale[degree]
                accent = 8 if step % clock.steps == 0 else 0
                pen.play(step, length * 0.98, pitch, 92 + accent)
            step += abs(length)


def _phrase(clock: Clock, rhythms: list[list[int]]) -> list[tuple[int, float]]:
    """Lengths that fill a measure, with moves up the scale that come back: an arch or a fall."""
    rng = clock.rng
    lengths: list[int] = []
    room = _span(clock)
    while room > 0:
        for length in rng.choice(rhythms):
            if room <= 0:
                break
            lengths.append(min(abs(length), room) * (1 if length > 0 else -1))
            room -= abs(length)
    if all(length < 0 for length in lengths):
        lengths[0] = -lengths[0]
    rise = rng.choice((1, 1, -1))
    moves = []
    for place in range(len(lengths)):
        direction = rise if place < len(lengths) / 2 else -rise
        size = rng.choice((0, 1, 1, 1, 2, 2, 3) if place else (0, 1, 2))
        moves.append(direction * size if rng.random() < 0.8 else -direction)
    return list(zip(lengths, map(float, moves), strict=True))


def _near(scale: list[int], place: int, part: Segment, tonic: int) -> int:
    """The degree to land on: one of the chord, if one is near."""
    tones = {(tonic + tone) % 12 for tone in part.chord.tones}
    for away in (0, 1, -1, 2, -2):
        if 0 <= place + away < len(scale) and scale[place + away] % 12 in tones:
            return place + away
    return place


def write_rap(pen: Pen, who: Instrument) -> None:
    """A rap: a syllable at each x of a flow that returns with another end."""
    clock, rng = pen.clock, pen.clock.rng
    flows = FLOWS[_grid(clock)]
    flow, other = rng.choice(flows), rng.choice(flows)
    base = rng.randint(who.low + 2, who.high - 2)
    for step in range(clock.total):
        measure, place = divmod(step, clock.bar)
        pattern = other if measure % 2 else flow
        if pattern[place % len(pattern)] != "x":
            continue
        length = 1
        while length < 3 and step + length < clock.total:
            following = (place + length) % clock.bar
            if pattern[following % len(pattern)] == "x":
                break
            length += 1
        accent = 10 if step % clock.steps == 0 else 0
        pen.play(step, length * 0.95, base + (1 if accent else 0), 92 + accent)


def write_harmony(pen: Pen, who: Instrument, parts: list[Segment], tonic: int) -> None:
    """Two more parts under the line that is written: the tones of the chord below each note."""
    clock = pen.clock
    for note in tuple(pen.notes):
        chord = chord_at(parts, round(note.start / clock.beat_seconds * clock.steps)).chord
        tones = {(tonic + tone) % 12 for tone in chord.tones}
        below = [p for p in range(note.pitch - 3, who.low - 1, -1) if p % 12 in tones]
        pen.notes += [replace(note, pitch=p, velocity=max(1, note.velocity - 8)) for p in below[:2]]


def write_backing(pen: Pen, who: Instrument, parts: list[Segment], tonic: int) -> None:
    """Held vowels: the chords, three notes each, moving as little as they can."""
    previous: list[int] | None = None
    for part in parts:
        previous = voicing(part.chord, tonic, (who.low + who.high) / 2, previous)
        pen.chord(part.start, part.length * 0.94, previous[-3:], 84)


def _span(clock: Clock) -> int:
    """Steps of a phrase: a measure, or two short ones."""
    return min(clock.total, clock.bar * (2 if clock.meter == 2 else 1))


def _grid(clock: Clock) -> str:
    return "ternary" if clock.steps == 3 else "even"


Hand = Callable[[Pen, Instrument, list[Segment], int, str], None]


def sing_phrases(phrase: str) -> Hand:
    """A solo singer."""

    def sing(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
        write_song(pen, who, parts, tonic=tonic, mode=mode, phrase=phrase)

    return sing


def sing_chords(phrase: str) -> Hand:
    """A group of singers in three parts."""

    def sing(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
        high = narrow(who, who.low + 7, who.high)
        write_song(pen, high, parts, tonic=tonic, mode=mode, phrase=phrase)
        write_harmony(pen, who, parts, tonic)

    return sing


def sing_flow(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
    """A rapper alone."""
    write_rap(pen, who)
