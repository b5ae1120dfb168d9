"""What the denoiser is conditioned on: token states, prompt embeddings and beat grids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from riffbot.inference.models.beats import beat_grid
from riffbot.inference.models.prompt_embedding import PromptEmbedding
from training.dataset import Json
from training.text import WIDTH, CaptionEncoder


class Conditioner:
    """Captions to token states float32 (B, 32, 384) and prompt embeddings (B, 384)."""

    def __init__(self, gist: Path, device: torch.device) -> None:
        self.encoder = CaptionEncoder(device)
        network: Any = PromptEmbedding(width=WIDTH)
        network.load_state_dict(torch.load(gist, map_location="cpu", weights_only=True)["gist"])
        self.prompt_embedding = network.to(device).eval().requires_grad_(False)
        self.device = device

    @torch.no_grad()
    def __call__(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        states, mask = self.encoder.padded(texts)
        states = states.float().clone()
        return states, self.prompt_embedding(states, mask)


def grids(labels: list[Json], cells: int, rows: int, share: int = 1) -> Tensor:
    """The grids (B, CHANNELS, rows, cells) of `labels`'s clips, or of one `share`-th of each."""
    return torch.stack(
        [beat_grid(cells, rows, said["beats"] // share, said["meter"]) for said in labels]
    )


def has_even_halves(said: Json) -> bool:
    """Whether half of a clip is whole measures."""
    return bool(said["beats"] % (2 * said["meter"]) == 0)
