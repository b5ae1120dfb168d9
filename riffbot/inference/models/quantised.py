"""Weights in eight bits: a quarter of the size in the repository, full precision in memory.

Matrices and convolution kernels are stored as int8 with one scale an output channel (symmetric,
the largest weight of the channel becomes ±127); everything else, being small and sensitive, as
float16. Loading gives float32 and needs no library beyond safetensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

SCALE = ".scale"
FILE = "diffusion_pytorch_model.int8.safetensors"
"""Beside a config.json, where diffusers would keep diffusion_pytorch_model.safetensors."""

_LEVELS = 127


def save(state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write a state dict of float tensors in eight bits.

    Raises:
        ValueError: a value is not finite, or a name ends with `.scale`, which is taken.
    """
    stored: dict[str, torch.Tensor] = {}
    for key, tensor in state.items():
        if key.endswith(SCALE):
            raise ValueError(f"{key}: a name must not end with {SCALE}")
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{key} holds values that are not finite")
        if tensor.ndim < 2:
            stored[key] = tensor.detach().to(torch.float16).contiguous()
        else:
            stored[key], stored[key + SCALE] = _quantise(tensor.detach().float())
    save_file(stored, path)


def load(path: Path) -> dict[str, torch.Tensor]:
    """Read what `save` wrote.

    Returns:
        The state dict in float32. A quantised weight lies within half a step of what was saved,
        a step being 1/127 of the largest weight of its output channel.
    """
    stored = load_file(path)
    return {
        key: tensor.float() * _column(stored[key + SCALE], tensor)
        if key + SCALE in stored
        else tensor.float()
        for key, tensor in stored.items()
        if not key.endswith(SCALE)
    }


def _quantise(tensor: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    peaks = tensor.flatten(1).abs().amax(1)
    scale = torch.where(peaks > 0, peaks / _LEVELS, torch.ones_like(peaks))
    levels = (tensor / _column(scale, tensor)).round().clamp(-_LEVELS, _LEVELS)
    return levels.to(torch.int8).contiguous(), scale


def _column(scale: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The scale of each output channel, shaped to multiply a kernel."""
    return scale.float().view(-1, *[1] * (like.ndim - 1))
