"""PatchAutoencoder: pictures to latents by principal components, and back by those and a small net.

A spectrogram's 16×16 patches lie close to a 32-dimensional plane (33.8 dB), so the encoder is just
that projection: exact, linear, a few milliseconds, and at home on any sound a member uploads. The
decoder projects back and lets a convolutional net that looks at neighbouring cells correct what
the plane cannot hold. All its work is done at latent resolution, which makes it some ten times as
fast on a CPU as the convolutional decoder of AutoencoderKL at the same error.

It has AutoencoderKL's interface as far as the pipelines use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class PointLatent:
    """A latent known exactly, where AutoencoderKL has a Gaussian."""

    mean: Tensor

    def mode(self) -> Tensor:
        """The latent, (B, latent_channels, H/16, W/16)."""
        return self.mean

    def sample(self, generator: object = None) -> Tensor:
        """The latent: there is nothing to draw."""
        return self.mean


@dataclass(frozen=True)
class Encoded:
    """What `encode` returns."""

    latent_dist: PointLatent


@dataclass(frozen=True)
class Decoded:
    """What `decode` returns: pictures (B, 1, H, W), about -1 to 1."""

    sample: Tensor


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions beside an identity; no normalisation, so that crops and wholes agree."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(functional.silu(self.first(functional.silu(x))))


@dataclass(frozen=True)
class PatchAutoencoderConfig:
    """The shape of a `PatchAutoencoder`, with AutoencoderKL's names where pipelines read them.

    Attributes:
        latent_channels: principal components kept of each patch.
        hidden_channels, layers: size of the correcting net.
        rows: latent rows of a picture (512/16); each has a learnt place in the correcting net.
        in_channels, out_channels: colours of a picture.
        block_out_channels: only its length matters, from which the pipelines read the stride.
        scaling_factor: latents are divided by it; they have an RMS of about 1 already.
    """

    latent_channels: int = 32
    hidden_channels: int = 160
    layers: int = 3
    rows: int = 32
    in_channels: int = 1
    out_channels: int = 1
    block_out_channels: tuple[int, ...] = (1, 1, 1, 1, 1)
    scaling_factor: float = 1.0


class PatchAutoencoder(nn.Module):
    """Pictures (B, 1, H, W) in [-1, 1] <-> latents (B, latent_channels, H/16, W/16), RMS about 1.

    Args:
        settings: the fields of `PatchAutoencoderConfig`.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        config = self.config = PatchAutoencoderConfig(**settings)
        latent_channels, hidden_channels = config.latent_channels, config.hidden_channels
        self.patch = 2 ** (len(config.block_out_channels) - 1)
        self.analysis = nn.Conv2d(1, latent_channels, self.patch, stride=self.patch)
        self.synthesis = nn.ConvTranspose2d(latent_channels, 1, self.patch, stride=self.patch)
        self.lift = nn.Conv2d(latent_channels, hidden_channels, 3, padding=1)
        self.place = nn.Parameter(self.lift.weight.new_zeros(1, hidden_channels, config.rows, 1))
        self.blocks = nn.ModuleList(ResidualBlock(hidden_channels) for _ in range(config.layers))
        self.correction = nn.Conv2d(hidden_channels, self.patch**2, 1)
        nn.init.zeros_(self.correction.weight)
        nn.init.zeros_(self.correction.bias)  # type: ignore[arg-type]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.place.device

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the weights."""
        return self.place.dtype

    def encode(self, pictures: Tensor) -> Encoded:
        """Project each patch; three equal channels count as one."""
        return Encoded(PointLatent(self.analysis(pictures[:, :1])))

    def decode(
        self, latents: Tensor, return_dict: bool = True, generator: object = None
    ) -> Decoded | tuple[Tensor]:
        """Project back and correct: pictures (B, 1, H, W), about -1 to 1.

        `generator` is what stock pipelines hand over; nothing is drawn here.
        """
        hidden = self.lift(latents) + self.place
        for block in self.blocks:
            hidden = block(hidden)
        corrected = functional.pixel_shuffle(self.correction(functional.silu(hidden)), self.patch)
        pictures = self.synthesis(latents) + corrected
        return Decoded(pictures) if return_dict else (pictures,)

    def forward(self, pictures: Tensor) -> Tensor:
        """Encode and decode."""
        back: Tensor = self.decode(self.encode(pictures).latent_dist.mode(), return_dict=False)[0]  # type: ignore[index]
        return back
