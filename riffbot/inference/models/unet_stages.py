"""The denoiser's stages, one a resolution: residual blocks and transformers in a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from riffbot.inference.models.unet_layers import Downsample, ResidualBlock, Transformer, Upsample


class StageSizes(NamedTuple):
    """What all stages have in common: widths of token states and of the timestep's embedding, and
    the groups of GroupNorm.
    """

    text: int
    time: int
    groups: int


class DownStage(nn.Module):
    """Residual blocks, each with a transformer if there are `heads`, then half the resolution."""

    def __init__(
        self,
        inputs: Sequence[int],
        outputs: int,
        sizes: StageSizes,
        *,
        heads: int | None,
        halves: bool,
    ) -> None:
        super().__init__()
        self.resnets = _residual_blocks(inputs, outputs, sizes)
        self.attentions = _transformers(len(inputs), outputs, sizes, heads)
        self.downsamplers = nn.ModuleList([Downsample(outputs)] if halves else [])

    def forward(self, x: Tensor, time: Tensor, text: Tensor) -> list[Tensor]:
        """float (B, inputs[0], h, w) -> every layer's answer; the last is what goes on."""
        answers = []
        for place in range(len(self.resnets)):
            x = _run_layer(self, place, x, time, text)
            answers.append(x)
        for halve in self.downsamplers:
            x = halve(x)
            answers.append(x)
        return answers


class MiddleStage(nn.Module):
    """A transformer between two residual blocks, at the coarsest resolution."""

    def __init__(self, channels: int, sizes: StageSizes, *, heads: int) -> None:
        super().__init__()
        self.attentions = _transformers(1, channels, sizes, heads)
        self.resnets = _residual_blocks([channels, channels], channels, sizes)

    def forward(self, x: Tensor, time: Tensor, text: Tensor) -> Tensor:
        """float (B, channels, h, w) -> the same shape."""
        x = self.attentions[0](self.resnets[0](x, time), text)
        answer: Tensor = self.resnets[1](x, time)
        return answer


class UpStage(nn.Module):
    """As `DownStage`, with what a down stage answered beside the input of each residual block."""

    def __init__(
        self,
        inputs: Sequence[int],
        outputs: int,
        sizes: StageSizes,
        *,
        heads: int | None,
        doubles: bool,
    ) -> None:
        super().__init__()
        self.resnets = _residual_blocks(inputs, outputs, sizes)
        self.attentions = _transformers(len(inputs), outputs, sizes, heads)
        self.upsamplers = nn.ModuleList([Upsample(outputs)] if doubles else [])

    def forward(
        self, x: Tensor, skipped: list[Tensor], time: Tensor, text: Tensor, *, is_even: bool
    ) -> Tensor:
        """float (B, channels, h, w) -> (B, outputs, h', w').

        Args:
            skipped: answers of the way down; this stage takes its own from the end.
            is_even: every size halves evenly; otherwise h' and w' are those of the next answer.
        """
        for place in range(len(self.resnets)):
            x = torch.cat([x, skipped.pop()], dim=1)
            x = _run_layer(self, place, x, time, text)
        for double in self.upsamplers:
            x = double(x, None if is_even else skipped[-1].shape[2:])
        return x


def _run_layer(stage: Any, place: int, x: Tensor, time: Tensor, text: Tensor) -> Tensor:
    """One residual block of a stage, and its transformer if it has one."""
    x = stage.resnets[place](x, time)
    return stage.attentions[place](x, text) if len(stage.attentions) else x


def _residual_blocks(inputs: Sequence[int], outputs: int, sizes: StageSizes) -> nn.ModuleList:
    return nn.ModuleList(
        ResidualBlock(size, outputs, time_size=sizes.time, groups=sizes.groups) for size in inputs
    )


def _transformers(count: int, channels: int, sizes: StageSizes, heads: int | None) -> nn.ModuleList:
    """One a residual block; none where there are no heads."""
    if heads is None:
        return nn.ModuleList()
    return nn.ModuleList(
        Transformer(channels, sizes.text, heads, sizes.groups) for _ in range(count)
    )
