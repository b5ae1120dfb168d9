"""What the renderer writes and the trainers read: shards of clips, picked up as they appear.

`shard-00042.npz` and `.json` are the renderer's (sound and captions); `ready-00042.pt` is the same
shard as the denoiser wants it (latents and their labels, by width), written by
`training.prepare` from `told-00042.json`, the labels of `training.captions`.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from audio.codec import audio_to_image
from training.caption_writer import mentions

SAMPLE_RATE = 44_100
HELD_OUT = 0
"""The shard that no trainer learns from."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Clip:
    """One rendered loop: its picture uint8 (512, W) and what the renderer says of it."""

    picture: NDArray[np.uint8]
    about: Json


def shards(folder: Path) -> list[Path]:
    """The renderer's finished shards, in order."""
    return sorted(folder.glob("shard-*.npz"))


def number(path: Path) -> int:
    """The 42 of shard-00042.npz and of ready-00042.pt."""
    return int(path.stem.split("-")[1])


def held_out(folder: Path) -> Path:
    """Where the shard lies, or will lie, that no trainer learns from."""
    return folder / f"shard-{HELD_OUT:05d}.npz"


def learnt_from(folder: Path) -> list[Path]:
    """The finished shards that may be learnt from, in order."""
    return [path for path in shards(folder) if number(path) != HELD_OUT]


def labels_path(shard: Path) -> Path:
    """Where a shard's words go."""
    return shard.with_name(f"told-{number(shard):05d}.json")


def ready_path(shard: Path) -> Path:
    """Where a shard goes as the denoiser wants it."""
    return shard.with_name(f"ready-{number(shard):05d}.pt")


def pictures_path(shard: Path) -> Path:
    """Where a shard's pictures are kept."""
    return shard.with_suffix(".pictures.npy")


def folder(text: str) -> Path:
    """A command's argument: a folder that is there."""
    if not (path := Path(text)).is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text}")
    return path


def write_json(path: Path, held: Any) -> None:
    """Write a file all at once: a kill leaves the previous one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    draft.write_text(json.dumps(held, indent=1), "utf-8")
    draft.replace(path)


def write_checkpoint(path: Path, held: Any) -> None:
    """Save with torch all at once: a kill leaves the previous one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    torch.save(held, draft)
    draft.replace(path)


def abouts(shard: Path) -> list[Json]:
    """What the renderer says of each clip of a shard."""
    rows: list[Json] = json.loads(shard.with_suffix(".json").read_text("utf-8"))
    return rows


def read_clips(path: Path) -> list[Clip]:
    """The clips of one shard, their sound turned into pictures by the product's own codec.

    The pictures are kept beside the shard, side by side in one array, so that each is made once.
    """
    about = abouts(path)
    cache = pictures_path(path)
    if not cache.exists():
        with np.load(path) as shard:
            audio, offsets = shard["audio"].astype(np.float32), shard["offsets"]
        made = [
            audio_to_image(audio[start:stop], SAMPLE_RATE, loop=True)
            for start, stop in pairwise(offsets)
        ]
        draft = cache.with_suffix(f".{os.getpid()}.npy")
        np.save(draft, np.concatenate(made, axis=1))
        draft.replace(cache)
    row = np.load(cache)
    edges = np.cumsum([said["width"] for said in about])[:-1]
    return [Clip(p, said) for p, said in zip(np.split(row, edges, axis=1), about, strict=True)]


def to_signal(pictures: Tensor) -> Tensor:
    """uint8 (B, 512, W) -> float32 (B, 1, 512, W) in [-1, 1]."""
    return pictures[:, None].float() / 127.5 - 1.0


@dataclass
class Rows:
    """Clips of one width: latents float16 (n, C, 32, w), and the label of each."""

    latents: Tensor
    labels: list[Json]


class ByWidth:
    """Clips grouped by width, growing while training; a batch is of one width.

    Args:
        favour: words, in lower case; a clip with one of them in a caption is drawn more often.
        times: how many times as often.
    """

    def __init__(self, favour: Sequence[str] = (), times: float = 2.0) -> None:
        self.rows: dict[int, Rows] = {}
        self._favour = mentions(favour) if favour else None
        self._times = times
        self._odds: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return sum(len(rows.labels) for rows in self.rows.values())

    def add(self, width: int, rows: Rows) -> None:
        """Append clips of one width."""
        held, odds = (
            self.rows.get(width),
            torch.tensor([self._weight(said) for said in rows.labels]),
        )
        if held is not None:
            latents = torch.cat([held.latents, rows.latents])
            rows = Rows(latents, held.labels + rows.labels)
            odds = torch.cat([self._odds[width], odds])
        self.rows[width], self._odds[width] = rows, odds

    def _weight(self, said: Json) -> float:
        text = "\n".join(said["captions"]).lower() if self._favour else ""
        return self._times if self._favour and self._favour.search(text) else 1.0

    def draw(self, size: int, generator: torch.Generator) -> tuple[Tensor, list[Json]]:
        """`size` random clips of one width; widths in proportion to their clips' weights."""
        widths = list(self.rows)
        weights = torch.stack([self._odds[w].sum() for w in widths])
        width = widths[int(torch.multinomial(weights, 1, generator=generator))]
        held = self.rows[width]
        picks = torch.multinomial(self._odds[width], size, replacement=True, generator=generator)
        return held.latents[picks.to(held.latents.device)], [held.labels[i] for i in picks.tolist()]


class PicturesByWidth:
    """Pictures uint8 (n, 512, W) grouped by width."""

    def __init__(self) -> None:
        self.rows: dict[int, list[Tensor]] = {}

    def add(self, picture: Tensor) -> None:
        """Keep a picture (512, W)."""
        self.rows.setdefault(picture.shape[1], []).append(picture)

    def draw(self, size: int, generator: torch.Generator) -> Tensor:
        """`size` random pictures of one width."""
        widths = list(self.rows)
        weights = torch.tensor([float(len(self.rows[w])) for w in widths])
        held = self.rows[widths[int(torch.multinomial(weights, 1, generator=generator))]]
        picks = torch.randint(len(held), (size,), generator=generator)
        return torch.stack([held[i] for i in picks.tolist()])
