"""Time as a circle: every convolution wraps around the width, so that a clip is a loop.

Height is frequency and keeps its zeros. The weights do not change and neither do their names;
only the class of the layers does, so a model is made circular in place after loading.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from riffbot.inference.models.wrapping import wrap


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


def make_circular(module: nn.Module) -> None:
    """Turn every padding convolution within `module` into a circular one, in place.

    Raises:
        TypeError: a layer pads in a way that this module does not know.
    """
    for layer in module.modules():
        if type(layer) is nn.Conv2d:
            _wrap_conv(layer)
        elif type(layer).__name__ == "Downsample2D":
            # diffusers' own; whoever has such a layer has imported it.
            from riffbot.inference.models.circular_downsample import wrap_downsample  # noqa: PLC0415

            wrap_downsample(layer)


def _wrap_conv(layer: nn.Conv2d) -> None:
    if isinstance(layer.padding, str) or layer.padding_mode != "zeros":
        raise TypeError(f"cannot make {layer} circular")
    if layer.padding[1] > 0:
        layer.__class__ = CircularConv2d
