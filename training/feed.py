"""The shards that the denoiser learns from, read as they become ready."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from training.dataset import HELD_OUT, ByWidth, Json, Rows, number


class Batch(NamedTuple):
    """Latents float32 (B, C, rows, cells) of clips, or of a half of each: 0 or 1; and labels."""

    latents: Tensor
    labels: list[Json]
    half: int | None


class Unlabelled(ValueError):
    """A shard's labels were written before those of the harmony were."""


def read_ready(path: Path) -> dict[int, Json]:
    """A ready shard's latents and labels by width. Raises Unlabelled."""
    ready: dict[int, Json] = torch.load(path, weights_only=True)
    if any("chords" not in said for rows in ready.values() for said in rows["told"]):
        raise Unlabelled(
            f"{path.name} has no chords in its labels: write them with `python -m "
            f"training.captions --shards {path.parent} --again`, then run training.prepare"
        )
    return ready


class Feed:
    """The ready shards, read as they appear."""

    def __init__(self, folder: Path, device: torch.device, store: ByWidth) -> None:
        self.folder, self.device = folder, device
        self.store, self.seen = store, set[Path]()

    def refresh(self) -> list[Json]:
        """Read what is new; the labels of the clips that came."""
        came = list[Json]()
        for path in sorted(self.folder.glob("ready-*.pt")):
            if path not in self.seen and number(path) != HELD_OUT:
                self.seen.add(path)
                for width, rows in read_ready(path).items():
                    self.store.add(width, Rows(rows["latents"].to(self.device), rows["told"]))
                    came += rows["told"]
        return came
