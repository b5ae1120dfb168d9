"""Prepared shards, small enough to travel: `ready-00042.pt` <-> `latents-00042.npz`.

A latent's component is worth so many grey levels of the picture (`component_greys`), so one step
for all of them, in grey levels of a patch, is one error in the picture: a step of 20 is an error
of less than two grey levels. The integers are coded by `training.kit.rans`, the labels lie beside
them as JSON in LZMA. Nothing in such a file is pickled.

    python -m training.kit.latents --packed DIR --shards DIR      unpacks all that lie there
"""

from __future__ import annotations

import argparse
import io
import json
import lzma
import multiprocessing
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.dataset import HELD_OUT, Json, folder, number, write_checkpoint
from training.kit import rans

STEP = 20.0
"""Grey levels of a whole patch between two levels of a component."""

HELD_OUT_STEP = 5.0
"""The held-out clips are kept finer: losses are compared on them."""

_LARGEST = 32_000


def component_greys(autoencoder: Path) -> Tensor:
    """Grey levels of a patch (its root of summed squares) that each component is worth, (C,)."""
    held = torch.load(autoencoder, map_location="cpu", weights_only=True)["network"]
    greys: Tensor = held["synthesis.weight"].flatten(1).norm(dim=1) * 127.5
    return greys


def packed_path(ready: Path) -> Path:
    """The name of a shard as it travels."""
    return ready.with_name(f"latents-{number(ready):05d}.npz")


def quantise(latents: Tensor, greys: Tensor, step: float) -> NDArray[np.int16]:
    """Latents (n, C, H, W) to levels of `step` grey levels."""
    levels = (latents.float() * (greys / step).view(-1, 1, 1)).round()
    return np.asarray(levels.clamp(-_LARGEST, _LARGEST).to(torch.int16).numpy())


def centres(latents: Tensor, levels: NDArray[np.int16], greys: Tensor, step: float) -> Tensor:
    """How far from a level's middle its numbers lie, towards zero: (C, 2), of levels 1 and more.

    Numbers are denser towards zero, so the mean of a level lies nearer to it than its middle.
    """
    exact = latents.float() * (greys / step).view(-1, 1, 1)
    rounded = torch.from_numpy(levels).float()
    towards = (rounded.abs() - exact.abs()).transpose(0, 1).flatten(1)
    size = rounded.abs().transpose(0, 1).flatten(1)
    found = []
    for which in (size == 1, size > 1):
        found.append((towards * which).sum(1) / which.sum(1).clamp(min=1))
    return torch.stack(found, dim=1)


def dequantise(levels: NDArray[np.int16], centre: Tensor, greys: Tensor, step: float) -> Tensor:
    """Levels (n, C, H, W) back to latents float16."""
    size = torch.from_numpy(levels).float()
    first, more = centre[:, 0].view(-1, 1, 1), centre[:, 1].view(-1, 1, 1)
    shift = torch.where(size.abs() == 1, first, more) * size.sign()
    return ((size - shift) * (step / greys).view(-1, 1, 1)).half()


def pack(ready: dict[int, Json], greys: Tensor, step: float = STEP) -> bytes:
    """A prepared shard as it travels."""
    tables = rans.build_tables()
    widths = sorted(ready)
    levels = {width: quantise(ready[width]["latents"], greys, step) for width in widths}
    models = rans.choose_models([clip for width in widths for clip in levels[width]], tables)
    said = {
        str(width): {key: value for key, value in ready[width].items() if key != "latents"}
        for width in widths
    }
    arrays: dict[str, Any] = {
        "models": models,
        "step": np.float32(step),
        "said": _bytes(lzma.compress(json.dumps(said).encode())),
        "tables": _bytes(lzma.compress(np.diff(tables, axis=1).astype("<u4").tobytes())),
    }
    for width in widths:
        words = [rans.encode(clip, models, tables) for clip in levels[width]]
        arrays[f"words {width}"] = np.concatenate(words)
        arrays[f"lengths {width}"] = np.array([len(part) for part in words], np.uint32)
        arrays[f"shape {width}"] = np.array(levels[width].shape[1:], np.uint16)
        found = centres(ready[width]["latents"], levels[width], greys, step)
        arrays[f"centres {width}"] = found.half().numpy()
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def unpack(packed: bytes, greys: Tensor) -> dict[int, Json]:
    """The prepared shard, its latents to within half a step.

    Raises:
        ValueError: the file is damaged.
    """
    with np.load(io.BytesIO(packed), allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    counts = np.frombuffer(lzma.decompress(arrays["tables"].tobytes()), "<u4")
    counts = counts.reshape(rans.MODELS, rans.SYMBOLS)
    tables = np.zeros((rans.MODELS, rans.SYMBOLS + 1), np.uint32)
    tables[:, 1:] = np.cumsum(counts, axis=1)
    said = json.loads(lzma.decompress(arrays["said"].tobytes()))
    step, ready = float(arrays["step"]), dict[int, Json]()
    for name, rows in said.items():
        shape = tuple(int(size) for size in arrays[f"shape {name}"])
        edges = np.cumsum(arrays[f"lengths {name}"])[:-1]
        clips = [
            rans.decode(words, (shape[0], shape[1], shape[2]), arrays["models"], tables)
            for words in np.split(arrays[f"words {name}"], edges)
        ]
        centre = torch.from_numpy(arrays[f"centres {name}"]).float()
        latents = dequantise(np.stack(clips), centre, greys, step)
        ready[int(name)] = {"latents": latents, **rows}
    return ready


def picture_error(ready: dict[int, Json], again: dict[int, Json], greys: Tensor) -> float:
    """Root mean square of what two versions of a shard differ by, in grey levels of a pixel."""
    squares, pixels = 0.0, 0
    for width, rows in ready.items():
        difference = rows["latents"].float() - again[width]["latents"].float()
        squares += float((difference * greys.view(-1, 1, 1)).square().sum())
        pixels += difference[:, 0].numel() * 256
    return float((squares / max(1, pixels)) ** 0.5)


def _bytes(held: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(held, np.uint8)


def _unpack_one(job: tuple[Path, Path, Path]) -> int:
    torch.set_num_threads(1)
    source, target, autoencoder = job
    ready = unpack(source.read_bytes(), component_greys(autoencoder))
    write_checkpoint(target, ready)
    return sum(len(rows["told"]) for rows in ready.values())


def unpack_all(packed: Path, shards: Path, autoencoder: Path, workers: int) -> int:
    """Unpack every shard of a folder that is not there yet; how many clips that were."""
    jobs = []
    for source in sorted(packed.glob("latents-*.npz")):
        target = shards / f"ready-{number(source):05d}.pt"
        if not target.exists():
            jobs.append((source, target, autoencoder))
    # The held-out clips first: nothing is measured without them.
    jobs.sort(key=lambda job: number(job[0]) != HELD_OUT)
    if workers <= 1 or len(jobs) <= 1:
        return sum(map(_unpack_one, jobs))
    with multiprocessing.get_context("spawn").Pool(min(workers, len(jobs))) as pool:
        return sum(pool.imap(_unpack_one, jobs))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.kit.latents", description=__doc__.split("\n\n")[0]
    )
    parser.add_argument("--packed", type=folder, required=True)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--autoencoder", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    options.shards.mkdir(parents=True, exist_ok=True)
    clips = unpack_all(options.packed, options.shards, options.autoencoder, options.workers)
    print(json.dumps({"clips": clips}))


if __name__ == "__main__":
    main()
