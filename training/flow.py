"""Rectified flow (Liu et al. 2022; Esser et al. 2024): the denoiser's question and its mark.

x_s = (1 - s)·x + s·n for a latent x and noise n; the network answers n - x. s is logit-normal,
drawn in strata so that each batch sees all of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def velocity_loss(  # noqa: PLR0917 - in the order in which they enter the equation
    network: Any,
    latents: Tensor,
    planes: Tensor,
    conditioning: tuple[Tensor, Tensor],
    s: Tensor,
    noise: Tensor,
    weights: Tensor | None = None,
) -> Tensor:
    """Mean squared error of the velocity, (B,), of all channels alike or by `weights` (C,).

    `planes` are what the network is shown beside the latents: beat grids and harmony.
    """
    at = s.view(-1, 1, 1, 1)
    with torch.autocast(latents.device.type, torch.bfloat16):
        mixed = torch.cat([(1 - at) * latents + at * noise, planes], dim=1)
        mixed = mixed.contiguous(memory_format=torch.channels_last)
        answer = network(
            mixed, s * 1000.0, conditioning[0], class_labels=conditioning[1], return_dict=False
        )[0]
    error = (answer.float() - (noise - latents)).square()
    if weights is not None:
        error = error * weights.view(1, -1, 1, 1)
    return error.mean(dim=(1, 2, 3))


def channel_weights(autoencoder: Path) -> Tensor:
    """How much each latent channel counts, (C,), of mean 1: half-way between alike and in pixels.

    An error in the first channel is 27 times as much of the picture as one in the last. Counted
    alike, most of the network would serve texture; counted in pixels, none would.
    """
    held = torch.load(autoencoder, map_location="cpu", weights_only=True)["network"]
    scale = held["synthesis.weight"].flatten(1).norm(dim=1)
    return scale / scale.mean()


def noise_levels(count: int, generator: torch.Generator) -> Tensor:
    """Logit-normal s (count,), one from each of `count` strata, in random order."""
    place = (
        torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)
    ) / count
    return torch.sigmoid(torch.special.ndtri(place.clamp(1e-4, 1 - 1e-4)))
