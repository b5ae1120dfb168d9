"""Seed images and masks → latents: where img2img starts from and what inpainting keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from audio.arrays import Pixels
from riffbot.images import Images
from riffbot.inference.models.model import Model
from riffbot.inference.pipeline import pixels
from riffbot.request import RiffRequest


@dataclass(frozen=True)
class SeedBatch:
    """The seed images and masks of a batch, as pixels and in latent space.

    Attributes:
        pictures: uint8[512, W] each; None for a clip from text alone.
        masks: uint8[512, W] each, 255 repaints; None repaints everything.
        latents: float32[N, C, h, w], zeros where there is no seed image; None if there is none.
        free: float32[N, 1, h, w], 1 where a cell may change; None if no request has a mask.
    """

    pictures: list[Pixels | None]
    masks: list[Pixels | None]
    latents: torch.Tensor | None
    free: torch.Tensor | None


def load_seed_image(request: RiffRequest, images: Images) -> Pixels:
    """The seed image of a request that has one: uint8[512, W]. Raises NotFound."""
    assert request.seed_image is not None
    return images.load(request.seed_image)


def load_seeds(model: Model, images: Images, requests: Sequence[RiffRequest]) -> SeedBatch:
    """Read and encode the seed images and masks of a batch. Raises NotFound."""
    width = model.padded_width(requests[0])
    pictures = [load_seed_image(r, images) if r.seed_image else None for r in requests]
    masks = [images.mask(r.mask, r.width or width) if r.mask else None for r in requests]
    padded = [None if p is None else pixels.resize_columns(p, width) for p in pictures]
    free = [None if m is None else pixels.resize_mask(m, width) for m in masks]
    return SeedBatch(pictures, masks, _encode(model, padded), _free_cells(model, free))


def _encode(model: Model, pictures: Sequence[Pixels | None]) -> torch.Tensor | None:
    """Latents of the pictures there are, zeros for the others; None if there is none."""
    present = [i for i, picture in enumerate(pictures) if picture is not None]
    if not present:
        return None
    vae = model.vae
    batch = pixels.to_tensor(
        [picture for picture in pictures if picture is not None], vae.config.in_channels
    )
    # The mode, not a sample: the seed image decides, and nothing else may.
    encoded = vae.encode(model.to_device(batch)).latent_dist.mode().float()
    latents = encoded.new_zeros(len(pictures), *encoded.shape[1:])
    latents[present] = encoded * vae.config.scaling_factor
    return latents


def _free_cells(model: Model, masks: Sequence[Pixels | None]) -> torch.Tensor | None:
    """How much of each latent cell may change, 0 … 1; None if no request has a mask."""
    if all(mask is None for mask in masks):
        return None
    shape = next(m.shape for m in masks if m is not None)
    cells = [
        pixels.latent_mask(m if m is not None else np.full(shape, 255, np.uint8), model.stride)
        for m in masks
    ]
    return torch.from_numpy(np.stack(cells))[:, None].to(model.device)
