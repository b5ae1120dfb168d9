"""From a vocal track to its sound: parts, phrases, singers, takes."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import fft

from training.music.piece import Note, Piece, Track
from training.voices import polish
from training.voices.bank import HOP, RATE, Bank, Take
from training.voices.performance import FRAMES_PER_SECOND, Manner, SungNote, perform
from training.voices.vocoder import synthesise

_TABLES = tomllib.loads(Path(__file__).with_name("singers.toml").read_text("utf-8"))
SINGERS: dict[str, dict[str, Any]] = _TABLES["singers"]
"""The instruments that are sung, by key."""

_MANNERS = {name: Manner(**table) for name, table in _TABLES["manners"].items()}
_SPEAKERS = tomllib.loads(Path(__file__).with_name("speakers.toml").read_text("utf-8"))
_BREAK = 0.3
"""Seconds of rest that end a phrase."""

_TOGETHER = 0.05
"""Seconds within which notes are a chord."""


@dataclass(frozen=True, slots=True)
class _Voice:
    """One singer for one track."""

    speaker: str
    formants: float
    cents: float
    late: float


def parts_of(notes: Sequence[Note]) -> list[list[Note]]:
    """The parts of a track from the highest down, each of one note at a time."""
    parts: list[list[Note]] = []
    chord: list[Note] = []
    for note in sorted(notes, key=lambda n: n.start):
        if chord and note.start - chord[0].start > _TOGETHER:
            _deal(parts, chord)
            chord = []
        chord.append(note)
    _deal(parts, chord)
    return parts


def _deal(parts: list[list[Note]], chord: list[Note]) -> None:
    for place, note in enumerate(sorted(chord, key=lambda n: -n.pitch)):
        if place == len(parts):
            parts.append([])
        parts[place].append(note)


def phrases_of(part: Sequence[Note]) -> list[list[Note]]:
    """A part, cut where it rests."""
    phrases: list[list[Note]] = []
    for note in part:
        if not phrases or note.start - _end(phrases[-1][-1]) > _BREAK:
            phrases.append([])
        phrases[-1].append(note)
    return phrases


def _end(note: Note) -> float:
    return note.start + note.duration


def _sung(
    phrase: Sequence[Note], voice: _Voice, manner: Manner, rng: np.random.Generator
) -> list[SungNote]:
    """The notes of a phrase in frames, each as long as up to the next, some on one syllable."""
    first = phrase[0].start
    rows: list[SungNote] = []
    for place, note in enumerate(phrase):
        end = _end(note)
        joined = False
        if place + 1 < len(phrase):
            end = min(end, phrase[place + 1].start)
        if place:
            before = phrase[place - 1]
            joined = note.start - _end(before) < 0.08 and before.pitch != note.pitch
        held = joined and not rows[-1].held and rng.random() < manner.runs
        rows.append(
            SungNote(
                (note.start - first) * FRAMES_PER_SECOND,
                max(8.0, (end - note.start) * FRAMES_PER_SECOND),
                note.pitch + voice.cents / 100,
                note.velocity,
                held,
            )
        )
    return rows


class Choir:
    """Sings the vocal tracks of pieces from a bank."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank

    def render(self, track: Track, piece: Piece) -> np.ndarray:
        """A vocal track as float32 of `width * 441` samples at 44,100 Hz, wrapped onto the clip."""
        table = SINGERS[track.instrument]
        name = table.get("manner") or _TABLES["genres"].get(piece.genre, "plain")
        rng = np.random.default_rng([piece.seed, *track.role.encode()])
        order = rng.permutation(64)
        stem = np.zeros(piece.width * RATE // 100, np.float32)
        for place, part in enumerate(parts_of(track.notes)):
            low = place > 0 and float(np.mean([n.pitch for n in part])) < 60
            sexes = ("man",) if low else ("woman",)
            if table["sex"] != "both":
                sexes = (table["sex"],)
            for voice in self._voices(table, track, sexes, rng):
                lines = [
                    self._bank.take(voice.speaker, table["lines"], int(number))
                    for number in order[: len(phrases_of(part))]
                ]
                _sing(stem, part, voice, _MANNERS[name], lines=lines, rng=rng)
        wide = fft.irfft(fft.rfft(polish.polish(stem, _MANNERS[name])), piece.width * 441)
        return np.asarray(wide * (441 / 240), np.float32)

    def _voices(
        self, table: dict[str, Any], track: Track, sexes: Sequence[str], rng: np.random.Generator
    ) -> list[_Voice]:
        kind = table["lines"]
        names = [
            name
            for name, row in _SPEAKERS.items()
            if row["sex"] in sexes and self._bank.count(name, kind)
        ]
        count = table.get("singers", 1)
        chosen = rng.choice(names, count, replace=count > len(names))
        voices = [
            _Voice(str(name), float(rng.uniform(0.94, 1.07)), float(rng.normal(0, 5)), 0.0)
            if count == 1
            else _Voice(
                str(name),
                float(rng.uniform(0.93, 1.08)),
                float(rng.normal(0, 9)),
                float(abs(rng.normal(0, 0.018))),
            )
            for name in chosen
        ]
        if "double" in track.effects:
            one = voices[0]
            late = float(rng.uniform(0.012, 0.028))
            voices.append(_Voice(one.speaker, one.formants * 1.01, one.cents + 7.0, late))
        return voices


def _sing(
    stem: np.ndarray,
    part: Sequence[Note],
    voice: _Voice,
    manner: Manner,
    *,
    lines: Sequence[Take],
    rng: np.random.Generator,
) -> None:
    """Add one singer's part to a stem, a line a phrase."""
    for phrase, line in zip(phrases_of(part), lines, strict=True):
        notes = _sung(phrase, voice, manner, rng)
        frames = perform(line, 0, notes, manner, rng)
        level = frames.level + polish.tilt(manner)
        sound = synthesise(level, frames.noise, frames.pitch, rng, voice.formants)
        start = (phrase[0].start + voice.late) * RATE - frames.lead * HOP
        _add(stem, sound, round(start))


def _add(stem: np.ndarray, sound: np.ndarray, start: int) -> None:
    """Add a sound; what lies before the start or after the end of the clip is wrapped."""
    count = len(stem)
    for begin in range(0, len(sound), count):
        piece = sound[begin : begin + count]
        at = (start + begin) % count
        first = min(len(piece), count - at)
        stem[at : at + first] += piece[:first]
        stem[: len(piece) - first] += piece[first:]
