"""Finds the batch that a device works through fastest: `fastest_batch`."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

SLOWEST_GAIN = 1.08
"""Doubling the batch must give so many times the samples a second, or the smaller one is kept."""

MEMORY_SHARE = 0.7
"""Of the device's memory at most: shards, captions and the compiler want some later."""

_SECONDS = 12.0


def fastest_batch(
    step: Callable[[int], None],
    device: torch.device,
    *,
    least: int = 8,
    most: int = 512,
    seconds: float = _SECONDS,
) -> int:
    """Double the batch while that gives more samples a second and fits into the memory.

    Args:
        step: does a step of so many samples and keeps nothing of it.
        most: a larger batch would be no faster and leave fewer steps to learn in.
        seconds: after so many no larger batch is tried.
    """
    best, rate, size, began = least, 0.0, least, time.monotonic()
    while size <= most:
        try:
            found = _rate(step, size, device)
        except torch.OutOfMemoryError:
            break
        if found < SLOWEST_GAIN * rate or _memory_share(device) > MEMORY_SHARE:
            break
        best, rate = size, found
        if time.monotonic() - began > seconds:
            break
        size *= 2
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    return best


def _rate(step: Callable[[int], None], size: int, device: torch.device) -> float:
    """Samples a second, from the second step of a size on."""
    step(size)
    began, done = _now(device), 0
    while done < 3 and (done == 0 or _now(device) - began < 1.0):
        step(size)
        done += 1
    return size * done / max(_now(device) - began, 1e-9)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.monotonic()


def _memory_share(device: torch.device) -> float:
    if device.type != "cuda":
        return 0.0
    total = torch.cuda.get_device_properties(device).total_memory
    return torch.cuda.max_memory_allocated(device) / total
