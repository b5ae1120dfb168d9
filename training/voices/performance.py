"""How a singer performs a phrase: where each syllable falls, and how the pitch moves.

Times inside are frames of 5 ms. A vowel starts where its note starts; the consonants before it are
taken from the end of the note before. Vowels are stretched in their middle, their ends are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from training.voices.bank import HOP, RATE, Take

FRAMES_PER_SECOND = RATE / HOP
_EDGE = 10
"""Frames at each end of a vowel that keep their speed."""

_VIBRATO_FROM = 0.3
"""Seconds of the shortest note with vibrato."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How somebody sings.

    Attributes:
        vibrato: depth in cents of a long note.
        rate: of the vibrato, hertz.
        glide: seconds between two pitches.
        scoop: semitones from below into the first note of a phrase.
        drift: cents by which the pitch wanders.
        spoken: share of the intonation that was spoken; 1 is rap, 0 is song.
        ring: decibels at 3 kHz, the singer's formant.
        bright: decibels an octave over 1 kHz.
        breath: factor on the noise.
        runs: chance that a syllable is held on through the next note.
    """

    vibrato: float = 35.0
    rate: float = 5.6
    glide: float = 0.07
    scoop: float = 0.8
    drift: float = 9.0
    spoken: float = 0.0
    ring: float = 0.0
    bright: float = 1.5
    breath: float = 1.0
    runs: float = 0.0


@dataclass(frozen=True, slots=True)
class SungNote:
    """One note of a phrase: frames from the phrase's first vowel, pitch as a MIDI number."""

    start: float
    length: float
    pitch: float
    velocity: float = 100.0
    held: bool = False
    """Whether it goes on with the syllable of the note before."""


@dataclass(frozen=True, slots=True)
class Frames:
    """What the vocoder is given; `lead` frames come before the first vowel."""

    level: np.ndarray
    noise: np.ndarray
    pitch: np.ndarray
    lead: int


def _stretched(start: int, end: int, count: int) -> np.ndarray:
    """`count` places between two frames: the edges at their own speed, the middle stretched."""
    natural = end - start
    if count <= natural or natural <= 2 * _EDGE:
        return np.linspace(start, max(start, end - 1), count)
    turns = [0, _EDGE, count - _EDGE, count - 1]
    return np.interp(np.arange(count), turns, [start, start + _EDGE, end - _EDGE, end - 1])


def _groups(notes: Sequence[SungNote]) -> list[list[SungNote]]:
    """Notes by syllable."""
    groups: list[list[SungNote]] = []
    for note in notes:
        if note.held and groups:
            groups[-1].append(note)
        else:
            groups.append([note])
    return groups


