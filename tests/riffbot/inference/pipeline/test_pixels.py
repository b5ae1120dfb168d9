"""Loops and masks at another pace."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from audio.arrays import Pixels
from riffbot.inference.pipeline import pixels


def loop(width: int) -> Pixels:
    """Something that goes round, as smooth in time as spectrograms are."""
    noise = np.random.default_rng(3).normal(size=(512, width))
    smooth = ndimage.gaussian_filter1d(noise, 1.5, axis=1, mode="wrap")
    return (127 + 127 * smooth / np.abs(smooth).max()).astype(np.uint8)


@pytest.mark.parametrize(("width", "whole"), [(510, 512), (513, 528), (72, 80)])
def test_there_and_back_is_where_it_was(width: int, whole: int) -> None:
    picture = loop(width)
    back = pixels.resize_columns(pixels.resize_columns(picture, whole), width)
    assert back.shape == picture.shape
    assert np.abs(back.astype(int) - picture).max() <= 4


def test_the_seam_is_as_smooth_as_the_rest() -> None:
    moved = pixels.resize_columns(loop(510), 512).astype(int)
    steps = np.abs(np.diff(moved, axis=1, append=moved[:, :1])).mean(0)
    assert steps[-1] < 1.2 * np.median(steps)


def test_a_width_that_fits_is_left_alone() -> None:
    picture = loop(64)
    assert pixels.resize_columns(picture, 64) is picture


def test_a_mask_keeps_its_values_and_its_place() -> None:
    mask = np.zeros((512, 72), np.uint8)
    mask[:, 36:] = 255
    wide = pixels.resize_mask(mask, 80)
    assert set(np.unique(wide)) == {0, 255}
    assert np.flatnonzero(wide[0]).min() == 40
