"""Rectified flow (Liu et al. 2022; Esser et al. 2024): the denoiser's question and its mark.

x_s = (1 - s)·x + s·n for a latent x and noise n; the network answers n - x. s is logit-normal,
drawn in strata so that each batch sees all of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from riffbot.inference.models.guidance_embedding import embed_guidance


class Question(NamedTuple):
    """What the network is asked.

    Attributes:
        latents, noise: x and n, float32 (B, C, rows, cells).
        planes: what it is shown beside the latents: beat grids and harmony, (B, …, rows, cells).
        conditioning: token states (B, T, 384) and prompt embeddings (B, 384).
        s: (B,), 0 … 1.
    """

    latents: Tensor
    planes: Tensor
    conditioning: tuple[Tensor, Tensor]
    s: Tensor
    noise: Tensor


def predict_velocity(network: Any, question: Question, guidance: Tensor | None = None) -> Tensor:
    """The network's answer, float32 (B, C, rows, cells).

    `guidance` (B,) is for networks that are shown the scale (`guidance_embedding`); 1 if not given.
    """
    x, planes, (states, gist), s, noise = question
    at = s.view(-1, 1, 1, 1)
    scales = torch.ones_like(s) if guidance is None else guidance
    with torch.autocast(x.device.type, torch.bfloat16):
        mixed = torch.cat([(1 - at) * x + at * noise, planes], dim=1)
        answer: Tensor = network(
            mixed.contiguous(memory_format=torch.channels_last),
            s * 1000.0,
            states,
            class_labels=gist,
            timestep_cond=embed_guidance(scales) if network.config.time_cond_proj_dim else None,
            return_dict=False,
        )[0]
    return answer.float()


def velocity_loss(network: Any, question: Question, weights: Tensor | None = None) -> Tensor:
    """Mean squared error of the velocity, (B,), of all channels alike or by `weights` (C,)."""
    velocity = question.noise - question.latents
    return weighted_error(predict_velocity(network, question), velocity, weights)


def weighted_error(answer: Tensor, wanted: Tensor, weights: Tensor | None) -> Tensor:
    """Mean squared error (B,), of all channels alike or by `weights` (C,)."""
    error = (answer - wanted).square()
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
