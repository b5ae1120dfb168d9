"""Pictures ↔ tensors, and the seam between what is kept and what is repainted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import CubicSpline

from audio.arrays import Pixels

HEIGHT = 512
FEATHER = 8
"""Pixels within the repainted area over which it fades in from its border: 80 ms, or 8 mel bins."""


def to_tensor(pictures: Sequence[Pixels], channels: int) -> torch.Tensor:
    """uint8[H, W] each -> float32[N, channels, H, W] in -1 … 1."""
    stacked = torch.from_numpy(np.stack(pictures)).float() / 127.5 - 1
    return stacked[:, None].expand(-1, channels, -1, -1)


def to_pictures(decoded: torch.Tensor) -> list[Pixels]:
    """float[N, channels, H, W], about -1 … 1 -> uint8[H, W] each; colours are averaged."""
    grey = decoded.float().mean(1).clamp(-1, 1)
    return list(((grey + 1) * 127.5).round().to(torch.uint8).cpu().numpy())


def resize_columns(picture: Pixels, width: int) -> Pixels:
    """The loop at another pace: uint8[512, width], going round at its end just as before.

    Models take whole cells. A loop of another width is played to them a little slower, and what
    they make of it a little faster; cut off instead, it would begin within its own first onset.
    """
    columns = picture.shape[1]
    if width == columns:
        return picture
    around = np.concatenate([picture, picture[:, :1]], axis=1).astype(np.float32)
    spline = CubicSpline(np.arange(columns + 1), around, axis=1, bc_type="periodic")
    moved: NDArray[np.float32] = spline(_places(columns, width) % columns)
    return np.clip(np.round(moved), 0, 255).astype(np.uint8)


def resize_mask(mask: Pixels, width: int) -> Pixels:
    """A mask at another pace, its values kept: uint8[512, width]."""
    return np.take(mask, np.round(_places(mask.shape[1], width)).astype(int), axis=1, mode="wrap")


def _places(columns: int, width: int) -> NDArray[np.float64]:
    """Where among `columns` the middles of `width` columns lie."""
    return (np.arange(width) + 0.5) * columns / width - 0.5


def latent_mask(mask: Pixels, stride: int) -> NDArray[np.float32]:
    """How much of each latent cell may change, 0 … 1: float32[H/stride, W/stride]."""
    rows, columns = mask.shape
    cells = mask.reshape(rows // stride, stride, columns // stride, stride)
    return (cells.mean((1, 3)) / 255).astype(np.float32)


def composite(kept: Pixels, painted: Pixels, mask: Pixels) -> Pixels:
    """Lay the repainted picture over the kept one.

    Where the mask is black (0) the kept picture comes through to the pixel. From that border
    inwards the repainted picture fades in over `FEATHER` pixels, across the loop's seam as well.
    Grey has done its work in the latents and counts as repaintable here, for mixing two
    spectrograms pixel by pixel would let both be heard.
    """
    opacity = _opacity(mask)
    mixed = kept + opacity * (painted.astype(np.float32) - kept)
    return np.round(mixed).astype(np.uint8)


def _opacity(mask: Pixels) -> NDArray[np.float32]:
    if mask.all():
        return np.ones(mask.shape, np.float32)
    around = np.pad(mask, ((0, 0), (FEATHER, FEATHER)), mode="wrap")
    distance: Any = ndimage.distance_transform_edt(around)
    inner = distance[:, FEATHER:-FEATHER]
    return np.clip(inner / FEATHER, 0, 1).astype(np.float32)
