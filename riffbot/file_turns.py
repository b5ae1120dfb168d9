"""Reading people's files: a few at a time, in threads of their own, and not endlessly many waiting.

A file may take a minute to decode. In asyncio's shared threads a handful of such files would keep
everything else waiting that runs there: reading the library, rendering, pictures of the page.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from riffbot.errors import Refused

WAITING = 16
"""Files that may wait for their turn."""

_THREADS = 3
"""Two for Discord and one for the page, as their turns allow."""

_FULL = "Too many files are being read just now; please try again in a moment."

P = ParamSpec("P")
T = TypeVar("T")

_threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="file")


async def in_file_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """As `asyncio.to_thread`, for what decodes a file."""
    call = functools.partial(function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_threads, call)


class FileTurns:
    """A semaphore that admits some files at a time and lets only so many wait.

    Args:
        at_once: files that are read at a time.
        waiting: files that may wait; further ones are refused.
    """

    def __init__(self, at_once: int, *, waiting: int = WAITING) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._most, self._waiting = waiting, 0

    async def __aenter__(self) -> None:
        """Wait for a turn. Raises Refused when too many wait."""
        if self._turns.locked() and self._waiting >= self._most:
            raise Refused(_FULL)
        self._waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self._waiting -= 1

    async def __aexit__(self, *_: Any) -> None:
        """Give the turn to the next."""
        self._turns.release()
