"""The guidance scale as an input of the denoiser, for models whose guidance was distilled.

Such a model answers in one pass what classifier-free guidance needs two for (Meng et al. 2023, "On
Distillation of Guided Diffusion Models"). diffusers has the input as `timestep_cond`, of
`time_cond_proj_dim` values.
"""

from __future__ import annotations

import torch
from torch import Tensor

SIZE = 64
"""Values that a scale is embedded in."""

_SLOWEST, _FASTEST = 0.5, 16.0
"""Frequencies of the sines, in radians for each doubling of the scale."""


def embed_guidance(scales: Tensor) -> Tensor:
    """Sines and cosines of guidance scales' logarithms: (B,), each at least 1 -> float32 (B, SIZE).

    A scale of 1 is no guidance. The logarithm, because 1.5 and 2 differ more than 6.5 and 7.
    """
    half = SIZE // 2
    place = torch.linspace(0.0, 1.0, half, device=scales.device)
    frequencies = _SLOWEST * (_FASTEST / _SLOWEST) ** place
    phase = torch.log2(scales.float())[:, None] * frequencies
    return torch.cat([torch.sin(phase), torch.cos(phase)], dim=1)
