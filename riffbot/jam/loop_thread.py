"""A thread with an event loop for whatever lives as long as a jam does.

Jams run for days and wait most of the time. On the bot's own loop they would stand in the way of a
simulated Discord, whose clock only goes on when nobody waits, and a busy bot would stand in theirs.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class JamLoop:
    """Starts its thread at the first use; every method may be called from anywhere."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for it here; cancelling here cancels it there."""
        loop = self._running()
        try:
            if asyncio.get_running_loop() is loop:
                return await work
        except RuntimeError:
            pass
        waiting = asyncio.get_running_loop().create_future()
        home = asyncio.get_running_loop()
        task: asyncio.Task[T] | None = None

        def tell(done: asyncio.Task[T]) -> None:
            def answer() -> None:
                if waiting.done():
                    return
                if done.cancelled():
                    waiting.cancel()
                elif (error := done.exception()) is not None:
                    waiting.set_exception(error)
                else:
                    waiting.set_result(done.result())

            _call(home, answer)

        def begin() -> None:
            nonlocal task
            task = loop.create_task(work)
            task.add_done_callback(tell)

        self.call(begin)
        try:
            result: T = await waiting
            return result
        except asyncio.CancelledError:
            self.call(lambda: task.cancel() if task is not None else None)
            raise

    def call(self, function: Callable[[], Any]) -> None:
        """Call a function on the loop soon."""
        # A context of its own: what the caller's tasks are told by context variables (a simulated
        # clock, for example) is not for us.
        self._running().call_soon_threadsafe(function, context=contextvars.Context())

    def stop(self) -> None:
        """End the loop, what still runs on it, and its thread. A second call does nothing."""
        with self._lock:
            loop, self._loop = self._loop, None
            thread, self._thread = self._thread, None
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        if threading.current_thread() is not thread:
            thread.join()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_live, args=(self._loop,), name="riffbot-jams", daemon=True
                )
                self._thread.start()
            return self._loop


def _live(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(function)
    except RuntimeError:
        return  # whoever waited is gone with their loop
