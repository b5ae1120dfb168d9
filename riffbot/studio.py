"""The one road from a wish to a stored clip: for the bot, the page, replays and recovery."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence

from riffbot.clips import Clip, clip_of, stored_clip
from riffbot.composing import compose
from riffbot.composing.progress import of_many
from riffbot.errors import Cancelled, GenerationFailed, RiffBotError
from riffbot.images import Images
from riffbot.inference.engine import Engine
from riffbot.inference.job import Progress, Riff
from riffbot.inference.ticket import OnProgress
from riffbot.library.models import StoredJob
from riffbot.library.records import Author, Origin
from riffbot.library.store import Library
from riffbot.rendering import Rendered
from riffbot.replaying import Replaying, owner_of
from riffbot.request import RiffRequest
from riffbot.settings import Settings

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
"""A job that the model started on this often without an end is not tried again."""

OnTake = Callable[[int, Progress], None]


class Studio(Replaying):
    """Makes clips and keeps them.

    Every clip takes the same way: its job is written down, the engine makes the picture, a thread
    renders it, the library keeps row and files. A crash anywhere leaves an unfinished job for
    `resume`.
    """

    def __init__(
        self, engine: Engine, library: Library, settings: Settings, images: Images | None = None
    ) -> None:
        super().__init__(engine, library, settings, images)
        self._parts: dict[str, str] = {}  # job → the engine's name for what it computes of it now

    async def make(
        self,
        request: RiffRequest,
        *,
        author: Author,
        origin: Origin | None = None,
        parent: str | None = None,
        second_parent: str | None = None,
        on_progress: OnProgress | None = None,
        wants_preview: bool = False,
        deadline: float | None = None,
    ) -> Clip:
        """Make one clip and keep it.

        Cancelling the awaiting task cancels the job.

        Args:
            parent, second_parent: ids of the riffs that it is made from.
            on_progress, wants_preview, deadline: as for `Engine.submit`.

        Raises:
            BadRequest: the request is nonsense, or the parent is gone.
            Refused: the line is too long, or too many of the author's clips wait already.
            Cancelled: it was taken back.
            ModelError, GenerationFailed, StorageError: it could not be made or kept.
        """
        self._engine.check(owner_of(author))
        job = await self._library.create_job(
            request, author=author, origin=origin, parent=parent, second_parent=second_parent
        )
        return await self._carry_out(
            job, on_progress=on_progress, wants_preview=wants_preview, deadline=deadline
        )

    async def make_many(
        self,
        requests: Sequence[RiffRequest],
        *,
        author: Author,
        origin: Origin | None = None,
        parent: str | None = None,
        on_progress: OnTake | None = None,
        wants_preview: bool = False,
    ) -> AsyncIterator[tuple[int, Clip]]:
        """Make several clips of one member (see `takes`), each given as soon as it is done.

        They are let in together or not at all. Leaving early (`aclose`, cancellation) takes back
        what is not done.

        Args:
            on_progress: told the number of the request, from 0, and its progress.

        Yields:
            The number of the request and its clip.

        Raises:
            RiffBotError: what the first clip that failed raised, after all others were given.
        """
        self._engine.check(owner_of(author), len(requests))

        async def one(number: int) -> tuple[int, Clip]:
            listener = None if on_progress is None else lambda news: on_progress(number, news)
            clip = await self.make(
                requests[number],
                author=author,
                origin=origin,
                parent=parent,
                on_progress=listener,
                wants_preview=wants_preview,
            )
            return number, clip

        tasks = [asyncio.create_task(one(number)) for number in range(len(requests))]
        failure: RiffBotError | None = None
        try:
            for done in asyncio.as_completed(tasks):
                try:
                    yield await done
                except RiffBotError as error:
                    failure = failure or error
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if failure is not None:
            raise failure

    async def resume(
        self,
        job: StoredJob,
        *,
        on_progress: OnProgress | None = None,
        wants_preview: bool = False,
    ) -> Clip:
        """Finish a job of `Library.unfinished_jobs` after a crash; the door does not refuse it.

        Raises:
            GenerationFailed: it was tried `MAX_ATTEMPTS` times, and each time RiffBot went down.
            RiffBotError: as `make`.
        """
        if job.attempts >= MAX_ATTEMPTS:
            sentence = (
                f"I broke down {job.attempts} times while making this riff, so I gave up on it; "
                "please try other settings."
            )
            await self._library.fail_job(job.id, sentence)
            raise GenerationFailed(sentence)
        return await self._carry_out(
            job, on_progress=on_progress, wants_preview=wants_preview, promised=True
        )

    async def clip(self, riff_id: str) -> Clip:
        """A stored riff with its files.

        Raises:
            NotFound: it, or one of its files, is gone.
            StorageError: a file cannot be read.
        """
        return await stored_clip(self._library, riff_id)

    async def store(
        self,
        riff: Riff,
        rendered: Rendered,
        *,
        author: Author,
        origin: Origin | None = None,
        parent: str | None = None,
    ) -> Clip:
        """Keep a riff that was made elsewhere (a stretch of a jam).

        Raises:
            StorageError: the library cannot take it.
        """
        job = await self._library.create_job(
            riff.request, author=author, origin=origin, parent=parent
        )
        try:
            stored = await self._library.finish_job(job.id, riff, rendered)
        except (Exception, asyncio.CancelledError) as error:
            await asyncio.shield(self._note_end(job.id, error))
            raise
        return clip_of(stored, rendered, {})

    def cancel(self, job_id: str) -> bool:
        """Take back a job by its id; whether there was anything to take back."""
        return self._engine.cancel(self._parts.get(job_id, job_id)) > 0

    async def _carry_out(
        self,
        job: StoredJob,
        *,
        on_progress: OnProgress | None = None,
        wants_preview: bool = False,
        deadline: float | None = None,
        promised: bool = False,
    ) -> Clip:
        try:
            riff = await self._compute(job, on_progress, wants_preview, deadline, promised)
            started = time.monotonic()
            rendered = await asyncio.to_thread(self._render, riff)
            rendered_at = time.monotonic()
            stored = await self._library.finish_job(job.id, riff, rendered)
        except (Exception, asyncio.CancelledError) as error:
            await asyncio.shield(self._note_end(job.id, error))
            raise
        timings = {
            **riff.timings,
            "render_s": rendered_at - started,
            "store_s": time.monotonic() - rendered_at,
        }
        return clip_of(stored, rendered, timings, await self._library.credits(stored))

    async def _compute(
        self,
        job: StoredJob,
        on_progress: OnProgress | None,
        wants_preview: bool,
        deadline: float | None,
        promised: bool,
    ) -> Riff:
        """The job's picture, or all of its pictures as one."""

        async def submit(request: RiffRequest, number: int, count: int) -> Riff:
            # The engine may still be clearing away the picture before.
            part = self._parts[job.id] = job.id if number == 0 else f"{job.id}.{number}"
            return await self._engine.submit(
                request,
                deadline=deadline,
                owner=owner_of(job.author),
                on_progress=of_many(on_progress, number, count),
                wants_preview=wants_preview,
                job_id=part,
                on_start=(lambda: self._library.begin_job(job.id)) if number == 0 else None,
                # What was let in is finished, however long the line has become meanwhile.
                promised=promised or number > 0,
            )

        try:
            return await compose(job.request, self._images, submit)
        finally:
            self._parts.pop(job.id, None)

    async def _note_end(self, job_id: str, error: BaseException) -> None:
        """Write down why there is no clip; when RiffBot stops, the next start finishes it."""
        taken_back = isinstance(error, Cancelled | asyncio.CancelledError)
        if taken_back and self._engine.closing:
            return
        try:
            if taken_back:
                await self._library.cancel_job(job_id)
            else:
                await self._library.fail_job(job_id, str(error))
        except RiffBotError:
            log.exception("job %s: its end could not be noted", job_id)
