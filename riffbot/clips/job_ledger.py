"""Job ledger: stores jobs atomically, and records how they end even while the library is busy."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from riffbot.errors import (
    Cancelled,
    Conflict,
    NotFound,
    Postponed,
    RiffBotError,
    Unavailable,
)
from riffbot.inference.engine.engine import Engine
from riffbot.inference.job import GeneratedRiff
from riffbot.library.instance_lock import InstanceLock
from riffbot.library.store import Library
from riffbot.library.tables import StoredJob, StoredRiff
from riffbot.library.types import Author, Origin
from riffbot.rendering import Rendered
from riffbot.request import RiffRequest

log = logging.getLogger(__name__)

STORE_TIMEOUT_S = 300.0
"""How long a finished clip waits for a library that another program holds, in seconds."""

RETRY_S = 2.0


class JobLedger:
    """Creates jobs and records how they end, even while another program holds the library."""

    def __init__(self, engine: Engine, library: Library, instance_lock: InstanceLock) -> None:
        self._engine = engine
        self._library = library
        self._instance_lock = instance_lock
        self._background: set[asyncio.Task[None]] = set()
        self._begun: dict[str, int] = {}  # job → its attempts, with the one under way
        self._kept_for_restart: set[str] = set()  # ids of jobs

    async def create(
        self,
        request: RiffRequest,
        *,
        author: Author,
        origin: Origin | None,
        parent: str | None,
        second_parent: str | None,
        job_id: str | None = None,
    ) -> StoredJob:
        """Store a new job. A task that is cancelled meanwhile leaves none behind.

        Raises:
            NotFound: a parent is no longer in the library.
            Unavailable: another program holds the library; nothing was written.
            StorageError: the library cannot take it.
        """
        writing = asyncio.ensure_future(
            self._library.jobs.create(
                request,
                author=author,
                origin=origin,
                parent=parent,
                second_parent=second_parent,
                job_id=job_id,
            )
        )
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            # A write that is cancelled in the middle may have happened all the same.
            self._in_background(self._withdraw(writing))
            raise

    async def begin(self, job: StoredJob) -> None:
        """Record that the model starts a job: one more attempt.

        Raises:
            NotFound: the job does not exist (any more).
            Conflict: the job has ended, or another RiffBot is computing it.
        """
        # Before it is written: a write that is cancelled in the middle may have happened.
        self._begun[job.id] = job.attempts + 1
        try:
            await self._library.jobs.begin(job.id, attempts=job.attempts)
        except (NotFound, Conflict):
            self._begun.pop(job.id, None)
            raise

    def keep_for_restart(self, job_id: str) -> None:
        """Keep a job for the next start: cancelling it from now on does not end it."""
        self._kept_for_restart.add(job_id)

    async def close(self) -> None:
        """Give back every attempt that is still under way: an orderly stop is no failure.

        Called after the engine was closed and before the library is. Never raises.
        """
        for job_id in list(self._begun):
            await self._uncount_attempt(job_id)

    async def _uncount_attempt(self, job_id: str) -> None:
        attempts = self._begun.get(job_id)
        if attempts is None:
            return
        if self._instance_lock.lost is not None:
            log.info("job %s: the RiffBot that works here now counts its attempts", job_id)
            self._begun.pop(job_id, None)
            return
        try:
            await self._library.jobs.uncount_attempt(job_id, attempts=attempts)
        except (Conflict, NotFound) as error:
            log.info("job %s: its attempt is not given back (%s)", job_id, error)
        except RiffBotError as error:
            log.warning("job %s: its attempt counts, although it was stopped: %s", job_id, error)
            return
        self._begun.pop(job_id, None)

    async def finish(self, job_id: str, riff: GeneratedRiff, rendered: Rendered) -> StoredRiff:
        """Store a job's clip; waits up to `STORE_TIMEOUT_S` for a library that is busy.

        Raises:
            Conflict: the job has ended meanwhile.
            Postponed: the library did not take it; the job stays stored.
            StorageError: the library cannot take it.
        """
        until = time.monotonic() + STORE_TIMEOUT_S
        while True:
            try:
                stored = await self._library.jobs.finish(job_id, riff, rendered)
            except Unavailable as error:
                if time.monotonic() > until:
                    raise Postponed(
                        "The library cannot be written to just now. Your riff is not lost: it is "
                        "written down, and I make it again when I am started next."
                    ) from error
                log.warning("job %s waits for the library: %s", job_id, error)
                await asyncio.sleep(RETRY_S)
            else:
                self._begun.pop(job_id, None)
                return stored

    async def record_end(self, job_id: str, error: BaseException) -> None:
        """Record why there is no clip.

        When RiffBot stops, the job stays for the next start instead, and the attempt that the stop
        interrupted is given back.

        Never raises. If the library is busy, this continues in the background: the row must say
        what the author was told.
        """
        is_cancelled = isinstance(error, Cancelled | asyncio.CancelledError)
        if is_cancelled and (self._engine.is_closing or job_id in self._kept_for_restart):
            await self._uncount_attempt(job_id)
            return
        if isinstance(error, Postponed):
            return
        if isinstance(error, Conflict):
            self._begun.pop(job_id, None)  # the process that ended or began it counts the attempts
            return
        failure = None if is_cancelled else str(error)
        if not await self._try_record(job_id, failure):
            self._in_background(self._retry_record(job_id, failure))

    async def _try_record(self, job_id: str, failure: str | None) -> bool:
        """Try to record an end once; returns False if it should be tried again later."""
        try:
            if failure is None:
                await self._library.jobs.cancel(job_id)
            else:
                await self._library.jobs.fail(job_id, failure)
        except (Conflict, NotFound) as error:
            log.info("job %s: its end was noted already (%s)", job_id, error)
        except Unavailable:
            return False
        except RiffBotError:
            log.exception("job %s: its end could not be noted", job_id)
        self._begun.pop(job_id, None)
        return True

    async def _retry_record(self, job_id: str, failure: str | None) -> None:
        while True:
            await asyncio.sleep(RETRY_S)
            if await self._try_record(job_id, failure):
                return

    async def _withdraw(self, writing: asyncio.Future[StoredJob]) -> None:
        """Cancel a job whose task was cancelled while it was stored."""
        with suppress(RiffBotError):
            job = await writing
            await self.record_end(job.id, Cancelled("It was taken back."))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
