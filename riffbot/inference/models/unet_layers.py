"""The layers of the denoiser (`unet.py`): residual blocks, transformers, sampling.

Parameters have the names of diffusers' UNet2DConditionModel, and every operation comes in its
order, so that weights are interchangeable and results equal to the bit
(`tests/riffbot/inference/models/test_unet.py`).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

_MAX_PERIOD = 10000
"""Of the slowest sine of a timestep's embedding (Vaswani 2017)."""


class MLP(nn.Module):
    """Two linear layers with a SiLU between: timestep or prompt embedding -> (B, size)."""

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(inputs, size)
        self.linear_2 = nn.Linear(size, size)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear_2(functional.silu(self.linear_1(x)))


class TimeEmbedding(MLP):
    """A timestep's embedding (B, inputs) and, for some models, a condition's -> (B, size)."""

    def __init__(self, inputs: int, size: int, condition_size: int | None = None) -> None:
        super().__init__(inputs, size)
        self.cond_proj = None
        if condition_size is not None:
            self.cond_proj = nn.Linear(condition_size, inputs, bias=False)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        if condition is not None and self.cond_proj is not None:
            x = x + self.cond_proj(condition)
        return super().forward(x)


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with the timestep's embedding added between, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, *, time_size: int, groups: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.time_emb_proj = nn.Linear(time_size, outputs)
        self.norm2 = nn.GroupNorm(groups, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """float (B, inputs, h, w) and (B, time_size) -> (B, outputs, h, w)."""
        hidden = self.conv1(functional.silu(self.norm1(x)))
        hidden = hidden + self.time_emb_proj(functional.silu(time))[:, :, None, None]
        hidden = self.conv2(functional.silu(self.norm2(hidden)))
        return (x if self.conv_shortcut is None else self.conv_shortcut(x)) + hidden


class Attention(nn.Module):
    """Multi-head attention of cells to each other or to the tokens of a text."""

    def __init__(self, size: int, context_size: int, heads: int) -> None:
        super().__init__()
        self._heads = heads
        self.to_q = nn.Linear(size, size, bias=False)
        self.to_k = nn.Linear(context_size, size, bias=False)
        self.to_v = nn.Linear(context_size, size, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(size, size)])

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """float (B, n, size) and (B, m, context_size) -> (B, n, size)."""
        answer = functional.scaled_dot_product_attention(
            self._split(self.to_q(x)),
            self._split(self.to_k(context)),
            self._split(self.to_v(context)),
        )
        return self.to_out[0](answer.transpose(1, 2).reshape(x.shape))

    def _split(self, x: Tensor) -> Tensor:
        """float (B, n, size) -> (B, heads, n, size / heads)."""
        return x.view(len(x), -1, self._heads, x.shape[-1] // self._heads).transpose(1, 2)


class GatedLinear(nn.Module):
    """A linear layer whose outputs are gated by as many others (GEGLU, Shazeer 2020)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.proj = nn.Linear(inputs, 2 * outputs)

    def forward(self, x: Tensor) -> Tensor:
        values, gate = self.proj(x).chunk(2, dim=-1)
        return values * functional.gelu(gate)


class FeedForward(nn.Module):
    """The layers behind the attention; the second of `net` is diffusers' dropout of nothing."""

    def __init__(self, size: int) -> None:
        super().__init__()
        inner = 4 * size
        self.net = nn.ModuleList([GatedLinear(size, inner), nn.Identity(), nn.Linear(inner, size)])

    def forward(self, x: Tensor) -> Tensor:
        return self.net[2](self.net[0](x))


class TransformerBlock(nn.Module):
    """Attention among cells, attention to the text, feed-forward; each beside an identity."""

    def __init__(self, size: int, text_size: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(size)
        self.attn1 = Attention(size, size, heads)
        self.norm2 = nn.LayerNorm(size)
        self.attn2 = Attention(size, text_size, heads)
        self.norm3 = nn.LayerNorm(size)
        self.ff = FeedForward(size)

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        """float (B, cells, size) and tokens (B, T, text_size) -> (B, cells, size)."""
        normed = self.norm1(x)
        x = self.attn1(normed, normed) + x
        x = self.attn2(self.norm2(x), text) + x
        return self.ff(self.norm3(x)) + x


class Transformer(nn.Module):
    """A transformer block over all cells of a feature map, beside an identity."""

    def __init__(self, channels: int, text_size: int, heads: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, eps=1e-6)
        self.proj_in = nn.Conv2d(channels, channels, 1)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(channels, text_size, heads)])
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, text: Tensor) -> Tensor:
        """float (B, channels, h, w) and tokens (B, T, text_size) -> (B, channels, h, w)."""
        batch, channels, rows, columns = x.shape
        cells = self.proj_in(self.norm(x)).permute(0, 2, 3, 1).reshape(batch, -1, channels)
        cells = self.transformer_blocks[0](cells, text)
        # Contiguous as in diffusers: another layout chooses another kernel, and other last bits.
        hidden = cells.reshape(batch, rows, columns, channels).permute(0, 3, 1, 2).contiguous()
        return self.proj_out(hidden) + x


class Downsample(nn.Module):
    """Half the height and width, rounded up, by a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Upsample(nn.Module):
    """Each cell repeated, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, size: tuple[int, int] | None) -> Tensor:
        """float (B, channels, h, w) -> (B, channels, *size); None is twice the size."""
        if size is None:
            return self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        return self.conv(functional.interpolate(x, size=size, mode="nearest"))


def embed_timestep(timestep: Tensor, batch: int, size: int) -> Tensor:
    """Cosines and sines of a timestep (0-dim tensor), float32 (batch, size); size is even."""
    half = size // 2
    exponent = -math.log(_MAX_PERIOD) * torch.arange(
        half, dtype=torch.float32, device=timestep.device
    )
    phase = timestep[None].expand(batch)[:, None].float() * torch.exp(exponent / half)[None]
    return torch.cat([torch.cos(phase), torch.sin(phase)], dim=-1)
