"""How many threads torch may use: one rule, no setting."""

from __future__ import annotations

import os


def use_few_threads() -> None:
    """Set torch's threads for the calling thread (OpenMP keeps the number per thread).

    One core is left to the event loop, the codec and the voice: torch's threads spin while they
    wait for each other, so on busy cores two of them burn several times the work of one.
    `OMP_NUM_THREADS`, where an owner has set it, is respected.
    """
    import torch  # noqa: PLC0415  # takes seconds, and only the worker may wait for it

    if not os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(max(1, usable_cores() - 1))


def usable_cores() -> int:
    """Cores that this process may run on (a container's pinning included)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
