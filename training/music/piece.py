"""What the composer hands over: one clip of music as plain data.

Times are seconds from the downbeat of the clip (column 0), pitches are MIDI notes, velocities and
controllers are MIDI values of 0 to 127 and levels are decibels. A piece loops: whatever sounds
beyond its end belongs onto its start.
"""

from __future__ import annotations

from dataclasses import dataclass

from audio.columns import bpm_of, seconds_of

BEND = 128
"""The controller number that stands for pitch bend; its value is in semitones, -2 to 2."""


@dataclass(frozen=True, slots=True)
class Note:
    """One sounding note, in seconds, MIDI pitch and velocity."""

    start: float
    duration: float
    pitch: int
    velocity: int


@dataclass(frozen=True, slots=True)
class Control:
    """A controller change: 1 vibrato, 11 expression, 64 pedal, or `BEND` in semitones."""

    time: float
    controller: int
    value: float


@dataclass(frozen=True, slots=True)
class Strum:
    """A stroke through a guitar's chord, beside its notes: for a renderer that has recordings.

    `root` is a pitch class, `quality` `major`, `minor` or `m7b5`, `direction` `down` or `up`.
    """

    start: float
    duration: float
    root: int
    quality: str
    direction: str
    velocity: int


@dataclass(frozen=True, slots=True)
class Track:
    """The notes of one player: a role in the band and the instrument that plays it."""

    role: str
    instrument: str
    notes: tuple[Note, ...]
    controls: tuple[Control, ...] = ()
    effects: tuple[str, ...] = ()
    level: float = 0.0
    reverb: float = 0.2
    strums: tuple[Strum, ...] = ()


@dataclass(frozen=True, slots=True)
class Texture:
    """A sound that is no note: rain, bells, typing. Level in decibels."""

    name: str
    level: float


@dataclass(frozen=True, slots=True)
class BeatChord:
    """The chord that sounds in a beat, in pitch classes (0 is C).

    `tones` are those that are played, `bass` is the lowest note of the beat, None where only high
    notes sound.
    """

    root: int
    tones: tuple[int, ...]
    bass: int | None


@dataclass(frozen=True, slots=True)
class Piece:
    """A looping clip: `width` columns of 10 ms hold `beats` beats exactly.

    `chords` are as many as beats, None where nobody plays one.
    """

    kind: str
    genre: str
    width: int
    beats: int
    beats_per_measure: int
    tracks: tuple[Track, ...]
    textures: tuple[Texture, ...]
    key: int
    mode: str
    mood: str
    kit: str
    soundfont: int
    room: str
    effects: tuple[str, ...]
    style: str
    seed: int
    chords: tuple[BeatChord | None, ...]

    @property
    def bpm(self) -> float:
        """Beats a minute, exact by construction."""
        return bpm_of(self.beats, self.width)

    @property
    def seconds(self) -> float:
        """Length of the clip in seconds."""
        return seconds_of(self.width)

    @property
    def roles(self) -> dict[str, str]:
        """Which instrument plays which role."""
        return {track.role: track.instrument for track in self.tracks}
