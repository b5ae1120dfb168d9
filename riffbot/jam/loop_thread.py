"""The thread with the event loop on which all jams run.

Jams run for days and wait most of the time. On the bot's own loop they would delay a simulated
Discord, whose clock only advances when nothing waits, and a busy bot would delay them.

Threads of a jam:

    riffbot-jams          the one event loop of all jams: sessions, planners, stored rows
    riffbot-jam-player    one a jam: renders its timeline into its ring (`player.py`)
    riffbot-jam-clock     one a jam that no voice channel reads: reads its ring (`pacing.py`)
    callers               any thread or event loop: commands, the page, discord.py's voice player

Callers cross over with `LoopThread.run` and `call`; what they only read is immutable or locked
(`Timeline` behind the player's lock, `PacketRing`, `AudioHistory`).
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """An event loop on a thread of its own, started at the first use.

    Every method may be called from any thread.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    async def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for it; cancelling the wait cancels it there."""
        loop = self._ensure_started()
        try:
            if asyncio.get_running_loop() is loop:
                return await coroutine
        except RuntimeError:
            pass
        waiting = asyncio.get_running_loop().create_future()
        caller = asyncio.get_running_loop()
        task: asyncio.Task[T] | None = None

        def on_done(done: asyncio.Task[T]) -> None:
            def deliver() -> None:
                if waiting.done():
                    return
                if done.cancelled():
                    waiting.cancel()
                elif (error := done.exception()) is not None:
                    waiting.set_exception(error)
                else:
                    waiting.set_result(done.result())

            _call_soon(caller, deliver)

        def begin() -> None:
            nonlocal task
            task = loop.create_task(coroutine)
            task.add_done_callback(on_done)

        self.call(begin)
        try:
            result: T = await waiting
            return result
        except asyncio.CancelledError:
            self.call(lambda: task.cancel() if task is not None else None)
            raise

    def call(self, function: Callable[[], Any]) -> None:
        """Call a function on the loop soon."""
        # An empty context: the context variables of the caller's tasks (a simulated clock, for
        # example) must not apply here.
        self._ensure_started().call_soon_threadsafe(function, context=contextvars.Context())

    def stop(self) -> None:
        """Cancel what runs on the loop, end it and its thread. A second call does nothing."""
        with self._lock:
            loop, self._loop = self._loop, None
            thread, self._thread = self._thread, None
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        if threading.current_thread() is not thread:
            thread.join()

    def _ensure_started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_run_loop, args=(self._loop,), name="riffbot-jams", daemon=True
                )
                self._thread.start()
            return self._loop


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
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


def _call_soon(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(function)
    except RuntimeError:
        return  # the caller's loop is closed, so nobody waits any more
