"""Is a clip nearly one of the training clips, turned or not, or half of one?

A clip is a loop, so a copy may begin anywhere in it. Pictures become thumbnails of 64 rows by 64
columns, and two of them are compared at each of the 64 rotations at once: a circular correlation,
by the Fourier transform along time. A half of a clip is compared the same way, with the part of the
other clip that it lies on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.dataset import held_out, learnt_from, read_clips

SIZE = 64
NEAR_COPY = 0.97
"""Correlation over which two clips are the same to the ear, more or less."""

Floats = NDArray[np.float32]


def thumbnails(pictures: Sequence[NDArray[np.uint8]]) -> Floats:
    """Pictures uint8 (512, W) as float32 (n, 64, 64), each of mean 0 and length 1."""
    small = [
        np.asarray(Image.fromarray(p).resize((SIZE, SIZE), Image.Resampling.BOX), np.float32)
        for p in pictures
    ]
    table = np.stack(small)
    table -= table.mean((1, 2), keepdims=True)
    # A silent clip resembles nothing.
    length = np.sqrt(np.square(table).sum((1, 2), keepdims=True))
    return np.asarray(table / np.maximum(length, 1e-6), np.float32)


def turned(ours: Floats, theirs: Floats) -> Floats:
    """Sums of products (n, m, 64) of each of ours with each of theirs at each rotation."""
    mine, other = np.fft.rfft(ours, axis=2), np.fft.rfft(theirs, axis=2)
    # By frequency: (n, rows) @ (rows, m), for the conjugate of theirs turns the sum into lags.
    product = np.matmul(mine.transpose(2, 0, 1), other.conj().transpose(2, 1, 0))
    return np.asarray(np.fft.irfft(product.transpose(1, 2, 0), SIZE, axis=2), np.float32)


def nearest(ours: Floats, theirs: Floats) -> Floats:
    """The highest correlation of each of ours with any of theirs at any rotation: (n,)."""
    return np.asarray(turned(ours, theirs).max((1, 2)))


def nearest_half(ours: Floats, theirs: Floats) -> Floats:
    """The same for the better half of each of ours, wherever in theirs it may lie: (n,)."""
    box = np.zeros((1, SIZE, SIZE), np.float32)
    box[..., : SIZE // 2] = 1.0
    count = SIZE * SIZE // 2
    sums = turned(box, theirs)[0]
    spread = np.sqrt(np.maximum(turned(box, theirs**2)[0] - sums**2 / count, 1e-6))
    best = np.full(len(ours), -1.0, np.float32)
    for half in (ours[..., : SIZE // 2], ours[..., SIZE // 2 :]):
        centred = half - half.mean((1, 2), keepdims=True)
        length = np.sqrt(np.square(centred).sum((1, 2), keepdims=True))
        padded = np.zeros_like(ours)
        padded[..., : SIZE // 2] = centred / np.maximum(length, 1e-3)
        best = np.maximum(best, (turned(padded, theirs) / spread).max((1, 2)))
    return best


def training_clips(folder: Path) -> Iterator[Floats]:
    """The thumbnails of each shard that was learnt from."""
    for path in learnt_from(folder):
        yield thumbnails([clip.picture for clip in read_clips(path)])


def copies(pictures: Sequence[NDArray[np.uint8]], folder: Path) -> dict[str, Any]:
    """The nearest training clip of each picture, beside that of real clips never trained on."""
    ours = thumbnails(pictures)
    fresh = thumbnails([clip.picture for clip in read_clips(held_out(folder))])
    best = {"clips": np.full(len(ours), -1.0), "halves": np.full(len(ours), -1.0)}
    base = {"clips": np.full(len(fresh), -1.0), "halves": np.full(len(fresh), -1.0)}
    count = 0
    for table in training_clips(folder):
        count += len(table)
        for name, compare in (("clips", nearest), ("halves", nearest_half)):
            best[name] = np.maximum(best[name], compare(ours, table))
            base[name] = np.maximum(base[name], compare(fresh, table))
    return {
        "training_clips": count,
        **{name: summary(best[name], base[name]) for name in ("clips", "halves")},
    }


def summary(best: NDArray[Any], base: NDArray[Any]) -> dict[str, Any]:
    """Largest, median and number of near copies; `held_out`: of real clips nobody learnt from."""
    return {
        "max": round(float(best.max()), 3),
        "median": round(float(np.median(best)), 3),
        "near_copies": int((best > NEAR_COPY).sum()),
        "held_out_max": round(float(base.max()), 3),
        "held_out_median": round(float(np.median(base)), 3),
        "held_out_near_copies": int((base > NEAR_COPY).sum()),
    }
