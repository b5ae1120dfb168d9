"""Stable Diffusion v1 with random weights: the real classes and sizes, for measuring speed.

What it draws is noise, at the cost of what a trained checkpoint draws. Built in memory, on the
device it runs on, in seconds; its tokenizer spells, since v1's own is not on every disk.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import AutoTokenizer, CLIPTextConfig, CLIPTextModel

from riffbot.inference.models.circular import make_circular
from riffbot.inference.models.model import Model
from riffbot.inference.models.sd_v1 import SCHEDULER, TEXT_ENCODER, UNET, VAE, v1_card

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789,.-()[]\\:'"


@dataclass(frozen=True)
class V1Size:
    """How large the three networks are, as their configs say."""

    unet: Mapping[str, Any]
    vae: Mapping[str, Any]
    text: Mapping[str, Any]
    steps: int
    width: int


FULL = V1Size(UNET, VAE, TEXT_ENCODER, steps=50, width=512)
_SMALL = {"block_out_channels": [8, 16, 16, 16], "layers_per_block": 1, "norm_num_groups": 4}
TINY = V1Size(
    {**UNET, **_SMALL, "attention_head_dim": 2, "cross_attention_dim": 16},
    {**VAE, **_SMALL},
    {
        **TEXT_ENCODER,
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    },
    steps=2,
    width=128,
)


def random_v1(size: V1Size, device: torch.device, dtype: torch.dtype) -> Model:
    """A model of random weights, ready to run."""
    torch.manual_seed(0)
    denoiser: Any = UNet2DConditionModel
    autoencoder: Any = AutoencoderKL
    config: Any = CLIPTextConfig
    with torch.device(device):
        unet = denoiser(**_arguments(size.unet))
        vae = autoencoder(**_arguments(size.vae))
        text: Any = CLIPTextModel(config(**_arguments(size.text)))
    for network in (unet, vae):
        make_circular(network)
        network.to(memory_format=torch.channels_last)
    for network in (unet, vae, text):
        network.eval().requires_grad_(False).to(device, dtype)
    count = sum(weight.numel() for weight in unet.parameters())
    return Model(
        name=f"random Stable Diffusion v1 ({count / 1e6:.0f} M weights in the denoiser)",
        hash="0" * 64,
        tokenizer=_tokenizer(size.text),
        text_encoder=text,
        text_window=int(size.text["max_position_embeddings"]),
        prompt_embedding=None,
        unet=unet,
        vae=vae,
        scheduler_config=SCHEDULER,
        card=v1_card("random Stable Diffusion v1"),
        device=device,
        dtype=dtype,
    )


def in_precision(model: Model, dtype: torch.dtype) -> Model:
    """The same model in another precision; its networks are changed in place."""
    for network in (model.unet, model.vae, model.text_encoder):
        network.to(dtype)
    return replace(model, dtype=dtype)


def _arguments(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config without what only says which class it is of."""
    left_out = {"_class_name", "model_type", "architectures"}
    return {key: value for key, value in config.items() if key not in left_out}


def _tokenizer(text: Mapping[str, Any]) -> Any:
    """CLIP's byte-pair tokenizer without a single merge: a token a letter."""
    words = [*_LETTERS, *(f"{letter}</w>" for letter in _LETTERS)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    options = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": text["max_position_embeddings"],
        "bos_token": "<|startoftext|>",
        "eos_token": "<|endoftext|>",
        "unk_token": "<|endoftext|>",
        "pad_token": "<|endoftext|>",
    }
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        ids = {word: number for number, word in enumerate(words)}
        (place / "vocab.json").write_text(json.dumps(ids), "utf-8")
        (place / "merges.txt").write_text("#version: 0.2\n", "utf-8")
        (place / "tokenizer_config.json").write_text(json.dumps(options), "utf-8")
        return AutoTokenizer.from_pretrained(folder)
