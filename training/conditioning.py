"""What the denoiser is conditioned on: token states, prompt embeddings, beat grids and harmony."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from riffbot.inference.models.beats import beat_grid
from riffbot.inference.models.harmony_planes import ShownChord, ShownKey, harmony_planes
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


class Shown(NamedTuple):
    """What is shown of a clip's harmony.

    `bass` is shown in every beat, in beats in which the chord changes, or in none.
    """

    key: bool = True
    chords: bool = True
    bass: Literal["always", "changes", "never"] = "always"


def harmonies(
    labels: list[Json], cells: int, rows: int, shown: Sequence[Shown], *, half: int | None = None
) -> Tensor:
    """Key and chords (B, CHANNELS, rows, cells) of `labels`'s clips, or of a half of each: 0 is the
    first, 1 the second.
    """
    return torch.stack(
        [
            harmony_planes(cells, rows, shown_chords(said, how, half), shown_key(said, how))
            for said, how in zip(labels, shown, strict=True)
        ]
    )


def shown_key(said: Json, shown: Shown) -> ShownKey | None:
    """A clip's key as it is shown."""
    if said["key"] is None or not shown.key:
        return None
    tonic, scale = said["key"]
    return ShownKey(tonic, tuple(scale))


def shown_chords(said: Json, shown: Shown, half: int | None) -> list[ShownChord | None]:
    """The chords of a clip's beats as they are shown, or of a half of them."""
    row: list[ShownChord | None] = []
    before = None
    for found in said["chords"] if shown.chords else ():
        if found is None:
            row.append(None)
        else:
            is_bass_shown = shown.bass == "always" or (
                shown.bass == "changes" and (before is None or before[0] != found[0])
            )
            row.append(ShownChord(tuple(found[0]), found[1] if is_bass_shown else None))
        before = found
    middle = len(row) // 2
    return row if half is None else row[middle:] if half else row[:middle]


def has_even_halves(said: Json) -> bool:
    """Whether half of a clip is whole measures."""
    return bool(said["beats"] % (2 * said["meter"]) == 0)
