"""Puts a piece together: tempo and width, key, line-up, parts, effects and levels."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from training.music.backing import Segment, segments, write_arpeggio, write_bass, write_chords
from training.music.clock import Clock, Pen
from training.music.genres import GENRES, Genre
from training.music.grooves import groove_steps, write_drums
from training.music.harmony import BRIGHT, chord
from training.music.instruments import INSTRUMENTS, Instrument
from training.music.melody import write_line
from training.music.piece import Piece, Texture, Track
from training.music.solos import lead_line, write_solo
from training.music.textures import TEXTURES, pick_texture

WIDTHS = tuple(range(256, 641, 16))
USUAL_WIDTH = 512
SLOWEST, FASTEST = 58.0, 182.0
SOUNDFONTS = 3

# Loudness of each role against the lead, in decibels of the loudest tenth of the time.
LEVELS = {"solo": 0.0, "lead": 0.0, "chords": -4.0, "bass": -3.0, "drums": -2.0, "pad": -9.0}

_BALANCE: dict[str, dict[str, float]] = {
    **dict.fromkeys(
        ("hiphop", "trap", "lofi", "rnb", "dancehall", "dubstep"),
        {"drums": 5.0, "bass": 2.0, "lead": -4.0, "chords": -4.0},
    ),
    **dict.fromkeys(
        ("house", "disco", "trance", "techno", "dnb", "electro", "synthwave"),
        {"drums": 3.0, "bass": 1.0, "lead": -2.5, "chords": -0.5, "pad": 1.0},
    ),
    **dict.fromkeys(("metal", "punk", "rock"), {"drums": 2.0, "chords": 2.0}),
    **dict.fromkeys(("ambient", "newage"), {"pad": 5.0, "chords": 2.0, "lead": -3.0}),
    **dict.fromkeys(("opera", "gospel", "church"), {"lead": 2.0, "chords": -2.0}),
    **dict.fromkeys(("country", "folk", "bluegrass", "blues"), {"chords": 1.5, "lead": -1.0}),
    "orchestral": {"lead": -2.0, "chords": 2.0, "pad": 3.0},
    "classical": {"lead": -1.0, "chords": 2.0},
    "funk": {"bass": 2.5, "drums": 2.0, "chords": 1.0, "lead": -2.0},
}
"""Decibels by which a genre moves its roles: beats are mixed loud where the beat is the song."""

_GUEST_SHARE = 0.16
_GUESTS = (
    *("tenor", "alto", "violin", "trumpet", "flute", "overdrive", "piano", "soprano_voice"),
    *("tenor_voice", "oohs", "hammond", "sitar", "synlead", "harmonica", "accordion", "banjo"),
    *("choir", "cello", "vibraphone", "steeldrum", "clarinet", "harpsichord", "nylon", "harp"),
)
"""Leads that turn up where they are not expected: "techno with sitar" is asked for too."""

_EASTERN = frozenset({"gospel", "techno", "house", "trance", "metal", "funk", "jazz", "hiphop"})
"""Genres that are sometimes played in an Arabic scale."""

_SOLO_MODES = ("major", "major", "minor", "minor", "dorian", "mixolydian", "harmonic minor")
_SOLO_PROGS = (
    "I V vi IV; I IV V I; vi IV I V; I vi IV V; I IV I V",
    "i bVI bIII bVII; i iv V i; i bVII bVI V; i iv i V; i bVI iv V",
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
_SLOW_HANDS = frozenset({"voice", "section", "pad", "drone", "churchkeys", "chimes"})


def measures(low: float, high: float, meters: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Every (width, beats, meter) whose tempo lies in a range, exact at 10 ms a column."""
    found = []
    for meter in meters:
        for width in WIDTHS:
            for beats in range(meter, 17, meter):
                bpm = beats * 6000 / width
                if low <= bpm <= high and beats > 3:
                    found.append((width, beats, meter))
    return found


@dataclass(slots=True)
class _Frame:
    rng: random.Random
    width: int
    beats: int
    meter: int

    def clock(self, genre: Genre | None, steps: int = 4) -> Clock:
        swing = genre.swing if genre and steps == 4 else 0.5
        swing16 = genre.swing16 if genre and steps == 4 else 0.5
        tight = genre is not None and ("machine" in genre.kits or "chip" in genre.chords)
        seconds = self.width / 100 / self.beats
        return Clock(
            self.rng,
            self.beats,
            self.meter,
            seconds,
            steps,
            swing,
            swing16,
            0.001 if tight else 0.006,
        )


