"""The filter banks on coarser grids."""

from __future__ import annotations

import numpy as np
import pytest

from audio.mel import MAX_FREQUENCY, REFERENCE_HZ, Bands, build_bank, reference_bank


@pytest.mark.parametrize("spacing_hz", [2.5, 5.0, 10.0])
def test_a_coarser_bank_interpolates_linearly(spacing_hz: float) -> None:
    """The same weights, to the bit, as by the product with a matrix of interpolation."""
    reference = reference_bank()
    position = np.arange(reference.shape[1]) * REFERENCE_HZ / spacing_hz
    grid = np.arange(round(MAX_FREQUENCY / spacing_hz) + 1)
    hats = np.maximum(0, 1 - np.abs(position[:, None] - grid))
    expected, found = Bands.of(reference @ hats), Bands.of(build_bank(spacing_hz))
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one, other)
