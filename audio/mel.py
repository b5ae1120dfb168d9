"""The mel filter bank, in the sparse forms of analysis and synthesis.

The reference bank is HTK's: triangles of unit height, equally spaced on the mel scale,
applied to linear magnitudes on a 2.5 Hz grid (a 100 ms window padded to 400 ms). Synthesis works
with unpadded windows, so on a 10 Hz grid; the magnitudes between two bins are interpolated, and the
interpolation is part of the bank.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from audio.arrays import Floats

N_MELS = 512
MAX_FREQUENCY = 10000.0
REFERENCE_HZ = 2.5
"""Spacing of the bins in the reference analysis, Hz."""


class Bands(NamedTuple):
    """A sparse matrix whose rows each have one contiguous run of non-zeros (a triangle).

    The run of row r is `weights[bounds[r]:bounds[r + 1]]` and begins at column `first[r]`.
    """

    bounds: npt.NDArray[np.int32]
    first: npt.NDArray[np.int32]
    weights: Floats

    @classmethod
    def of(cls, matrix: npt.NDArray[np.float64]) -> Bands:
        """Pack a dense [rows, columns] matrix whose rows are contiguous runs."""
        bounds, first, weights = [0], [], []
        for row in matrix:
            (where,) = np.nonzero(row > 1e-7)
            start, stop = (where[0], where[-1] + 1) if len(where) else (0, 0)
            first.append(start)
            weights.append(row[start:stop])
            bounds.append(bounds[-1] + stop - start)
        return cls(
            np.array(bounds, np.int32),
            np.array(first, np.int32),
            np.concatenate(weights).astype(np.float32),
        )


def band_edges(n_mels: int = N_MELS, top: float = MAX_FREQUENCY) -> npt.NDArray[np.float64]:
    """Return the corners in Hz [n_mels + 2]: band m rises from m, peaks at m + 1, ends at m + 2."""
    return np.asarray(mel_to_hz(np.linspace(0, hz_to_mel(top), n_mels + 2)))


def hz_to_mel(hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Convert Hz to HTK's mel scale."""
    return np.asarray(2595 * np.log10(1 + np.asarray(hz, np.float64) / 700))


def mel_to_hz(mel: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Convert HTK's mel scale to Hz."""
    return np.asarray(700 * (10 ** (np.asarray(mel, np.float64) / 2595) - 1))


@cache
def reference_bank() -> npt.NDArray[np.float64]:
    """Return the format's bank [512, 4001], on the 2.5 Hz grid from 0 to 10 kHz."""
    hz = np.arange(round(MAX_FREQUENCY / REFERENCE_HZ) + 1) * REFERENCE_HZ
    corner = band_edges()
    rise = (hz - corner[:-2, None]) / np.diff(corner)[:-1, None]
    fall = (corner[2:, None] - hz) / np.diff(corner)[1:, None]
    return np.maximum(0, np.minimum(rise, fall))


def build_bank(spacing_hz: float) -> npt.NDArray[np.float64]:
    """Return the reference bank [512, bins] on a coarser grid, with linear interpolation.

    Args:
        spacing_hz: of the grid, at least `REFERENCE_HZ`, so that none of its cells is empty.
    """
    reference = reference_bank()
    position = np.arange(reference.shape[1]) * REFERENCE_HZ / spacing_hz
    bins = round(MAX_FREQUENCY / spacing_hz) + 1
    below = np.minimum(position.astype(int), bins - 2)
    share = position - below
    # Most of both matrices is zero, and a full product takes a third of a second.
    starts = np.searchsorted(below, np.arange(bins - 1))
    bank = np.zeros((len(reference), bins))
    bank[:, :-1] += np.add.reduceat(reference * (1 - share), starts, axis=1)
    bank[:, 1:] += np.add.reduceat(reference * share, starts, axis=1)
    return bank


class SynthesisBank(NamedTuple):
    """The matrices by which the solver converts between 10 Hz bins and mel bands.

    Attributes:
        coarse: from 10 Hz magnitudes to mel.
        fine: from 5 Hz magnitudes to mel; every second magnitude is interpolated with `taps`.
        back: from mel to 10 Hz bins, with rows that sum to one: distributes a correction to bins.
        taps: the complex interpolation of half bins, see `half_bin_taps`.
    """

    coarse: Bands
    fine: Bands
    back: Bands
    taps: Floats


@cache
def synthesis_bank() -> SynthesisBank:
    """Return the solver's matrices."""
    coarse = build_bank(10.0)
    spread = coarse.T / np.maximum(coarse.sum(0)[:, None], 1e-9)
    return SynthesisBank(
        Bands.of(coarse),
        Bands.of(build_bank(5.0)),
        Bands.of(spread),
        half_bin_taps(),
    )


@cache
def analysis_bank() -> Bands:
    """Return the reference bank as a sparse matrix."""
    return Bands.of(reference_bank())


def half_bin_taps() -> Floats:
    """Return weights [3] that interpolate the spectrum between two bins from three on each side.

    Interpolating by ±(j + ½) bins multiplies the centred frame by Σ 2·tap_j·cos((2j + 1)πt), t in
    window lengths; the taps make that as flat as possible under a Hann window. Linearly
    interpolated magnitudes are up to 1.4 dB too low for a tone between two bins, and the picture's
    maximum, by which everything is scaled, is usually such a tone.
    """
    time = np.linspace(-0.5, 0.5, 401)
    window = np.cos(np.pi * time) ** 2
    basis = 2 * np.cos(np.pi * np.outer(time, 2 * np.arange(3) + 1))
    taps, *_ = np.linalg.lstsq(basis * window[:, None], window, rcond=None)
    return taps.astype(np.float32)
