"""The key and chords that a denoiser reads beside the latents and the beat grid.

As with the beat, what is only told is learnt late and then nearly right; what is shown is learnt
soon. A pitch class says nothing about where its notes lie in a picture of 512 mel bands, and a
network of convolutions would have to learn that anew at each height. So chord, bass and scale are
drawn as lines where their notes lie, in the picture's own rows: a cell's latent is nearly linear in
its pixels and so in these lines. Beside them stand the pitch classes themselves, the same at every
height. Everything is zero where it is unknown, and the model chooses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from audio.mel import MAX_FREQUENCY, N_MELS, hz_to_mel
from riffbot.inference.models.beats import STRIDE

OCTAVE = 12
_LINES, _CLASSES = STRIDE, OCTAVE
CHANNELS = 3 * (_LINES + _CLASSES + 1)
"""Lines, pitch classes and whether it is known; of the chord, of its bass and of the key."""

_LINE_WIDTH = 1.0
"""Standard deviation of a line, in rows: what a window of 100 ms makes of a sine."""
_NOTES = range(36, 120)
"""MIDI notes at which chord and scale are drawn: as far as the picture tells semitones apart."""
_BASS_NOTES = range(28, 52)
"""MIDI notes of a bass, drawn with their first `_BASS_PARTIALS` partials: a semitone down there is
hardly a row, so a bass is told by its overtones."""
_BASS_PARTIALS = 8
_OTHER_DEGREES = 0.5
"""How much of a scale's other notes is drawn where its tonic is 1."""


class ShownChord(NamedTuple):
    """A chord in pitch classes, 0 (C) … 11 (B); a bass of None leaves it open."""

    pitch_classes: tuple[int, ...]
    bass: int | None = None


class ShownKey(NamedTuple):
    """A key in pitch classes; the scale has the tonic as well."""

    tonic: int
    pitch_classes: tuple[int, ...]


def harmony_planes(
    cells: int,
    rows: int,
    chords: Sequence[ShownChord | None] = (),
    key: ShownKey | None = None,
    *,
    beats: float | None = None,
) -> Tensor:
    """Key and chords of one clip.

    Args:
        cells, rows: width and height in latent cells; the height is that of a whole picture.
        chords: of each beat, the first beginning at the left edge; None is unknown.
        key: None is unknown.
        beats: beats that fill the width, if not as many as there are chords.

    Returns:
        float32 (CHANNELS, rows, cells), each value 0 … 1. A cell in which the chord changes has a
        share of each.
    """
    if rows * STRIDE != N_MELS:
        raise ValueError(f"{rows} rows of cells are no picture of {N_MELS} mel bands")
    planes = torch.zeros(CHANNELS, rows, cells)
    of_chord, of_bass, of_key = planes.chunk(3)
    if chords:
        shares = _shares(cells, len(chords), beats or len(chords))
        _draw(of_chord, shares, [chord and _drawn_chord(chord.pitch_classes) for chord in chords])
        basses = [None if chord is None else chord.bass for chord in chords]
        _draw(of_bass, shares, [None if bass is None else _drawn_bass(bass) for bass in basses])
    if key is not None:
        _draw(of_key, torch.ones(1, cells), [_drawn_key(key)])
    return planes


def _shares(cells: int, count: int, beats: float) -> Tensor:
    """How much of each cell each of `count` beats takes, float32 (count, cells)."""
    edges = torch.arange(cells + 1, dtype=torch.float64) * (beats / cells)
    inside = edges[None] - torch.arange(count, dtype=torch.float64)[:, None]
    return (inside.clamp(0, 1).diff(dim=1) * (cells / beats)).float()


def _draw(planes: Tensor, shares: Tensor, drawings: Sequence[Tensor | None]) -> None:
    """Draw what each beat shows, (_LINES + _CLASSES + 1, rows) each, into planes of zeros."""
    for drawn, share in zip(drawings, shares, strict=True):
        if drawn is not None:
            planes += drawn[:, :, None] * share


def _drawn_chord(pitch_classes: tuple[int, ...]) -> Tensor:
    heights = dict.fromkeys(pitch_classes, 1.0)
    return _drawing(_lines(_notes_of(heights)), heights)


def _drawn_key(key: ShownKey) -> Tensor:
    heights = dict.fromkeys(key.pitch_classes, _OTHER_DEGREES) | {key.tonic: 1.0}
    return _drawing(_lines(_notes_of(heights)), heights)


def _drawn_bass(pitch_class: int) -> Tensor:
    partials = (
        (_hertz(note) * partial, 1 / partial)
        for note in _BASS_NOTES
        if note % OCTAVE == pitch_class
        for partial in range(1, _BASS_PARTIALS + 1)
    )
    return _drawing(_lines(partials), {pitch_class: 1.0})


def _drawing(lines: Tensor, heights: dict[int, float]) -> Tensor:
    """Lines (N_MELS,) from the top and pitch classes as planes of one column of cells."""
    rows = N_MELS // STRIDE
    classes = torch.zeros(_CLASSES)
    for pitch_class, height in heights.items():
        classes[pitch_class % OCTAVE] = height
    flat = torch.cat([classes, torch.ones(1)])[:, None].expand(-1, rows)
    return torch.cat([lines.view(rows, STRIDE).T, flat])


def _notes_of(heights: dict[int, float]) -> Iterable[tuple[float, float]]:
    return ((_hertz(note), heights[note % OCTAVE]) for note in _NOTES if note % OCTAVE in heights)


def _lines(partials: Iterable[tuple[float, float]]) -> Tensor:
    """Lines at frequencies in Hz with a height each, float32 (N_MELS,) from the top downwards."""
    picture = torch.zeros(N_MELS)
    for hertz, height in partials:
        picture = torch.maximum(picture, height * _line(hertz))
    return picture


@cache
def _line(hertz: float) -> Tensor:
    """One line of height 1; band m of the picture has its peak at m + 1 of 513 steps of mel."""
    band = float(hz_to_mel(hertz) / hz_to_mel(MAX_FREQUENCY)) * (N_MELS + 1) - 1
    row = torch.arange(N_MELS, dtype=torch.float32)
    return torch.exp(-0.5 * ((row - (N_MELS - 1 - band)) / _LINE_WIDTH).square())


def _hertz(note: int) -> float:
    return float(440.0 * np.exp2((note - 69) / OCTAVE))
