"""A submitted job: carries progress and the result from the worker to its event loop."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace

from riffbot.errors import Conflict, NotFound
from riffbot.inference.job import GeneratedRiff, Job, Progress

log = logging.getLogger(__name__)

OnProgress = Callable[[Progress], None]
OnStart = Callable[[], Awaitable[None]]

_START_TIMEOUT_S = 30.0


class PendingJob:
    """A job with its submitter's event loop and callbacks.

    Every method may be called from any thread; callbacks and the future are only touched on the
    submitter's own loop. Progress is coalesced: a busy loop gets the newest only.
    """

    def __init__(
        self, job: Job, on_progress: OnProgress | None = None, on_start: OnStart | None = None
    ) -> None:
        self.job = job
        self._loop = asyncio.get_running_loop()
        self.result: asyncio.Future[GeneratedRiff] = self._loop.create_future()
        self._on_progress = on_progress
        self._on_start = on_start
        self._lock = threading.Lock()
        self._news: Progress | None = None
        self._last_position: int | None = None

    def report_progress(self, news: Progress) -> None:
        """Pass progress on; an undelivered preview survives newer progress without one."""
        if self._on_progress is None:
            return
        with self._lock:
            unread, self._news = self._news, news
            if unread is not None and news.preview is None:
                self._news = replace(news, preview=unread.preview)
        if unread is None:
            self._call(self._deliver)

    def report_position(self, position: int, eta_s: float | None) -> None:
        """Pass the queue position on, if it changed."""
        if position != self._last_position:
            self._last_position = position
            self.report_progress(Progress(self.job.id, "queued", position, eta_s))

    def run_start_hook(self) -> None:
        """Run the submitter's start hook on its loop and wait for it (worker thread only).

        Raises:
            Conflict, NotFound: the hook says that the job must not start.
        """
        if self._on_start is None:
            return
        hook = self._on_start

        async def run() -> None:
            await hook()

        coroutine = run()
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:  # the loop is closed, and its tasks with it
            coroutine.close()
            return
        try:
            future.result(_START_TIMEOUT_S)
        except (Conflict, NotFound):
            raise
        except Exception:
            log.exception("job %s: its start could not be noted", self.job.id)

    def set_result(self, riff: GeneratedRiff) -> None:
        """Resolve the future with a clip."""
        self._call(lambda: None if self.result.done() else self.result.set_result(riff))

    def set_error(self, error: Exception) -> None:
        """Resolve the future with an error."""
        self._call(lambda: None if self.result.done() else self.result.set_exception(error))

    def _deliver(self) -> None:
        with self._lock:
            news, self._news = self._news, None
        if news is None or self._on_progress is None or self.result.done():
            return
        try:
            self._on_progress(news)
        except Exception:
            log.exception("job %s: its progress listener failed", self.job.id)

    def _call(self, function: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            log.debug("job %s: its event loop is gone", self.job.id)
