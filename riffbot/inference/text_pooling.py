"""The whole prompt at a glance, without losing its weights.

A denoiser with `addition_embed_type="text"` reads the prompt twice: token by token through
cross-attention, and pooled into one vector beside the timestep. Diffusers normalises each token
before it is pooled, which would undo what `(word:1.3)` did to it; here that normalisation keeps its
scale and shift only.
"""

from __future__ import annotations

from torch import Tensor, nn


class ScaleAndShift(nn.LayerNorm):
    """A layer norm's learnt scale and shift, without the norm."""

    def forward(self, x: Tensor) -> Tensor:
        """(…, D) -> (…, D)."""
        return x * self.weight + self.bias


def keep_weights(unet: nn.Module) -> None:
    """Let weighted tokens reach the pooled prompt; a UNet that pools nothing is left alone."""
    pooled = getattr(unet, "add_embedding", None)
    if pooled is not None and isinstance(getattr(pooled, "norm1", None), nn.LayerNorm):
        # Another class for the same parameters: checkpoints of the two are interchangeable.
        pooled.norm1.__class__ = ScaleAndShift
