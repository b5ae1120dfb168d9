"""The two networks, as configurations of diffusers' own classes.

Sizes come from the budget: text to MP3 within 2.5 s on two CPU cores. `attention_head_dim` is, in
diffusers, the number of heads (huggingface/diffusers#2011).
"""

from __future__ import annotations

from diffusers import AutoencoderKL, UNet2DConditionModel

from riffbot.inference.circular import make_circular

STRIDE = 16
"""Pixels a latent cell is wide and high."""


def build_autoencoder(latent_channels: int = 24) -> AutoencoderKL:
    """Picture (B, 1, 512, W) in [-1, 1] <-> latent (B, latent_channels, 32, W/16).

    One channel while training; `training.export` inflates it to the three of the pipelines.
    """
    network = AutoencoderKL(
        in_channels=1,
        out_channels=1,
        down_block_types=("DownEncoderBlock2D",) * 5,
        up_block_types=("UpDecoderBlock2D",) * 5,
        block_out_channels=(8, 16, 32, 64, 128),
        layers_per_block=1,
        latent_channels=latent_channels,
        norm_num_groups=4,
        mid_block_add_attention=False,
        sample_size=512,
        scaling_factor=1.0,
    )
    make_circular(network)
    return network


def build_denoiser(
    latent_channels: int = 24, channels: tuple[int, int, int] = (96, 192, 320)
) -> UNet2DConditionModel:
    """Velocity of the rectified flow at latent (B, latent_channels, 32, W/16), text (B, 32, 384)."""
    network = UNet2DConditionModel(
        sample_size=32,
        in_channels=latent_channels,
        out_channels=latent_channels,
        block_out_channels=channels,
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=384,
        attention_head_dim=tuple(max(1, c // 64) for c in channels),
        norm_num_groups=16,
    )
    make_circular(network)
    return network
