"""Rendered shards, read as they appear, kept on the device by width.

The renderer may still be writing while the trainer reads: a background thread picks up each new
shard once, turns its sound into pictures on the device and hands them over. A batch is of one
width, drawn in proportion to how many clips have it.
"""

from __future__ import annotations

import json
import logging
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.features import HOP_LENGTH, pictures

log = logging.getLogger(__name__)

Json = dict[str, Any]


@dataclass(frozen=True)
class Clips:
    """Clips of one width: pictures uint8 (n, 512, W) and what the renderer says of each."""

    width: int
    pictures: Tensor
    about: list[Json]


def read_shard(path: Path, device: torch.device, batch: int = 32) -> list[Clips]:
    """One shard as pictures, a group for each width in it."""
    with np.load(path) as shard:
        audio, offsets, widths = shard["audio"], shard["offsets"], shard["widths"]
    about = json.loads(path.with_suffix(".json").read_text())
    groups = []
    for width in np.unique(widths):
        rows = np.flatnonzero(widths == width)
        drawn = []
        for start in range(0, len(rows), batch):
            clips = np.stack([audio[offsets[r] : offsets[r + 1]] for r in rows[start : start + batch]])
            assert clips.shape[1] == width * HOP_LENGTH, f"{path}: a clip is not {width} columns long"
            drawn.append(pictures(torch.from_numpy(clips).to(device)))
        groups.append(Clips(int(width), torch.cat(drawn), [about[r] for r in rows]))
    return groups


@dataclass
class ShardFeed:
    """Reads every shard of a folder once, in a thread, each passed through `prepare` there.

    Args:
        folder: where `training.render` writes.
        prepare: what the trainer keeps of a group of clips (run in the feed's thread).
        hold_out: shard numbers never given to the trainer (validation).
    """

    folder: Path
    device: torch.device
    prepare: Callable[[Clips], Any]
    hold_out: frozenset[int] = frozenset({0})
    limit: int | None = None
    _ready: queue.Queue[tuple[int, Any]] = field(default_factory=lambda: queue.Queue(maxsize=64))
    _seen: set[Path] = field(default_factory=set)

    def start(self) -> None:
        threading.Thread(target=self._run, name="shards", daemon=True).start()

    def _run(self) -> None:
        while True:
            if self.limit is None or len(self._seen) < self.limit:
                for path in sorted(self.folder.glob("shard-*.npz")):
                    if path not in self._seen and shard_number(path) not in self.hold_out:
                        self._seen.add(path)
                        self._hand_over(path)
            time.sleep(0.5)

    def _hand_over(self, path: Path) -> None:
        try:
            groups = read_shard(path, self.device)
        except Exception:
            # A damaged shard costs its clips, not the training.
            log.exception("left out %s", path.name)
            return
        for clips in groups:
            self._ready.put((clips.width, self.prepare(clips)))

    def new(self) -> Iterator[tuple[int, Any]]:
        """Everything prepared since the last call, without waiting."""
        while True:
            try:
                yield self._ready.get_nowait()
            except queue.Empty:
                return


class ByWidth:
    """Rows of tensors grouped by width, growing while training."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[Tensor, ...]] = {}

    def add(self, width: int, rows: tuple[Tensor, ...]) -> None:
        held = self.rows.get(width)
        joined = rows if held is None else tuple(map(torch.cat, zip(held, rows, strict=True)))
        self.rows[width] = joined

    def __len__(self) -> int:
        return sum(len(rows[0]) for rows in self.rows.values())

    def draw(self, size: int, rng: random.Random) -> tuple[int, tuple[Tensor, ...]]:
        """`size` random rows of one width; widths in proportion to their clips."""
        widths = list(self.rows)
        width = rng.choices(widths, [len(self.rows[w][0]) for w in widths])[0]
        held = self.rows[width]
        picks = torch.randint(len(held[0]), (size,), device=held[0].device)
        return width, tuple(rows[picks] for rows in held)


def shard_number(path: Path) -> int:
    """The 42 of shard-00042.npz."""
    return int(path.stem.split("-")[1])
