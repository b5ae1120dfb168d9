"""numba's compiler for the inner loops, with its results kept on disk where that can be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile at the first call, releasing the GIL; kept for the next process if possible.

    A read-only installation without a cache folder has nowhere to keep it (numba then refuses to
    cache at all): every process compiles anew, which takes seconds but changes no result.
    """
    try:
        return cast("F", njit(cache=True, nogil=True, fastmath=True)(function))
    except RuntimeError:  # “no locator available”: no folder can be written
        return cast("F", njit(nogil=True, fastmath=True)(function))
