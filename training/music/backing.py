"""Accompaniment: chords and bass lines as patterns that repeat, with voice leading."""

from __future__ import annotations

from dataclasses import dataclass

from training.music.clock import Clock, Pen
from training.music.harmony import Chord, fold, voicing
from training.music.instruments import Instrument


@dataclass(frozen=True, slots=True)
class Segment:
    """A chord that holds from `start` for `length` steps."""

    start: int
    length: int
    chord: Chord
    following: Chord


def segments(clock: Clock, chords: list[Chord], steps: int) -> list[Segment]:
    """Lay chords over the clip, one every `steps` steps."""
    count = (clock.total + steps - 1) // steps
    row = [chords[i % len(chords)] for i in range(count)]
    return [
        Segment(i * steps, min(steps, clock.total - i * steps), row[i], row[(i + 1) % count])
        for i in range(count)
    ]


# Chord rhythms: X and x strike, - holds, . rests; as long as they are, they repeat.
RHYTHMS: dict[str, tuple[str, ...]] = {
    "whole": ("x" + "-" * 15,),
    "half": ("x-------",),
    "quarters": ("X---x---x---x---",),
    "eighths": ("X-x-x-x-", "X-x-X-x-"),
    "offbeat": ("..x...x.", "..x...x."),
    "skank": ("....x.......x...", "....x.......x.x."),
    "charleston": ("x-----x-........", "x--...x---......", "......x-......x-"),
    "comp": ("x-----x...x.....", "..x-..x---......", "x.....x-....x-.."),
    "scratch": ("x.xx.xx.x.xx.xxx", "..x..xx...x..xx.", "x..x..x.xx.x..x."),
    "bossa": ("x--x--x---x--x--", "x-x---x--x--x---"),
    "strum": ("X---x-x---x-x-x-", "X-x-X-xxX-x-X-xx", "X---x-xx--xxx-x-"),
    "folkstrum": ("X---x-x-X---x-x-", "X-x-x-x-X-x-x-x-"),
    "montuno": ("x..xx.xx.x.xx.x.", "x.xx.xx.xx.xx.x."),
    "stabs": ("X..x..x.........", "x.....x...x.....", "..X...X.....X..."),
    "house": ("x..x..x...x..x..", "..x..x..x..x..x.", "x-.x-.x-.x-.x-.."),
    "trance": ("x.xxx.xxx.xxx.xx", "xxxxxxxxxxxxxxxx"),
    "tango": ("X---X---X---X-X-", "X--x--x-X---X---"),
    "waltz": ("....x-..x-..",),
    "polka": ("..x...x.",),
    "shuffle": ("x.xx.xx.xx.x", "x-.x-.x-.x-."),
    "slow12": ("x--x--x--x--", "x-----x-----"),
    "push": ("X-----X-------x-", "X-----x---x-----"),
    "charge": ("X-x-x-X-x-x-X-x-", "X.xxX.xxX.xxX.xx", "X--X--X-X--X--X-"),
    "gallop": ("X.xxX.xxX.xxX.xx", "X.xxX.xxX...X..."),
    "chug": ("X.x.x.X.x.x.X.x.", "XxxxXxxxXxxxXxxx", "X.xxx.xxX.xx.x.x"),
    "reggaeton": ("x-----x-....x---",),
}


