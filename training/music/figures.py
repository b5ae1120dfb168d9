"""Figures that belong to one kind of instrument: rolls, runs, stride, drones, riffs."""

from __future__ import annotations

from training.music.backing import Segment, write_chords
from training.music.clock import Pen
from training.music.harmony import fold, voicing
from training.music.instruments import Instrument
from training.music.melody import Line, write_line


def narrow(instrument: Instrument, low: int, high: int) -> Instrument:
    """The same instrument in a part of its register."""
    return Instrument(
        instrument.key,
        instrument.program,
        max(instrument.low, low),
        min(instrument.high, high),
        instrument.hand,
        instrument.names,
        instrument.patch,
    )


def stride(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
    """Bass note, chord, bass note, chord: ragtime, waltz or march by the meter."""
    clock = pen.clock
    previous: list[int] | None = None
    for part in parts:
        notes = voicing(part.chord, tonic, 60, previous)[:3]
        previous = notes
        root = fold(tonic + part.chord.root, 36, 47)
        for index, step in enumerate(range(part.start, part.start + part.length, clock.steps)):
            place = step // clock.steps % clock.meter
            if place == 0 or (clock.meter % 2 == 0 and place == 2):
                pen.play(step, clock.steps * 0.8, root + (7 if place == 2 else 0), 88)
            else:
                pen.chord(step, clock.steps * 0.6, notes, 74)
            del index


def runs(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
    """Sweeps up and down several octaves, as a harp's glissandi and broken chords."""
    clock, rng = pen.clock, pen.clock.rng
    for part in parts:
        tones = sorted(
            p
            for p in range(who.low, who.high + 1)
            if (p - tonic) % 12 in {t % 12 for t in part.chord.tones}
        )
        count = part.length if clock.rng.random() < 0.5 else part.length // 2
        count = max(4, count)
        every = part.length / count
        reach = min(len(tones) - 1, rng.choice((8, 10, 12)))
        first = rng.randrange(max(1, len(tones) - reach - 2))
        for index in range(count):
            place = index % (2 * reach)
            place = place if place <= reach else 2 * reach - place
            pen.play(part.start + index * every, 6, tones[first + place], 74 + 22 * place / reach)


def roll(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
    """Banjo rolls: running sixteenths over three strings with the fifth as a drone."""
    clock = pen.clock
    pattern = clock.rng.choice(("31451345", "15315315", "41354135", "34153415"))
    previous: list[int] | None = None
    for part in parts:
        notes = voicing(part.chord, tonic, 64, previous)[:3]
        previous = notes
        drone = fold(tonic + 7, 67, 78)
        strings = {"1": notes[-1], "3": notes[0], "4": notes[1] - 12, "5": drone}
        for index, step in enumerate(range(part.start, part.start + part.length)):
            mark = pattern[index % len(pattern)]
            pen.play(step, 1.6, strings[mark], 98 if index % 4 == 0 else 84)


def drone_melody(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
    """Sitar: an ornamented line with meends over strummed drone strings."""
    clock, rng = pen.clock, pen.clock.rng
    drone = fold(tonic, 43, 54)
    for step in range(0, clock.total, clock.steps * rng.choice((1, 2, 2))):
        pen.loudness = 0.62
        pen.chord(step, clock.steps * 2, [drone, drone + 7, drone + 12], 88, 0.02)
    pen.loudness = 1.0
    style = rng.choice(("modal", "modal", "fiddle", "song"))
    write_line(
        pen,
        narrow(who, 55, 79),
        parts,
        tonic,
        Line(style, mode, ornament=0.35, bend=0.45, leap=0.1),
    )


def taqsim(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
    """Oud: short repeated notes, ornaments, a tonic struck below."""
    clock = pen.clock
    for step in range(0, clock.total, clock.bar):
        pen.play(step, clock.steps * 2, fold(tonic, 38, 49), 90)
    write_line(
        pen, who, parts, tonic, Line(clock.rng.choice(("modal", "fiddle")), mode, ornament=0.3)
    )


def pentatonic(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
    """Koto: a sparse line, sweeping arpeggios, notes bent after they are struck."""
    clock, rng = pen.clock, pen.clock.rng
    scale = "hirajoshi" if mode not in {"in", "major pentatonic"} else mode
    write_line(pen, who, parts, tonic, Line(rng.choice(("song", "modal")), scale, bend=0.2))
    for step in range(0, clock.total, clock.bar):
        notes = [fold(tonic, 48, 59) + n for n in (0, 7, 12, 19)]
        pen.chord(step, clock.steps * 2, notes, 80, 0.035)


def power(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
    """Power chords in a riff's rhythm."""
    write_chords(pen, who, parts, tonic, pen.clock.rng.choice(("charge", "gallop", "chug")))


def riff(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
    """A low single-note riff in the minor pentatonic, one measure long and repeated."""
    clock, rng = pen.clock, pen.clock.rng
    root = fold(tonic, who.low, who.low + 11)
    offsets = (0, 0, 3, 5, 7, 10, 12, 6) if mode != "phrygian" else (0, 0, 1, 3, 0, 5, 7, 1)
    riff: list[tuple[int, int, int]] = []
    step = 0
    while step < clock.bar:
        length = rng.choice((1, 2, 2, 2, 4))
        length = min(length, clock.bar - step)
        pitch = root if step == 0 or rng.random() < 0.35 else root + rng.choice(offsets)
        riff.append((step, length, pitch))
        step += length
    for start in range(0, clock.total, clock.bar):
        for step, length, pitch in riff:
            pen.play(start + step, length * 0.9, pitch, 112 if step == 0 else 98)
            if rng.random() < 0.5:
                pen.play(start + step, length * 0.9, pitch + 7, 98)


def hymn(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
    """Full chords with the bass doubled an octave below, as an organist's feet do."""
    for part in parts:
        root = fold(tonic + part.chord.root, who.low, who.low + 11)
        pen.chord(part.start, part.length * 0.97, [root, root + 12], 90)
    write_chords(pen, narrow(who, 48, 84), parts, tonic, pen.clock.rng.choice(("half", "whole")))
    if pen.clock.rng.random() < 0.5:
        write_line(pen, narrow(who, 67, 91), parts, tonic, Line("song", mode))


def voices(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
    """Held chords that move and swell."""
    rhythm = pen.clock.rng.choice(("whole", "half", "half", "quarters"))
    write_chords(pen, who, parts, tonic, rhythm)
    for part in parts:
        pen.swell(part.start, part.length, 82, 126, 90)


def chimes(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
    """A slow tune of tolled notes."""
    clock = pen.clock
    tune = clock.rng.choice(((12, 8, 10, 5), (5, 10, 12, 8), (12, 10, 8, 5, 3, 0), (0, 12, 7)))
    for index, step in enumerate(range(0, clock.total, clock.steps)):
        if index < len(tune) or clock.rng.random() < 0.7:
            pen.play(step, clock.steps * 4, fold(tonic, 60, 71) + tune[index % len(tune)] - 5, 104)


def acid(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
    """A sixteenth line of one measure with accents, octave jumps and slides."""
    clock, rng = pen.clock, pen.clock.rng
    root = fold(tonic, who.low, who.low + 11)
    line = [
        (step, rng.choice((0, 0, 0, 12, 3, 7, 10, -2)), rng.random())
        for step in range(min(16, clock.bar))
    ]
    for start in range(0, clock.total, clock.bar):
        for step, offset, dice in line:
            if dice < 0.8:
                pen.play(
                    start + step,
                    0.85 if dice < 0.6 else 1.6,
                    root + offset,
                    120 if dice < 0.2 else 88,
                )


def wobble(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
    """Long low roots for a filter to move in."""
    for part in parts:
        root = fold(tonic + part.chord.root, who.low, who.low + 11)
        step = part.start
        while step < part.start + part.length:
            length = min(pen.clock.rng.choice((4, 4, 8, 8, 2)), part.start + part.length - step)
            pen.play(step, length * 0.97, root, 108)
            step += length


def drone(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
    """Root, fifth and octave for as long as the clip is."""
    root = fold(tonic, who.low, who.low + 11)
    pen.chord(0, pen.clock.total, [root, root + 7, root + 12], 96)


def pipes(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
    """Bagpipes: a drone that never stops and a tune full of grace notes."""
    drone = fold(tonic, 45, 56)
    pen.chord(0, pen.clock.total, [drone, drone + 12], 70)
    write_line(
        pen, who, parts, tonic, Line("fiddle", "mixolydian", ornament=0.3, rest=0, legato=1.0)
    )


def timpani(pen: Pen, who: Instrument, parts: list[Segment], tonic: int, mode: str) -> None:
    """Strokes on tonic and fifth."""
    clock, rng = pen.clock, pen.clock.rng
    low = fold(tonic, who.low, who.low + 11)
    for start in range(0, clock.total, clock.bar):
        for step in range(min(clock.bar, clock.total - start)):
            if step % clock.steps == 0 or rng.random() < 0.25:
                pen.play(start + step, 3, low + rng.choice((0, 0, -5)), 100)
