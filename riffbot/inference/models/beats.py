"""The beat grid that a denoiser reads beside the latents: where the beats are, to the sample.

A tempo in words must be learnt from many clips and is then only nearly right. A clip holds whole
beats in whole columns, so the tempo can be shown instead: for every column of cells the phase of
the beat, of its half and quarter, and of the measure, as sine and cosine; and click tracks, drawn
in the picture's own columns of 10 ms, because a cell's latent is nearly linear in its pixels and so
in its clicks, but not in the phase. A loop's grid is itself a loop. Where no tempo is known the
grid is blank, and the model chooses.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from audio.columns import beats_of, bpm_of

STRIDE = 16
"""Columns of 10 ms in a cell."""

PHASES = 10
"""Beat, half, quarter and measure (sine and cosine each), known or not, tempo."""

CLICKS = (0, 1, 2, 4)
"""Clicks a beat of each click track; 0 is one click a measure."""

CHANNELS = PHASES + 2 + STRIDE * len(CLICKS)
"""Phases, height (two), click tracks."""

TEMPO_CHANNELS = [*range(PHASES), *range(PHASES + 2, CHANNELS)]
"""The channels that are zero where no tempo is known."""

_CLICK_WIDTH = 1.0
"""Standard deviation of a drawn click, in columns: an onset's place to a fraction of a column."""

CENTRE_BPM = 110.0
_TOLERANCE = 0.02
"""Beats by which a width may miss a whole number of them and still be read as a loop."""


def whole_beats(width: int, bpm: float | None) -> int | None:
    """How many beats fill `width` columns of 10 ms, or None where they do not fill it wholly."""
    if bpm is None:
        return None
    beats = beats_of(width, bpm)
    whole = round(beats)
    return whole if whole >= 1 and abs(beats - whole) <= _TOLERANCE * whole else None


def meter_of(beats: int, *, waltz: bool = False) -> int:
    """Beats a measure of a loop of `beats` beats: three in a waltz or where only three divides."""
    if beats % 3 == 0 and (waltz or beats % 2):
        return 3
    return next(meter for meter in (4, 2, 1) if beats % meter == 0)


def beat_grid(cells: int, rows: int, beats: int | None, meter: int) -> Tensor:
    """The grid of one clip.

    Args:
        cells, rows: width and height in latent cells.
        beats: beats that fill the width exactly; None leaves the grid blank.
        meter: beats a measure; where it does not divide `beats`, the measure is left out.

    Returns:
        float32 (CHANNELS, rows, cells).
    """
    grid = torch.zeros(CHANNELS, rows, cells)
    height = (torch.arange(rows) + 0.5) / rows
    grid[10] = (2 * height - 1)[:, None]
    grid[11] = torch.cos(2 * math.pi * height)[:, None]
    if beats is None:
        return grid
    beat = 2 * math.pi * beats * (torch.arange(cells) + 0.5) / cells
    for place, times in enumerate((1.0, 2.0, 4.0)):
        grid[2 * place] = torch.sin(times * beat)
        grid[2 * place + 1] = torch.cos(times * beat)
    measured = meter > 1 and beats % meter == 0
    if measured:
        grid[6], grid[7] = torch.sin(beat / meter), torch.cos(beat / meter)
    grid[8] = 1.0
    grid[9] = math.log2(bpm_of(beats, cells * STRIDE) / CENTRE_BPM)
    for place, times in enumerate(CLICKS):
        if times or measured:
            clicks = beats * times if times else beats // meter
            first = PHASES + 2 + STRIDE * place
            grid[first : first + STRIDE] = _click_track(cells, clicks)[:, None]
    return grid


def scale_beats(grids: Tensor, share: float | Tensor) -> Tensor:
    """Grids (…, CHANNELS, rows, cells) with the beat shown at a share of its size.

    Args:
        share: 0 … 1, one for all, or one a grid as (…, 1, 1, 1). At 0 it is as if no tempo were
            known of the clip.
    """
    faint = grids.clone()
    faint[..., TEMPO_CHANNELS, :, :] *= share
    return faint


def _click_track(cells: int, clicks: int) -> Tensor:
    """`clicks` clicks, evenly, the first at 0: float32 (STRIDE, cells), a column of pixels each."""
    period = cells * STRIDE / clicks
    column = torch.arange(cells * STRIDE, dtype=torch.float32)
    distance = torch.remainder(column + period / 2, period) - period / 2
    return torch.exp(-0.5 * (distance / _CLICK_WIDTH).square()).view(cells, STRIDE).T