def write_chords(
    pen: Pen, instrument: Instrument, parts: list[Segment], tonic: int, rhythm: str
) -> None:
    """Chords struck in a rhythm, voiced smoothly, strummed where strings are strummed."""
    clock = pen.clock
    pattern = clock.rng.choice(RHYTHMS[rhythm])
    centre = min(max((instrument.low + instrument.high) / 2, 55), 69)
    strummed = instrument.hand in {"pluck", "eguitar", "uke", "mando", "leadguitar", "jazzpluck"}
    previous: list[int] | None = None
    for part in parts:
        notes = voicing(part.chord, tonic, centre, previous)
        previous = notes
        if instrument.hand in {"metalguitar", "leadguitar"} and rhythm not in {"strum", "scratch"}:
            root = fold(tonic + part.chord.root, instrument.low, instrument.low + 11)
            notes = [root, root + 7, root + 12]
        elif strummed and instrument.hand != "uke":
            notes = [fold(tonic + part.chord.root, 40, 51), *notes]
        for start, length, accent in _strikes(pattern, part, clock):
            strum = 0.0
            if strummed:
                strum = 0.012 if (start // (clock.steps // 2 or 1)) % 2 == 0 else -0.008
            muted = rhythm in {"chug", "gallop", "scratch"} and not accent
            pen.chord(
                start, length * (0.55 if muted else 0.92), notes, 100 if accent else 82, strum
            )


def _strikes(pattern: str, part: Segment, clock: Clock) -> list[tuple[int, int, bool]]:
    strikes: list[tuple[int, int, bool]] = []
    end = part.start + part.length
    for step in range(part.start, end):
        mark = pattern[(step % clock.bar) % len(pattern)]
        if mark == "-" and step == part.start:
            mark = "x"
        if mark in "Xx":
            length = 1
            while (
                step + length < end and pattern[((step + length) % clock.bar) % len(pattern)] == "-"
            ):
                length += 1
            strikes.append((step, length, mark == "X"))
    return strikes


def write_arpeggio(
    pen: Pen,
    instrument: Instrument,
    parts: list[Segment],
    tonic: int,
    *,
    every: int = 2,
    octaves: int = 2,
    shape: str = "updown",
) -> None:
    """Broken chords, one note every `every` steps."""
    clock = pen.clock
    previous: list[int] | None = None
    centre = (instrument.low + instrument.high) / 2 - 6 * (octaves - 1)
    for part in parts:
        base = voicing(part.chord, tonic, centre, previous)
        previous = base
        notes = [n + 12 * o for o in range(octaves) for n in base]
        notes = [n for n in notes if n <= instrument.high] or base
        order = {
            "up": notes,
            "down": notes[::-1],
            "updown": notes + notes[-2:0:-1],
            "pedal": [n for pair in ((n, notes[0]) for n in notes[1:]) for n in pair] or notes,
            "alberti": [notes[place % len(notes)] for place in (0, 2, 1, 2)],
        }[shape]
        for index, step in enumerate(range(part.start, part.start + part.length, every)):
            accent = 12 if step % clock.steps == 0 else 0
            pen.play(step, every * 1.3, order[index % len(order)], 80 + accent)


# Bass lines: R root, 5 fifth, 8 octave, 3 third, 6 sixth, 7 seventh, a a step below what comes
# next, g a ghosted root, - holds, . rests.
BASSES: dict[str, tuple[str, ...]] = {
    "eighths": ("R-R-R-R-R-R-R-R-", "R-R-R-R-R-R-5-7-"),
    "roots": ("R-------R-------", "R---------R-R---"),
    "whole": ("R---------------",),
    "funk": ("R..gR.8.7.R.g5.a", "R.g.8.R...5.7.8.", "R..R..8.g.7.5.R.", "R-..8.R.7-5-R..."),
    "slap": ("R.8.gR8.R.g87.8.", "R..8.R8.gR.87.R8"),
    "disco": ("R.8.R.8.R.8.R.8.", "R.8.R.8.5.8.7.8."),
    "offbeat": ("..R-..R-..R-..R-", "..R...R...R...RR"),
    "pump": (".RRR.RRR.RRR.RRR", "R.RRR.RRR.RRR.RR"),
    "octaves": ("R-8-R-8-R-8-R-8-",),
    "reggae": ("R---..R-5-..R...", "....R-R-5---8-..", "R-..R-..5-3-R-..", "..R-R---..5-7-8-"),
    "dub": ("R---....R-5---..", "R--R--..5-..R-.."),
    "bossa": ("R-----5-5-----R-", "R----5R-R----5R-"),
    "samba": ("R--5R--5R--5R--5",),
    "tumbao": ("......5---..8---", "R.....5-....8-.."),
    "hiphop": ("R------R--5-....", "R-....R-..7-8-..", "R---..R...R-...."),
    "808": ("R-----R---R-....", "R-------..R-..8-"),
    "reggaeton": ("R-----R-....5---",),
    "root5": ("R---....5---....", "R-..5-..R-..5-.a"),
    "waltz": ("R---........", "R-----------"),
    "march": ("R...5...R...5...",),
    "tango": ("R---R---R---R-a-", "R--R--5-R---5---"),
    "soul": ("R--R..5-8.7.5...", "R-..R-R-5-3-R-a-", "R-..8.5.R-..3.5."),
    "afro": ("R.R.5.R...7.R.8.", "R..5..R.R..7..5."),
    "shuffle": ("R.RR.R5.56.6", "R.R3.R5.56.5"),
    "slow12": ("R--R--5--5--", "R-----R--5--"),
    "gallop": ("R.RRR.RRR.RRR.RR",),
    "chug": ("RRRRRRRRRRRRRRRR", "R.R.R.R.R.R.R.R."),
    "dnb": ("R---------R-7-..", "R-----5---R---8-"),
    "synthwave": ("R.R.R.R.R.R.R.R.", "RRR.RRR.RRR.RRR."),
    "bounce": ("R-.R..R-5-.5..a.",),
}


def write_bass(
    pen: Pen, instrument: Instrument, parts: list[Segment], tonic: int, line: str
) -> None:
    """A bass line that repeats measure by measure over the changing chords."""
    if line == "walk":
        write_walk(pen, instrument, parts, tonic)
        return
    clock = pen.clock
    pattern = clock.rng.choice(BASSES[line])
    for part in parts:
        root = fold(tonic + part.chord.root, instrument.low, instrument.low + 11)
        target = fold(tonic + part.following.root, instrument.low, instrument.low + 11)
        tones = {
            "R": root,
            "g": root,
            "5": root + 7,
            "8": root + 12,
            "3": root + part.chord.third,
            "6": root + 9,
            "7": root + part.chord.seventh,
            "a": target - 1,
        }
        end = part.start + part.length
        for step in range(part.start, end):
            mark = pattern[(step % clock.bar) % len(pattern)]
            if mark == "-" and step == part.start:
                mark = "R"
            if mark in ".-":
                continue
            length = 1
            while (
                step + length < end and pattern[((step + length) % clock.bar) % len(pattern)] == "-"
            ):
                length += 1
            ghost = mark == "g"
            velocity = 60 if ghost else (108 if step % clock.bar == 0 else 98)
            pen.play(step, 0.35 if ghost else length * 0.92, tones[mark], velocity)


def write_walk(pen: Pen, instrument: Instrument, parts: list[Segment], tonic: int) -> None:
    """A walking bass: a chord tone on the change, steps between, an approach to the next."""
    clock = pen.clock
    for part in parts:
        root = fold(tonic + part.chord.root, instrument.low, instrument.low + 11)
        target = fold(tonic + part.following.root, instrument.low, instrument.low + 11)
        inner = [root + part.chord.third, root + 7, root + part.chord.seventh, root + 12]
        beats = range(part.start, part.start + part.length, clock.steps)
        for index, step in enumerate(beats):
            if index == 0:
                pitch = root
            elif index == len(beats) - 1:
                pitch = target + clock.rng.choice((-1, 1, 2, 7 if target < 40 else -2))
            else:
                pitch = clock.rng.choice(inner)
            pitch = fold(pitch, instrument.low, instrument.high)
            pen.play(step, clock.steps * 0.9, pitch, 100)
            if clock.rng.random() < 0.12:
                pen.play(step + clock.steps - 1, 0.5, pitch, 58)
