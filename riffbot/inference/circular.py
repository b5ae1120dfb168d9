"""Convolutions that wrap along time, so that a clip's end runs into its start.

Latents and pictures are (B, C, frequency, time). Every padded convolution pads time circularly and
frequency with zeros, in the denoiser and in the autoencoder, while training and at inference: a
network that learnt on a circle has no edge at which a loop could stumble.
"""

from __future__ import annotations

import types

import torch.nn.functional as F
from diffusers.models.downsampling import Downsample2D
from torch import Tensor, nn


def make_circular(network: nn.Module) -> nn.Module:
    """Turn every padded Conv2d of `network` circular along its last axis, in place.

    Diffusers' encoder pads its strided convolutions by hand, one column on the right; that column
    becomes the first one. Calling it twice changes nothing.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.padding != (0, 0):
            module._conv_forward = types.MethodType(_wrapped_conv, module)  # type: ignore[method-assign]
        elif isinstance(module, Downsample2D) and module.use_conv and module.padding == 0:
            module.forward = types.MethodType(_wrapped_downsample, module)  # type: ignore[method-assign]
    return network


def _wrapped_conv(self: nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    assert isinstance(self.padding, tuple)
    high, wide = self.padding
    if wide:
        x = F.pad(x, (wide, wide, 0, 0), mode="circular")
    return F.conv2d(x, weight, bias, self.stride, (high, 0), self.dilation, self.groups)


def _wrapped_downsample(self: Downsample2D, x: Tensor, *args: object, **kwargs: object) -> Tensor:
    x = F.pad(x, (0, 1, 0, 0), mode="circular")
    return self.conv(F.pad(x, (0, 0, 0, 1)))
