"""The down-sampling of AutoencoderKL, which pads one row and one column by hand, made circular."""

from __future__ import annotations

import torch
from diffusers.models.downsampling import Downsample2D
from torch import nn
from torch.nn import functional

from riffbot.inference.models.wrapping import wrap


class CircularDownsample2D(Downsample2D):
    """A Downsample2D whose width goes on at its other end."""

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """float[N, C, H, W] -> float[N, C', H/2, W/2]."""
        padded = functional.pad(wrap(hidden_states, 0, 1), (0, 0, 0, 1))
        return self.conv(padded)


def wrap_downsample(layer: nn.Module) -> None:
    """Make a layer circular in place if it pads by hand; others have convolutions that pad."""
    if type(layer) is Downsample2D and layer.use_conv and layer.padding == 0:
        layer.__class__ = CircularDownsample2D
