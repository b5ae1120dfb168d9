"""The prompt embedding: one pooled vector that says which music a prompt means (folder `gist/`).

A small denoiser cannot afford to learn the language as well as the music. So a small network of
its own learns, from captions alone, to say which genre, instruments, sounds, mood and tempo a text
is about; its output before the last layer is the embedding, and the denoiser gets it beside the
timestep (diffusers' `class_embed_type="projection"`). Attributes are linear in the embedding:
half-way between two embeddings lies the mixture, and further away from the same text without a
word lies more of that word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class PromptEmbeddingConfig:
    """The shape of a `PromptEmbedding`.

    Attributes:
        width: of the token states.
        size: of the embedding.
        heads: ways to look at the tokens, beside their mean.
        hidden: width of the layer between.
    """

    width: int = 384
    size: int = 384
    heads: int = 8
    hidden: int = 768


class PromptEmbedding(nn.Module):
    """Token states (B, T, width) of a text encoder -> embedding (B, size), RMS about 1.

    Args:
        settings: the fields of `PromptEmbeddingConfig`.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        config = self.config = PromptEmbeddingConfig(**settings)
        width = config.width
        self.look = nn.Linear(width, config.heads)
        self.content = nn.Linear(width, width)
        self.inner = nn.Linear(2 * width, config.hidden)
        self.outer = nn.Linear(config.hidden, config.size)
        self.activation = nn.GELU()

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """The embedding of each text, float (B, size).

        Args:
            states: float (B, T, width), as the text encoder answers.
            mask: bool or 0/1 (B, T), which tokens are the text's own.
        """
        own = mask.to(states.dtype)[..., None]
        mean = (states * own).sum(1) / own.sum(1)
        looks = self.look(states).masked_fill(own == 0, float("-inf")).softmax(1)
        values = self.content(states).unflatten(-1, (looks.shape[-1], -1))
        seen = (looks[..., None] * values).sum(1).flatten(1)
        # MiniLM's states have an RMS of a third.
        hidden = self.activation(self.inner(3.0 * torch.cat([mean, seen], dim=-1)))
        return self.outer(hidden)
