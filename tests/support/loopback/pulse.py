"""Waiting for the world to change, without polling it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from tests.support.patience import patience

T = TypeVar("T")


class Pulse:
    """Everybody who waits looks again whenever `beat` is called."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def beat(self) -> None:
        """Something changed."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    async def until(self, look: Callable[[], T | None], *, timeout_s: float, what: str) -> T:
        """What `look` returns once that is something (not None, not False).

        Raises:
            AssertionError: nothing after `timeout_s` seconds; the message says `what` was awaited.
        """
        try:
            async with patience(timeout_s):
                while True:
                    found = look()
                    if found is not None and found is not False:
                        return found
                    future = asyncio.get_running_loop().create_future()
                    self._waiting.add(future)
                    try:
                        await future
                    finally:
                        self._waiting.discard(future)
        except TimeoutError:
            raise AssertionError(f"waited {timeout_s:g} s in vain for {what}") from None
