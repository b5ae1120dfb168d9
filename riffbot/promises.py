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
from riffbot.inference.engine import Engine
from riffbot.inference.job import Riff
from riffbot.library.models import StoredJob, StoredRiff
from riffbot.library.records import Author, Origin
from riffbot.library.store import Library
from riffbot.rendering import Rendered
from riffbot.request import RiffRequest

log = logging.getLogger(__name__)

KEEP_TRYING_S = 300.0
"""How long a clip that is made waits for a library that another program holds."""

RETRY_S = 2.0


class Promises:
    """Writes jobs down and notes how they end, also where another program holds the library."""

    def __init__(self, engine: Engine, library: Library) -> None:
        self._engine = engine
        self._library = library
        self._background: set[asyncio.Task[None]] = set()

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
                return await self._library.finish_job(job_id, riff, rendered)
            except Unavailable as error:
                if time.monotonic() > until:
                    raise Postponed(
                        "The library cannot be written to just now. Your riff is not lost: it is "
                        "written down, and I make it again when I am started next."
                    ) from error
                log.warning("job %s waits for the library: %s", job_id, error)
                await asyncio.sleep(RETRY_S)

    async def note_end(self, job_id: str, error: BaseException) -> None:
        """Write down why there is no clip; when RiffBot stops, the next start finishes it.

        Never raises. Where the library cannot be written to just now, this goes on in the
        background: what its owner was told is to hold.
        """
        taken_back = isinstance(error, Cancelled | asyncio.CancelledError)
        if isinstance(error, Postponed | Conflict) or (taken_back and self._engine.closing):
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