def _places(take: Take, first: int, groups: list[list[SungNote]]) -> tuple[np.ndarray, int]:
    """The frame of the take that is heard at each frame of the phrase, and the lead."""
    syllables = take.syllables
    count = len(syllables)
    onsets = []
    for place, group in enumerate(groups):
        one = syllables[(first + place) % count]
        natural = one.vowel - one.start
        before = group[0].start - groups[place - 1][0].start if place else 60.0
        onsets.append(max(2, round(min(natural, 0.45 * before))))
    rows = []
    for place, group in enumerate(groups):
        one = syllables[(first + place) % count]
        start = round(group[0].start)
        last = group[-1]
        joined = place + 1 < len(groups)
        if joined:
            stop = round(groups[place + 1][0].start) - onsets[place + 1]
            natural = min(one.end - one.coda, 30)
            coda = round(min(natural, max(0, 0.3 * (stop - start))))
        else:
            stop = round(last.start + last.length)
            coda = min(one.end - one.coda, 40)
            stop = max(stop, start + 8) + coda // 2
        stop = max(stop, start + 4)
        coda = min(coda, (stop - start) // 2)
        rows.append(np.linspace(one.start, one.vowel - 1, onsets[place]))
        rows.append(_stretched(one.vowel, one.coda, stop - coda - start))
        if coda:
            rows.append(np.linspace(one.coda, max(one.coda, one.end - 1), coda))
    return np.concatenate(rows), onsets[0]


def _curve(
    notes: Sequence[SungNote], frames: int, lead: int, manner: Manner, rng: np.random.Generator
) -> np.ndarray:
    """MIDI pitch a frame: steps that glide, vibrato on long notes, drift, a scoop."""
    steps = np.full(frames, float(notes[0].pitch))
    depth = np.zeros(frames)
    ahead = round(0.4 * manner.glide * FRAMES_PER_SECOND)
    for place, note in enumerate(notes):
        start = lead + round(note.start)
        if place:
            steps[max(0, start - ahead) :] = note.pitch
        length = note.length / FRAMES_PER_SECOND
        depth[start:] = 0.0
        if length > _VIBRATO_FROM:
            since = np.arange(max(0, frames - start)) / FRAMES_PER_SECOND
            depth[start:] = np.clip((since - 0.18) / 0.3, 0, 1) * min(1.0, length / 0.8)
    smooth = gaussian_filter1d(steps, manner.glide * FRAMES_PER_SECOND / 3.2, mode="nearest")
    rate = manner.rate * (1 + _slow(rng, frames, 40) * 0.05)
    turn = np.cumsum(rate) / FRAMES_PER_SECOND + rng.random()
    sway = manner.vibrato / 100 * gaussian_filter1d(depth, 6) * np.sin(2 * np.pi * turn)
    scoop = manner.scoop * np.exp(-np.maximum(0, np.arange(frames) - lead) / 16)
    return np.asarray(smooth + sway + manner.drift / 100 * _slow(rng, frames, 12) - scoop)


def _slow(rng: np.random.Generator, frames: int, width: float) -> np.ndarray:
    """Noise of unit variance that changes slowly."""
    return np.asarray(gaussian_filter1d(rng.normal(0, 1, frames), width) * (3.545 * width) ** 0.5)


def perform(
    take: Take, first: int, notes: Sequence[SungNote], manner: Manner, rng: np.random.Generator
) -> Frames:
    """Sing one phrase on the syllables of a line, from the syllable `first` on; they go round."""
    groups = _groups(notes)
    places, lead = _places(take, first, groups)
    frames = len(places)
    near = np.round(places).astype(np.int64)
    low = np.floor(places).astype(np.int64)
    part = (places - low)[:, None].astype(np.float32)
    high = np.minimum(low + 1, len(take.pitch) - 1)
    level = take.level[low] * (1 - part) + take.level[high] * part
    noise = np.clip(take.noise[near] * manner.breath, 0, 1)
    spoken = take.pitch[near]
    voiced = spoken > 0
    midi = _curve(notes, frames, lead, manner, rng)
    hertz = 440 * 2 ** ((midi - 69) / 12)
    if manner.spoken:
        middle = float(np.median(spoken[voiced])) if voiced.any() else 120.0
        curve = np.where(voiced, spoken, middle) / middle
        hertz = hertz * gaussian_filter1d(curve, 2) ** manner.spoken
    jumps = np.flatnonzero(np.abs(np.diff(places)) > 30)
    for jump in jumps:  # where the line goes round, two frames that were never neighbours meet
        span = slice(max(0, jump - 3), min(frames, jump + 5))
        level[span] = gaussian_filter1d(level[span], 1.5, axis=0, mode="nearest")
    gain = np.zeros(frames, np.float32)
    for note in notes:
        start = max(0, lead + round(note.start) - 6)
        gain[start:] = 0.16 * (note.velocity - 100)
    gain = gaussian_filter1d(gain, 5) + _slow(rng, frames, 14) * 0.5
    fade = min(14, frames // 3)
    gain[-fade:] += np.linspace(0, -36, fade)
    level = level + gain[:, None].astype(np.float32)
    return Frames(level.astype(np.float32), noise, np.where(voiced, hertz, 0.0), lead)
