"""Time as a circle: every convolution wraps around the width, so that a clip is a loop.

Height is frequency and keeps its zeros. The weights do not change and neither do their names;
only the class of the layers does, so a model is made circular in place after loading.
"""

from __future__ import annotations

import torch
from diffusers.models.downsampling import Downsample2D
from torch import nn
from torch.nn import functional


class CircularConv2d(nn.Conv2d):
    """A Conv2d that pads its width with the other end of it, and its height with zeros."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """float[N, C, H, W] -> float[N, C', H', W'], as Conv2d's."""
        assert not isinstance(self.padding, str)  # `make_circular` refuses those
        rows, columns = self.padding
        return functional.conv2d(
            wrap(input, columns, columns),
            self.weight,
            self.bias,
            self.stride,
            (rows, 0),
            self.dilation,
            self.groups,
        )


class CircularDownsample2D(Downsample2D):
    """The autoencoder's down-sampling, which pads one row and one column by hand, made circular."""

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """float[N, C, H, W] -> float[N, C', H/2, W/2]."""
        padded = functional.pad(wrap(hidden_states, 0, 1), (0, 0, 0, 1))
        return self.conv(padded)


def wrap(x: torch.Tensor, left: int, right: int) -> torch.Tensor:
    """Pad the last axis with `left` and `right` columns from its other end.

    Concatenation, because `pad(mode="circular")` forgets the channels-last layout, which costs
    more than the copy.
    """
    width = x.shape[-1]
    parts = [x[..., width - left :]] if left else []
    parts.append(x)
    if right:
        parts.append(x[..., :right])
    return torch.cat(parts, dim=-1) if len(parts) > 1 else x


def make_circular(module: nn.Module) -> None:
    """Turn every padding convolution within `module` into a circular one, in place.

    Raises:
        TypeError: a layer pads in a way that this module does not know.
    """
    for layer in module.modules():
        if type(layer) is nn.Conv2d:
            _wrap_conv(layer)
        elif type(layer) is Downsample2D and layer.use_conv and layer.padding == 0:
            layer.__class__ = CircularDownsample2D


def _wrap_conv(layer: nn.Conv2d) -> None:
    if isinstance(layer.padding, str) or layer.padding_mode != "zeros":
        raise TypeError(f"cannot make {layer} circular")
    if layer.padding[1] > 0:
        layer.__class__ = CircularConv2d
