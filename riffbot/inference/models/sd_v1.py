"""Stable Diffusion v1, which Riffusion is a fine-tuning of: its defaults and its architecture.

The architecture is needed for single-file checkpoints, which carry weights without a config; the
numbers are those of the v1 paper's text-conditional model (Rombach 2022).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from riffbot.inference.models.model import Defaults, ModelCard
from riffbot.inference.models.schedulers import DIFFUSION

UNET: dict[str, Any] = {
    "_class_name": "UNet2DConditionModel",
    "sample_size": 64,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": [320, 640, 1280, 1280],
    "layers_per_block": 2,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}
VAE: dict[str, Any] = {
    "_class_name": "AutoencoderKL",
    "sample_size": 512,
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 4,
    "block_out_channels": [128, 256, 512, 512],
    "layers_per_block": 2,
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "scaling_factor": 0.18215,
}
TEXT_ENCODER: dict[str, Any] = {
    "model_type": "clip_text_model",
    "architectures": ["CLIPTextModel"],
    "vocab_size": 49408,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "max_position_embeddings": 77,
    "hidden_act": "quick_gelu",
    "bos_token_id": 0,
    "eos_token_id": 2,
    "pad_token_id": 1,
}
SCHEDULER: dict[str, Any] = {
    "_class_name": "PNDMScheduler",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
}
TOKENIZER = "openai/clip-vit-large-patch14"
"""Where v1's tokenizer is published; a single file does not contain it."""


def v1_card(ref: str) -> ModelCard:
    """The card of a checkpoint that has none: Riffusion's own settings.

    Its kind stays `image` until its name tells otherwise (see `load_model`). Convolutions are made
    circular, as for seamless textures, though v1 was not trained so: that is what makes a loop.
    """
    return ModelCard(
        name=ref.rstrip("/").split("/")[-1] if Path(ref).exists() else ref,
        kind="image",
        licence="CreativeML Open RAIL-M",
        defaults=Defaults(steps=50, guidance=7.0, scheduler="ddim", width=512),
        schedulers=DIFFUSION,
        width_multiple=8,
    )


def write_configs(folder: Path) -> Path:
    """Lay the configs out as diffusers expects them of a checkpoint's folder."""
    for name, config in (("unet", UNET), ("vae", VAE), ("text_encoder", TEXT_ENCODER)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "config.json").write_text(json.dumps(config))
    (folder / "scheduler").mkdir(exist_ok=True)
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER))
    return folder
