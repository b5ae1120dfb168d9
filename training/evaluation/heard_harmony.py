"""Which chord and which bass are heard in each beat of a sound.

A chord is heard as the best of templates on the chroma of a beat (Fujishima 1999): triads and
sevenths on twelve roots. The bass is the lowest strong partial of the beat's spectrum. Both err on
real music, so a figure means something beside that of sounds whose chords are known.
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
_QUALITIES = ((0, 4, 7), (0, 3, 7), (0, 4, 7, 10), (0, 4, 7, 11), (0, 3, 7, 10), (0, 3, 6, 10))
_BASS_BAND = 38.0, 330.0
"""Hz in which a bass is looked for."""
_STRONG = 0.3
"""Of the loudest partial in the band: a partial that may be the bass."""


@dataclass(frozen=True)
class HeardBeat:
    """A beat: the best chord's root and whether its third is minor, the bass, the chroma (12,).

    `bass` is None where no partial stands out.
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
    harmonic = librosa.effects.harmonic(around)
    chroma = librosa.feature.chroma_cqt(y=harmonic, sr=RATE, hop_length=_HOP, n_octaves=6)
    edges = lead + np.arange(beats + 1) * len(mono) / beats
    heard = []
    for start, end in pairwise(edges):
        frames = chroma[:, round(start / _HOP) : max(round(end / _HOP), round(start / _HOP) + 1)]
        mean = frames.mean(1)
        root, is_minor = _best_chord(mean)
        bass = _lowest_partial(harmonic[round(start) : round(end)])
        heard.append(HeardBeat(root, is_minor, bass, mean))
    return heard


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
    """Of unit length, (qualities · 12, 12)."""
    rows = np.zeros((len(_QUALITIES), 12, 12))
    for kind, steps in enumerate(_QUALITIES):
        for root in range(12):
            rows[kind, root, [(root + step) % 12 for step in steps]] = len(steps) ** -0.5
    return rows.reshape(-1, 12)


def _best_chord(chroma: Floats) -> tuple[int, bool]:
    kind, root = divmod(int((_templates() @ chroma).argmax()), 12)
    return root, 3 in _QUALITIES[kind]


def _lowest_partial(sound: Floats) -> int | None:
    """Pitch class of the lowest strong partial of a beat."""
    size = 1 << 16
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), size))
    low, high = (round(hertz * size / RATE) for hertz in _BASS_BAND)
    band = spectrum[low:high]
    if band.max() <= 1e-6 * len(sound):
        return None
    is_peak = (band[1:-1] > band[:-2]) & (band[1:-1] >= band[2:])
    peaks = np.flatnonzero(is_peak & (band[1:-1] >= _STRONG * band.max())) + 1
    if not peaks.size:
        return None
    hertz = (low + peaks[0]) * RATE / size
    return round(69 + 12 * np.log2(hertz / 440)) % 12
