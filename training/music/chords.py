"""Which chord sounds in each beat, as the players really play it.

A progression says what is meant, but a guitar leaves the fifth out, power chords leave the third
out, a riff goes its own way and a bass walks. So a chord is handed over where the notes bear it
out, with those of its tones that sound and with the lowest note of each beat.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from training.music.backing import Segment
from training.music.clock import Clock
from training.music.instruments import INSTRUMENTS
from training.music.piece import BeatChord, Note, Track

UNPITCHED = frozenset({"rapper"})
"""Instruments whose notes are rhythm; drums are in no table of instruments."""

_AGREEING = 0.7
"""Share of what accompanies that a chord's tones make up, at least."""
_SOUNDING = 0.08
"""Share of a chord's time for which a tone sounds, at least, all octaves and players together."""
_BASS_SOUNDING = 0.2
"""The same of the lowest note in a beat."""
_BASS_BELOW = 64
"""From this pitch on the lowest note is no bass."""


def chords_played(
    tracks: Sequence[Track], parts: Sequence[Segment], clock: Clock, tonic: int
) -> tuple[BeatChord | None, ...]:
    """The chord of each beat, None where nobody plays one.

    Args:
        tracks: of the whole clip.
        parts: the progression that they were written over, chords of whole beats.
        clock: of the clip.
        tonic: a MIDI note.
    """
    pitched = [track for track in tracks if is_pitched(track)]
    seconds = clock.beats * clock.beat_seconds
    row: list[BeatChord | None] = []
    for part in parts:
        first, last = part.start // clock.steps, (part.start + part.length) // clock.steps
        span = first * clock.beat_seconds, last * clock.beat_seconds
        tones = _tones(pitched, span, seconds, part, tonic)
        for beat in range(first, last):
            within = beat * clock.beat_seconds, (beat + 1) * clock.beat_seconds
            bass = _lowest(pitched, within, seconds)
            row.append(BeatChord((tonic + part.chord.root) % 12, tones, bass) if tones else None)
    return tuple(row)


def is_pitched(track: Track) -> bool:
    """Whether a track's pitches are heard as such."""
    return track.instrument in INSTRUMENTS and track.instrument not in UNPITCHED


def _tones(
    tracks: Sequence[Track], span: tuple[float, float], seconds: float, part: Segment, tonic: int
) -> tuple[int, ...]:
    """The tones of a chord that sound, root first; none where the notes do not bear it out."""
    meant = list(dict.fromkeys((tonic + tone) % 12 for tone in part.chord.tones))
    behind = [track for track in tracks if track.role not in {"lead", "fill"}] or tracks
    accompanying = sum((_durations(track, span, seconds) for track in behind), np.zeros(128))
    classes = _by_class(accompanying)
    if classes.sum() == 0 or classes[meant].sum() < _AGREEING * classes.sum():
        return ()
    everything = sum((_durations(track, span, seconds) for track in tracks), np.zeros(128))
    enough = _SOUNDING * (span[1] - span[0])
    tones = tuple(tone for tone in meant if _by_class(everything)[tone] >= enough)
    fifth = (meant[0] + 7) % 12
    is_open = set(tones) == {meant[0], fifth}
    return tones if len(tones) >= 3 or is_open or len(tones) == len(meant) else ()


def _lowest(tracks: Sequence[Track], span: tuple[float, float], seconds: float) -> int | None:
    """Pitch class of the lowest note of a beat; the bass player's own where one plays."""
    enough = _BASS_SOUNDING * (span[1] - span[0])
    playing = [track for track in tracks if track.role == "bass"]
    for some in (playing, tracks):
        lengths = sum((_durations(track, span, seconds) for track in some), np.zeros(128))
        found = np.flatnonzero(lengths[:_BASS_BELOW] >= enough)
        if found.size:
            return int(found[0]) % 12
    return None


def _durations(track: Track, span: tuple[float, float], seconds: float) -> NDArray[np.float64]:
    """For how many seconds of a span each pitch sounds, (128,); a clip of `seconds` loops."""
    lengths = np.zeros(128)
    for note in track.notes:
        for start, end in _sounding(note, seconds):
            lengths[note.pitch] += max(0.0, min(end, span[1]) - max(start, span[0]))
    return lengths


def _sounding(note: Note, seconds: float) -> Iterator[tuple[float, float]]:
    """When a note sounds; what is beyond the end of a loop belongs onto its start."""
    end = min(note.start + note.duration, note.start + seconds)
    yield note.start, min(end, seconds)
    if end > seconds:
        yield 0.0, end - seconds


def _by_class(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.bincount(np.arange(128) % 12, lengths, 12), np.float64)
