"""Threads that read uploaded files: a few at a time, and only so many may wait.

A file may take a minute to decode. In asyncio's shared threads a few such files would delay
everything else that runs there: reading the library, rendering, pictures of the page.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from riffbot.errors import Refused

WAITING = 16
"""Files that may wait for a slot."""

_THREADS = 3
"""Two for Discord and one for the page, as their slots allow."""

_FULL = "Too many files are being read just now; please try again in a moment."

P = ParamSpec("P")
T = TypeVar("T")

_threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="file")


async def run_in_file_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a function that decodes a file in one of its threads; else like `asyncio.to_thread`."""
    call = functools.partial(function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_threads, call)


class FileSlots:
    """A semaphore for files with a bounded number of waiters.

    Args:
        at_once: files that are read at a time.
        waiting: files that may wait; further ones are refused.
    """

    def __init__(self, at_once: int, *, waiting: int = WAITING) -> None:
        self._slots = asyncio.Semaphore(at_once)
        self._most, self._waiting = waiting, 0

    async def __aenter__(self) -> None:
        """Wait for a slot. Raises Refused when too many wait."""
        if self._slots.locked() and self._waiting >= self._most:
            raise Refused(_FULL)
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1

    async def __aexit__(self, *_: Any) -> None:
        """Release the slot."""
        self._slots.release()
