"""Compiles the inner loops with numba, and caches the machine code on disk if possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function at its first call; it releases the GIL.

    In a read-only installation without a cache folder, numba refuses to cache: every process
    compiles again, which takes seconds but changes no result.
    """
    try:
        return cast("F", njit(cache=True, nogil=True, fastmath=True)(function))
    except RuntimeError:  # “no locator available”: no folder is writable
        return cast("F", njit(nogil=True, fastmath=True)(function))
