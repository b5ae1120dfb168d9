"""Which chord and which bass are heard in each beat of a sound.

A chord is heard as the best of the 24 triads: templates on the chroma of a beat (Fujishima 1999),
with a little weight for a root that lies in the bass. The bass is the lowest strong note. Both err
on real music, so a figure means something beside that of sounds whose chords are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import pairwise
from typing import Any

import librosa
import numpy as np
from numpy.typing import NDArray

from riffbot.inference.models.harmony_planes import ShownChord

Floats = NDArray[np.floating[Any]]
RATE = 22_050
_HOP = 512
_LEAD_IN_S = 1.0
"""How much of a loop is put before and behind it, so that its ends are heard as its middle is."""
_OCTAVES, _BINS_A_NOTE = 7, 3
_CHORD_NOTES = slice(12, 72)
_BASS_NOTES = slice(4, 28)
_LOWEST_NOTES = slice(3, 41)
"""In semitones above C1: where a chord, the weight of its bass, and the lowest note are heard."""
_BASS_WEIGHT = 0.15
_STRONG = 0.5
"""Of the loudest low note: a note that may be the bass."""

# These were chosen on forty pieces of the composer: .76 of the chords and .63 of the basses right.


@dataclass(frozen=True)
class HeardBeat:
    """A beat: the best chord's root and whether its third is minor, the bass, the chroma (12,).

    `bass` is None where no low note stands out.
    """

    root: int
    is_minor: bool
    bass: int | None
    chroma: Floats


@dataclass(frozen=True)
class Score:
    """How much of what was asked for is heard.

    Attributes:
        chords: beats of a chord with a third, and in how many its root and third are heard.
        roots: beats of any chord, and in how many its root is.
        basses: beats of a known bass, and in how many it is.
        in_key: beats of clips of a known key, and how much of their chroma is in its scale.
    """

    chords: tuple[int, float] = (0, 0.0)
    roots: tuple[int, float] = (0, 0.0)
    basses: tuple[int, float] = (0, 0.0)
    in_key: tuple[int, float] = (0, 0.0)

    def __add__(self, other: Score) -> Score:
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return Score(*((a + c, b + d) for (a, b), (c, d) in pairs))

    def rates(self) -> dict[str, float | None]:
        """Each as a share, None where nothing was asked; and the number of beats."""
        row: dict[str, float | None] = {"beats": self.roots[0]}
        for field in fields(self):
            asked, hits = getattr(self, field.name)
            row[field.name] = round(hits / asked, 3) if asked else None
        return row


def hear(sound: Floats, rate: int, beats: int) -> list[HeardBeat]:
    """What is heard in each beat of a loop, float (n,), of `beats` whole beats."""
    mono = librosa.resample(np.asarray(sound, np.float32), orig_sr=rate, target_sr=RATE)
    lead = round(_LEAD_IN_S * RATE)
    around = np.take(mono, np.arange(-lead, len(mono) + lead), mode="wrap")
    notes = _notes(librosa.effects.harmonic(around))
    edges = (lead + np.arange(beats + 1) * len(mono) / beats) / _HOP
    heard = []
    for start, end in pairwise(edges.round().astype(int)):
        beat = notes[:, start : max(end, start + 1)]
        soft = np.sqrt(beat).mean(1)  # so that the loudest note does not drown the others
        root, is_minor = _best_chord(_fold(soft, _CHORD_NOTES), _fold(soft, _BASS_NOTES))
        loud = beat.mean(1)
        heard.append(HeardBeat(root, is_minor, _lowest_note(loud), _fold(loud, _CHORD_NOTES)))
    return heard


def _notes(sound: Floats) -> Floats:
    """How loud each note from C1 upwards is, (12 · `_OCTAVES`, frames), some cents around it."""
    bins = librosa.cqt(
        sound,
        sr=RATE,
        hop_length=_HOP,
        fmin=librosa.note_to_hz("C1"),
        n_bins=12 * _OCTAVES * _BINS_A_NOTE,
        bins_per_octave=12 * _BINS_A_NOTE,
    )
    centred = np.roll(np.abs(bins), _BINS_A_NOTE // 2, axis=0)
    return np.asarray(centred.reshape(12 * _OCTAVES, _BINS_A_NOTE, -1).max(1))


def _fold(notes: Floats, within: slice) -> Floats:
    """Notes (84,) as pitch classes (12,) of sum 1, or of 0 where there is silence."""
    kept = np.zeros_like(notes)
    kept[within] = notes[within]
    chroma = kept.reshape(-1, 12).sum(0)
    return np.asarray(chroma / max(float(chroma.sum()), 1e-9))


def score(
    heard: Sequence[HeardBeat],
    asked: Sequence[ShownChord | None],
    scale: Sequence[int] | None,
) -> Score:
    """Compare what is heard with the chord of each beat, root first, and with a key's scale."""
    total = Score()
    for beat, chord in zip(heard, asked, strict=True):
        total += _of_key(beat, scale)
        if chord is not None:
            total += _of_chord(beat, chord)
    return total


def _of_chord(beat: HeardBeat, chord: ShownChord) -> Score:
    root = chord.pitch_classes[0]
    steps = {(tone - root) % 12 for tone in chord.pitch_classes}
    is_root = float(beat.root == root)
    thirds = {3, 4} & steps
    has_third = len(thirds) == 1
    is_chord = is_root if beat.is_minor == (thirds == {3}) else 0.0
    return Score(
        chords=(int(has_third), is_chord if has_third else 0.0),
        roots=(1, is_root),
        basses=(0, 0.0) if chord.bass is None else (1, float(beat.bass == chord.bass)),
    )


def _of_key(beat: HeardBeat, scale: Sequence[int] | None) -> Score:
    energy = float(beat.chroma.sum())
    if scale is None or energy == 0:
        return Score()
    return Score(in_key=(1, float(beat.chroma[list(scale)].sum()) / energy))


@cache
def _templates() -> Floats:
    """Major and minor triads of unit length, (24, 12)."""
    rows = np.zeros((2, 12, 12))
    for kind, third in enumerate((4, 3)):
        for root in range(12):
            rows[kind, root, [root, (root + third) % 12, (root + 7) % 12]] = 3**-0.5
    return rows.reshape(24, 12)


def _best_chord(chroma: Floats, bass: Floats) -> tuple[int, bool]:
    fit = _templates() @ chroma + _BASS_WEIGHT * np.tile(bass, 2)
    is_minor, root = divmod(int(fit.argmax()), 12)
    return root, bool(is_minor)


def _lowest_note(notes: Floats) -> int | None:
    """Pitch class of the lowest strong note, None where nothing sounds."""
    low = notes[_LOWEST_NOTES]
    if low.max() < 1e-6:
        return None
    is_peak = (low[1:-1] > low[:-2]) & (low[1:-1] >= low[2:])
    strong = np.flatnonzero(is_peak & (low[1:-1] >= _STRONG * low.max()))
    return int(strong[0] + 1 + _LOWEST_NOTES.start) % 12 if strong.size else None
