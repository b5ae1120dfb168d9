"""The two networks' sizes. They come from the budget: text to MP3 within 2.5 s on two CPU cores."""

from __future__ import annotations

from typing import Any

import torch
from diffusers import UNet2DConditionModel

from riffbot.inference.models import guidance_embedding
from riffbot.inference.models.beats import CHANNELS as GRID_CHANNELS
from riffbot.inference.models.circular import make_circular
from riffbot.inference.models.harmony_planes import CHANNELS as HARMONY_CHANNELS
from riffbot.inference.models.patch_autoencoder import PatchAutoencoder

TEXT_GAIN = 2.5
GIST_SIZE = 384
STRIDE = 16
"""Pixels a latent cell is wide and high."""


def build_autoencoder(latent_channels: int = 32) -> Any:
    """Picture (B, 1, 512, W) in [-1, 1] <-> latent (B, latent_channels, 32, W/16)."""
    network: Any = PatchAutoencoder(latent_channels=latent_channels)
    make_circular(network)
    return network


def build_denoiser(
    latent_channels: int = 32,
    channels: tuple[int, ...] = (64, 128, 256),
    *,
    harmony: bool = True,
    guidance: bool = False,
) -> Any:
    """Velocity of the rectified flow at latent, beat grid and harmony planes, all of (B, …, 32,
    W/16) and in this order; without the last if not `harmony`, as networks up to version 5 are.

    It is conditioned on token states (B, 32, 384) and, as `class_labels`, on the prompt embedding
    (B, 384), and if `guidance` on the guidance scale (`guidance_embedding`) as `timestep_cond`.
    `attention_head_dim` is, in diffusers, the number of heads (huggingface/diffusers#2011).
    """
    network: Any = UNet2DConditionModel(
        sample_size=32,
        in_channels=latent_channels + GRID_CHANNELS + (HARMONY_CHANNELS if harmony else 0),
        out_channels=latent_channels,
        block_out_channels=channels,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=384,
        attention_head_dim=tuple(max(1, c // 64) for c in channels),
        norm_num_groups=16,
        class_embed_type="projection",
        projection_class_embeddings_input_dim=GIST_SIZE,
        time_cond_proj_dim=guidance_embedding.SIZE if guidance else None,
    )
    make_circular(network)
    with torch.no_grad():
        # MiniLM's states have an RMS of a third; at full size the words are learnt sooner.
        for name, module in network.named_modules():
            if name.endswith(("attn2.to_k", "attn2.to_v")):
                module.weight.mul_(TEXT_GAIN)
        if guidance:  # at first the scale changes nothing
            network.time_embedding.cond_proj.weight.zero_()
    return network


def reads_harmony(state: dict[str, torch.Tensor]) -> bool:
    """Whether a denoiser's weights are of one that is shown key and chords."""
    inputs, latents = state["conv_in.weight"].shape[1], state["conv_out.weight"].shape[0]
    return bool(inputs == latents + GRID_CHANNELS + HARMONY_CHANNELS)


def is_shown_guidance(state: dict[str, torch.Tensor]) -> bool:
    """Whether a denoiser's weights are of one that is shown the guidance scale."""
    return "time_embedding.cond_proj.weight" in state


def adopt(network: Any, state: dict[str, torch.Tensor]) -> list[str]:
    """Start from an older denoiser of the same channels: copy what fits, and of the first layer
    the inputs that it had, the new ones starting at zero. Returns the names left as they were made.
    """
    own = network.state_dict()
    fresh = []
    for name, tensor in own.items():
        old = state.get(name)
        if old is None:
            fresh.append(name)
        elif old.shape == tensor.shape:
            tensor.copy_(old)
        elif name == "conv_in.weight" and old.shape[1] < tensor.shape[1]:
            tensor.zero_()
            tensor[:, : old.shape[1]] = old
        else:
            fresh.append(name)
    return fresh
