"""Jobs as promises: written down as a whole or not at all, and ended as their owners were told."""

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
from riffbot.inference.job import Riff
from riffbot.library.instance_lock import Ownership
from riffbot.library.models import StoredJob, StoredRiff
from riffbot.library.store import Library
from riffbot.library.types import Author, Origin
from riffbot.rendering import Rendered
from riffbot.request import RiffRequest

log = logging.getLogger(__name__)

KEEP_TRYING_S = 300.0
"""How long a clip that is made waits for a library that another program holds."""

RETRY_S = 2.0


class Promises:
    """Writes jobs down and notes how they end, also where another program holds the library."""

    def __init__(self, engine: Engine, library: Library, ownership: Ownership) -> None:
        self._engine = engine
        self._library = library
        self._ownership = ownership
        self._background: set[asyncio.Task[None]] = set()
        self._begun: dict[str, int] = {}  # job → its attempts, with the one under way
        self._left: set[str] = set()  # jobs that a stop ends

    async def write_down(
        self,
        request: RiffRequest,
        *,
        author: Author,
        origin: Origin | None,
        parent: str | None,
        second_parent: str | None,
    ) -> StoredJob:
        """Write a job down. Whoever is cancelled meanwhile leaves none behind.

        Raises:
            NotFound: a parent is no longer in the library.
            Unavailable: another program holds the library; nothing was written.
            StorageError: the library cannot take it.
        """
        writing = asyncio.ensure_future(
            self._library.create_job(
                request, author=author, origin=origin, parent=parent, second_parent=second_parent
            )
        )
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            # A write that is cancelled in the middle may have happened all the same.
            self._in_background(self._unwritten(writing))
            raise

    async def begin(self, job: StoredJob) -> None:
        """The model starts on a job: one more attempt.

        Raises:
            NotFound: there is no such job (any more).
            Conflict: it has ended, or somebody else makes it.
        """
        # Before it is written: a write that is cancelled in the middle may have happened.
        self._begun[job.id] = job.attempts + 1
        try:
            await self._library.begin_job(job.id, attempts=job.attempts)
        except (NotFound, Conflict):
            self._begun.pop(job.id, None)
            raise

    def leave(self, job_id: str) -> None:
        """RiffBot stops: a job that is cancelled from now on is left to the next start."""
        self._left.add(job_id)

    async def close(self) -> None:
        """Give back every attempt that is still under way: a stop is no breakdown.

        Called after the engine was closed and before the library is. Never raises.
        """
        for job_id in list(self._begun):
            await self._give_back(job_id)

    async def _give_back(self, job_id: str) -> None:
        attempts = self._begun.get(job_id)
        if attempts is None:
            return
        if self._ownership.lost is not None:
            log.info("job %s: the RiffBot that works here now counts its attempts", job_id)
            self._begun.pop(job_id, None)
            return
        try:
            await self._library.give_back_job(job_id, attempts=attempts)
        except (Conflict, NotFound) as error:
            log.info("job %s: its attempt is not given back (%s)", job_id, error)
        except RiffBotError as error:
            log.warning("job %s: its attempt counts, although it was stopped: %s", job_id, error)
            return
        self._begun.pop(job_id, None)

    async def keep(self, job_id: str, riff: Riff, rendered: Rendered) -> StoredRiff:
        """Put a clip into the library, which may have to be waited for.

        Raises:
            Conflict: the job has ended meanwhile.
            Postponed: the library did not take it; the job stays written down.
            StorageError: the library cannot take it.
        """
        until = time.monotonic() + KEEP_TRYING_S
        while True:
            try:
                stored = await self._library.finish_job(job_id, riff, rendered)
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

    async def note_end(self, job_id: str, error: BaseException) -> None:
        """Write down why there is no clip; when RiffBot stops, the next start finishes it, and the
        attempt that the stop ended is given back.

        Never raises. Where the library cannot be written to just now, this goes on in the
        background: what its owner was told is to hold.
        """
        taken_back = isinstance(error, Cancelled | asyncio.CancelledError)
        if taken_back and (self._engine.is_closing or job_id in self._left):
            await self._give_back(job_id)
            return
        if isinstance(error, Postponed):
            return
        if isinstance(error, Conflict):
            self._begun.pop(job_id, None)  # whoever ended or began it counts the attempts
            return
        failure = None if taken_back else str(error)
        if not await self._noted(job_id, failure):
            self._in_background(self._noted_later(job_id, failure))

    async def _noted(self, job_id: str, failure: str | None) -> bool:
        """Note an end once; False where it should be tried again later."""
        try:
            if failure is None:
                await self._library.cancel_job(job_id)
            else:
                await self._library.fail_job(job_id, failure)
        except (Conflict, NotFound) as error:
            log.info("job %s: its end was noted already (%s)", job_id, error)
        except Unavailable:
            return False
        except RiffBotError:
            log.exception("job %s: its end could not be noted", job_id)
        self._begun.pop(job_id, None)
        return True

    async def _noted_later(self, job_id: str, failure: str | None) -> None:
        while True:
            await asyncio.sleep(RETRY_S)
            if await self._noted(job_id, failure):
                return

    async def _unwritten(self, writing: asyncio.Future[StoredJob]) -> None:
        """Take back a job whose asker left while it was written down."""
        with suppress(RiffBotError):
            job = await writing
            await self.note_end(job.id, Cancelled("It was taken back."))

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
