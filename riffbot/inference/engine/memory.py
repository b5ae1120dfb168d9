"""Detects and handles exhausted memory on any device, without importing torch."""

from __future__ import annotations

import gc
import sys


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, which torch reports in three ways."""
    torch = sys.modules.get("torch")
    return (
        isinstance(error, MemoryError)
        or (torch is not None and isinstance(error, torch.OutOfMemoryError))
        or (isinstance(error, RuntimeError) and "can't allocate memory" in str(error))
    )


def free_memory() -> None:
    """Release what the failed batch held, so that the retry finds room."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