def _frame(
    rng: random.Random, low: float, high: float, meters: tuple[int, ...], usual: float = 0.55
) -> _Frame:
    meter = rng.choice(meters)
    found = measures(low, high, (meter,))
    standard = [row for row in found if row[0] == USUAL_WIDTH]
    if not standard and meter == 4 and 2 in meters:
        standard = [r for r in measures(low, high, (2,)) if r[0] == USUAL_WIDTH]
    if standard and rng.random() < usual:
        found = standard
    if not found:
        found = measures(low * 0.94, high * 1.06, (meter,))
    width, beats, meter = rng.choice(found)
    return _Frame(rng, width, beats, meter)


def compose(rng: random.Random) -> Piece:
    """Compose one looping clip; everything it decides comes from `rng`."""
    dice = rng.random()
    if dice < 0.33:
        return _solo(rng)
    if dice < 0.39:
        return _drums(rng)
    if dice < 0.45:
        return _texture(rng)
    return _band(rng)


def _pick(rng: random.Random, text: str, separator: str = ",") -> str:
    return rng.choice([part.strip() for part in text.split(separator)])


def _weighted(rng: random.Random, weights: dict[str, float]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def pick_genre(rng: random.Random) -> str:
    """A genre, the ones people ask for more often than others."""
    return _weighted(rng, {name: genre.weight for name, genre in GENRES.items()})


def _chords(frame: _Frame, clock: Clock, progression: str, per: int) -> list[Segment]:
    chords = [chord(symbol) for symbol in progression.split()]
    beats = min(per, frame.beats)
    if frame.meter == 3:
        beats = 3
    elif frame.meter == 2:
        beats = 2 if per <= 4 and frame.beats // 2 >= len(chords) else 4
    elif frame.beats // beats < len(chords) and frame.beats >= 8:
        beats = max(2, frame.beats // len(chords) // 2 * 2)
    return segments(clock, chords, beats * clock.steps)


def _mode(mode: str) -> str:
    return "bright" if mode in BRIGHT else "dark"


def _progressions(text: str, mode: str) -> str:
    """Only progressions whose tonic fits the mode, or all where none does."""
    rows = [row.strip() for row in text.split(";") if row.strip()]
    minor = mode not in BRIGHT and mode not in {"hijaz", "double harmonic", "blues"}
    fitting = [
        row
        for row in rows
        if any(part[0] == "i" for part in row.split()[:1]) == minor
        or not any(part.lstrip("b#")[0:1] in "iI" for part in row.split()[:1])
    ]
    return ";".join(fitting or rows)


def _track(
    pen: Pen, role: str, who: Instrument, level: float, reverb: float, effects: tuple[str, ...] = ()
) -> Track:
    notes = tuple(sorted(pen.notes, key=lambda n: (n.start, n.pitch)))
    controls = tuple(sorted(pen.controls, key=lambda c: c.time))
    return Track(role, who.key, notes, controls, who.effects + effects, level, reverb)


def _solo(rng: random.Random) -> Piece:
    who = INSTRUMENTS[_weighted(rng, {k: i.solo_weight for k, i in INSTRUMENTS.items()})]
    low, high = (60.0, 96.0) if who.hand in _SLOW_HANDS else (SLOWEST + 4, 164.0)
    if who.hand in {"metalguitar", "banjo", "fiddle", "acid", "arp", "chip"}:
        low = 92.0
    frame = _frame(rng, low, high, (4, 4, 4, 3) if who.hand not in {"acid", "banjo"} else (4, 2))
    mode = rng.choice(_HOME_MODES.get(who.key, _SOLO_MODES))
    progression = _pick(rng, _SOLO_PROGS[_mode(mode) == "dark"], ";")
    if who.hand in {"sitar", "koto", "oud"} or mode in {"hijaz", "double harmonic"}:
        progression = rng.choice(("I5 I5", "I5 I5 bII I5"))
    clock = frame.clock(None)
    parts = _chords(frame, clock, progression, 4)
    tonic = 60 + rng.randrange(-6, 6)
    pen = Pen(clock, who.low, who.high)
    write_solo(pen, who, parts, tonic, mode)
    if not pen.notes:
        write_arpeggio(pen, who, parts, tonic)
    room = rng.choice(("room", "room", "hall", "small"))
    if who.key in {"churchorgan", "choir", "drone"}:
        room = "cathedral"
    bright = _mode(mode) == "bright"
    moods = (
        ("happy", "bright", "gentle", "warm") if bright else ("sad", "dark", "melancholic", "moody")
    )
    return _piece(
        frame,
        rng,
        "solo",
        "",
        (_track(pen, "solo", who, 0.0, 0.25),),
        (),
        tonic,
        mode,
        rng.choice(moods),
        "",
        room,
        (),
        "",
    )


def _drums(rng: random.Random) -> Piece:
    name = pick_genre(rng)
    while not GENRES[name].grooves.strip(","):
        name = pick_genre(rng)
    genre = GENRES[name]
    groove = ""
    while not groove:
        groove = _pick(rng, genre.grooves)
    frame = _frame(rng, *genre.tempo, _meters(genre, groove))
    kit = _pick(rng, genre.kits)
    track = _drum_track(frame, rng, genre, groove)
    return _piece(
        frame,
        rng,
        "drums",
        name,
        (track,),
        (),
        60,
        "major",
        _pick(rng, genre.moods),
        kit,
        rng.choice(("small", "room", "dry")),
        (),
        groove,
    )


def _meters(genre: Genre, groove: str) -> tuple[int, ...]:
    if groove in {"waltz", "jazzwaltz"}:
        return (3,)
    if groove:
        return tuple(m for m in genre.meters if m != 3) or (4,)
    return genre.meters


def _drum_track(frame: _Frame, rng: random.Random, genre: Genre, groove: str) -> Track:
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


def _texture(rng: random.Random) -> Piece:
    name = pick_texture(rng, alone=True)
    frame = _frame(rng, SLOWEST, 150.0, (4,))
    return _piece(
        frame,
        rng,
        "texture",
        "",
        (),
        (Texture(name, 0.0),),
        60,
        "major",
        "",
        "",
        "dry",
        (),
        "",
    )


def _band(rng: random.Random) -> Piece:
    name = pick_genre(rng)
    genre = GENRES[name]
    groove = _pick(rng, genre.grooves) if genre.grooves and rng.random() < 0.94 else ""
    frame = _frame(rng, *genre.tempo, _meters(genre, groove))
    kit = _pick(rng, genre.kits) if groove else ""
    steps = groove_steps(groove) if groove else 4
    if not groove and name in {"blues"}:
        steps = 3
    clock = frame.clock(genre, steps)
    mode = _pick(rng, genre.modes)
    if name in _EASTERN and rng.random() < 0.12:
        mode = rng.choice(("hijaz", "double harmonic"))
    progression = _pick(rng, _progressions(genre.progs, mode), ";")
    parts = _chords(frame, clock, progression, genre.chords_per)
    tonic = 60 + rng.randrange(-6, 6)
    tracks: list[Track] = []
    drop = rng.random()
    sung = name in {"opera", "gospel", "church"}
    lead = _pick(rng, genre.leads) if genre.leads and (drop > 0.1 or sung) else ""
    chords = _pick(rng, genre.chords) if genre.chords and not 0.1 < drop < 0.17 else ""
    bass = _pick(rng, genre.bass) if genre.bass and drop < 0.93 else ""
    pad = _pick(rng, genre.pads) if genre.pads and rng.random() < 0.6 else ""
    if lead and lead not in {"soprano_voice", "tenor_voice"} and rng.random() < _GUEST_SHARE:
        lead = rng.choice(_GUESTS)
    if chords == lead and lead in {"nylon", "koto"}:
        chords = ""
    lines = genre.lines
    if lead:
        tracks.append(_lead(clock, genre, lead, parts, tonic, mode))
    if chords:
        tracks.append(_comp(clock, genre, chords, parts, tonic, not lead, frame))
    if "drone" in genre.rhythm_effects:
        tracks.append(_tanpura(clock, tonic))
    if bass:
        who = INSTRUMENTS[bass]
        pen = Pen(clock, who.low, who.high)
        line = _pick(rng, _ternary(lines, clock, frame))
        write_bass(pen, who, parts, tonic, line)
        tracks.append(_track(pen, "bass", who, LEVELS["bass"], 0.05))
    if pad and pad not in (lead, chords):
        who = INSTRUMENTS[pad]
        pen = Pen(clock, who.low, who.high)
        write_chords(pen, who, parts, tonic, "whole")
        tracks.append(_track(pen, "pad", who, LEVELS["pad"], 0.35))
    if groove:
        tracks.append(_drum_track(frame, rng, genre, groove))
    balance = _BALANCE.get(name, {})
    tracks = [replace(t, level=t.level + balance.get(t.role, 0.0)) for t in tracks]
    effects = tuple(e for e in (_pick(rng, genre.effects),) if e) if genre.effects else ()
    textures: tuple[Texture, ...] = ()
    if rng.random() < (
        0.3 if name in {"lofi", "ambient", "newage", "christmas", "church"} else 0.05
    ):
        textures = (Texture(pick_texture(rng, genre=name), -9.0),)
    return _piece(
        frame,
        rng,
        "band",
        name,
        tuple(tracks),
        textures,
        tonic,
        mode,
        _pick(rng, genre.moods),
        kit,
        genre.room,
        effects,
        groove,
    )


def _ternary(lines: str, clock: Clock, frame: _Frame) -> str:
    """Bass lines that fit the grid: ternary ones only on a ternary grid."""
    ternary = {"shuffle", "slow12"}
    rows = [line for line in lines.split(",") if (line in ternary) == (clock.steps == 3)]
    if clock.steps == 3 and not rows:
        rows = ["slow12"]
    if frame.meter == 3:
        rows = ["waltz"]
    return ",".join(rows or ["roots"])


def _lead(
    clock: Clock, genre: Genre, key: str, parts: list[Segment], tonic: int, mode: str
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
        write_line(pen, who, parts, tonic, lead_line(who, _pick(clock.rng, genre.styles), mode))
    if not pen.notes:
        write_chords(pen, who, parts, tonic, "whole")
    effects = ("delay",) if clock.rng.random() < 0.2 and who.patch else ()
    return _track(pen, "lead", who, LEVELS["lead"], 0.28, effects)


def _comp(
    clock: Clock,
    genre: Genre,
    key: str,
    parts: list[Segment],
    tonic: int,
    alone: bool,
    frame: _Frame,
) -> Track:
    who, rng = INSTRUMENTS[key], clock.rng
    pen = Pen(clock, who.low, who.high)
    rhythm = _pick(rng, genre.rhythms)
    if clock.steps == 3 and rhythm not in {"shuffle", "slow12"}:
        rhythm = "slow12"
    elif clock.steps == 4 and rhythm in {"shuffle", "slow12"}:
        rhythm = "quarters"
    if frame.meter == 3:
        rhythm = "waltz"
    if who.hand in {"banjo", "koto"}:
        write_solo(pen, who, parts, tonic, "major")
    elif who.hand in {"harp", "arp", "chip", "bells"} and rng.random() < 0.7:
        every = 1 if who.hand in {"arp", "chip"} else 2
        write_arpeggio(pen, who, parts, tonic, every=every, shape=rng.choice(("up", "updown")))
    elif (
        who.hand in {"keys", "pluck", "baroque"}
        and rng.random() < 0.25
        and rhythm
        in {
            "half",
            "quarters",
            "folkstrum",
            "push",
        }
    ):
        write_arpeggio(pen, who, parts, tonic, every=2 if clock.steps == 4 else 1)
    else:
        write_chords(pen, who, parts, tonic, rhythm)
    if not pen.notes:
        write_chords(pen, who, parts, tonic, "whole")
    return _track(pen, "chords", who, -1.0 if alone else LEVELS["chords"], 0.2)


def _tanpura(clock: Clock, tonic: int) -> Track:
    who = INSTRUMENTS["sitar"]
    pen = Pen(clock)
    root = 48 + (tonic - 48) % 12
    for index, step in enumerate(range(0, clock.total, clock.steps)):
        pitch = (root - 5, root, root, root - 12)[index % 4]
        pen.play(step, clock.steps * 3, pitch, 78)
    return _track(pen, "drone", who, -7.0, 0.3)


def _piece(
    frame: _Frame,
    rng: random.Random,
    kind: str,
    genre: str,
    tracks: tuple[Track, ...],
    textures: tuple[Texture, ...],
    tonic: int,
    mode: str,
    mood: str,
    kit: str,
    room: str,
    effects: tuple[str, ...],
    style: str,
) -> Piece:
    assert all(texture.name in TEXTURES for texture in textures)
    return Piece(
        kind,
        genre,
        frame.width,
        frame.beats,
        frame.meter,
        tracks,
        textures,
        tonic % 12,
        mode,
        mood,
        kit,
        rng.randrange(60),
        room,
        effects,
        style,
        rng.getrandbits(32),
    )
