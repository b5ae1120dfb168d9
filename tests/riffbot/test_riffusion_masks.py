"""Riffusion's masks repaint what they repaint there, by the share that they have there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from riffbot import riffusion_masks
from riffbot.images import Images
from riffbot.inference.pipeline.pixels import composite, latent_mask
from riffbot.locations import ROOT

MEASURED: dict[str, dict[tuple[int, int], int]] = {
    "mask_top_third_75": {(0, 0): 192, (21, 63): 192, (22, 0): 255, (40, 32): 255, (63, 63): 255},
    "mask_top_third_95": {(0, 0): 242, (20, 63): 242, (21, 0): 255, (40, 32): 255, (63, 63): 255},
    "mask_gradient_top_70": {
        (0, 0): 165,
        (5, 9): 174,
        (10, 9): 188,
        (15, 9): 206,
        (20, 9): 224,
        (25, 9): 240,
        (28, 9): 248,
        (31, 9): 253,
        (32, 9): 255,
        (63, 63): 255,
    },
    "mask_gradient_top_fifth_75": {
        (0, 0): 165,
        (5, 9): 185,
        (10, 9): 215,
        (15, 9): 243,
        (18, 9): 254,
        (20, 9): 255,
        (32, 9): 255,
        (63, 63): 255,
    },
    "mask_gradient_dark": {
        (0, 0): 32,
        (5, 9): 41,
        (10, 9): 60,
        (15, 9): 92,
        (18, 9): 118,
        (20, 9): 138,
        (22, 9): 156,
        (25, 9): 191,
        (28, 9): 223,
        (31, 9): 246,
        (32, 9): 255,
        (63, 63): 255,
    },
    "mask_beat_lines_80": {
        (8, 0): 207,
        (8, 8): 213,
        (8, 23): 210,
        (8, 32): 255,
        (8, 55): 207,
        (24, 0): 211,
        (24, 8): 219,
        (24, 23): 226,
        (24, 55): 209,
        (25, 0): 251,
        (25, 55): 248,
        (26, 0): 255,
        (26, 23): 255,
        (40, 23): 255,
        (63, 63): 255,
    },
}
"""Riffusion's own pictures at cells of its latents (row, column of 64): the grey that its pipeline
takes, which repaints by grey / 255."""

TOLERANCE = 7 / 255
"""The curves are drawn by straight pieces; of the plain ones nothing is off at all."""


def riffusions_share(mask: np.ndarray) -> np.ndarray:
    """Riffusion's arithmetic: the pixel in the middle of each 8 × 8 cell, white 1, black 0."""
    small = Image.fromarray(mask).resize((64, 64), Image.Resampling.NEAREST)
    return np.asarray(small, np.float32) / 255


@pytest.mark.parametrize("name", sorted(MEASURED))
def test_every_mask_of_riffusions_has_the_originals_weights(name: str) -> None:
    drawn = riffusion_masks.mask(name, 512)
    for share in (riffusions_share(drawn), latent_mask(drawn, 8)):
        for cell, grey in MEASURED[name].items():
            assert share[cell] == pytest.approx(grey / 255, abs=TOLERANCE), cell
    assert riffusion_masks.known(name)


@pytest.mark.parametrize(("name", "share"), [("75", 192 / 255), ("95", 242 / 255)])
@pytest.mark.parametrize("stride", [8, 16])
@pytest.mark.parametrize("width", [400, 512, 528])
def test_the_percentage_is_how_freely_the_named_third_is_repainted(
    name: str, share: float, stride: int, width: int
) -> None:
    cells = latent_mask(riffusion_masks.mask(f"mask_top_third_{name}", width), stride)
    above, below = 160 // stride, 192 // stride
    assert cells[:above] == pytest.approx(share)
    assert (cells[below:] == 1).all()


@pytest.mark.parametrize("name", sorted(MEASURED))
def test_nothing_is_laid_back_to_the_pixel_under_riffusions_masks(name: str) -> None:
    rng = np.random.default_rng(0)
    kept, painted = rng.integers(0, 255, (2, 512, 400), np.uint8)
    assert (composite(kept, painted, riffusion_masks.mask(name, 400)) == painted).all()


def test_an_owners_own_file_of_that_name_is_taken_first(tmp_path: Path) -> None:
    Image.new("L", (512, 512), 7).save(tmp_path / "mask_top_third_75.png")
    assert (Images(tmp_path).mask("mask_top_third_75", 512) == 7).all()
    assert Images(tmp_path / "none").mask("mask_top_third_75", 512)[0, 0] == 192


def test_our_own_masks_mean_what_they_meant() -> None:
    images = Images(ROOT / "seed_images")
    assert not any(map(riffusion_masks.known, images.masks()))
    ours = images.mask("mask_top_third", 512)
    assert (ours[:171] == 255).all()
    assert (ours[171:] == 0).all()
