"""The service that makes clips: from a request to a stored riff, for bot, page and recovery."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

from riffbot.clips.clip import Clip, build_clip, load_clip, render_clip
from riffbot.clips.importing import ClipImporter
from riffbot.clips.job_ledger import JobLedger
from riffbot.clips.job_runner import AcceptedJob, JobRunner
from riffbot.clips.pricing import Pricing
from riffbot.clips.replay import Replayer, requester_of
from riffbot.errors import Cancelled, Conflict, GenerationFailed, NotFound, RiffBotError
from riffbot.images import Images
from riffbot.inference.engine.engine import Engine
from riffbot.inference.engine.pending_job import OnProgress
from riffbot.inference.job import GeneratedRiff, Progress, Requester
from riffbot.library.instance_lock import InstanceLock
from riffbot.library.job_states import JobState
from riffbot.library.store import Library
from riffbot.library.tables import StoredJob
from riffbot.library.types import Author, Origin, classify_request
from riffbot.rendering import Rendered
from riffbot.request import RiffRequest
from riffbot.settings import Settings

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
"""A job that the model started on this often without an end is not tried again."""

OnTake = Callable[[int, Progress], None]
OnRiff = Callable[[str, float], None]


class ClipService:
    """Makes clips and stores them.

    Every clip takes the same steps: its job is stored, the engine computes the picture, a thread
    renders it, the library stores row and files. A crash at any step leaves an unfinished job for
    `resume`.

    Args:
        on_riff: called with the kind of a riff that was stored, and the seconds since it
            joined the queue.

    Attributes:
        pricing: what clips cost.
        importer: uploads and pictures, into the library and out of it.
        replayer: stored riffs and recipes, computed again.
    """

    def __init__(
        self,
        engine: Engine,
        library: Library,
        settings: Settings,
        images: Images | None = None,
        instance_lock: InstanceLock | None = None,
        *,
        on_riff: OnRiff | None = None,
    ) -> None:
        self._engine = engine
        self._library = library
        self._settings = settings
        self._on_riff = on_riff
        # Compositions lend their half-made pictures to the engine's pipeline through these.
        self._images = images or Images(settings.seed_images, library.files.path)
        self.pricing = Pricing(engine, self._images, settings.max_job_s)
        self.importer = ClipImporter(library, settings, self._images)
        self.replayer = Replayer(engine, library, settings, self._images, self.pricing)
        self._ledger = JobLedger(engine, library, instance_lock or InstanceLock())
        self._runner = JobRunner(engine, self._images, self.pricing, self._ledger)

    async def make(
        self,
        request: RiffRequest,
        *,
        author: Author,
        origin: Origin | None = None,
        parent: str | None = None,
        second_parent: str | None = None,
        job_id: str | None = None,
        on_progress: OnProgress | None = None,
        wants_preview: bool = False,
        deadline: float | None = None,
    ) -> Clip:
        """Make one clip and store it.

        Cancelling the awaiting task cancels the job.

        Args:
            parent, second_parent: ids of the riffs that it is made from.
            job_id: as for `JobRepository.create`.
            on_progress, wants_preview, deadline: as for `Engine.submit`.

        Raises:
            BadRequest: the request is nonsense, or the parent is gone.
            Refused: the queue is too long, or too many of the author's clips wait already.
            Cancelled: it was taken back.
            ModelError, GenerationFailed, StorageError: it could not be made or stored.
        """
        accepted = await self.accept(
            request,
            author=author,
            origin=origin,
            parent=parent,
            second_parent=second_parent,
            job_id=job_id,
        )
        return await self.carry_out(
            accepted, on_progress=on_progress, wants_preview=wants_preview, deadline=deadline
        )

    async def accept(
        self,
        request: RiffRequest,
        *,
        author: Author,
        origin: Origin | None = None,
        parent: str | None = None,
        second_parent: str | None = None,
        owner: Requester | None = None,
        job_id: str | None = None,
    ) -> AcceptedJob:
        """Admit one clip to the queue and store its job, which survives a crash from then on.

        Pass the result to `carry_out` or to `drop`. Cancelling the awaiting task stores nothing.

        Args:
            owner: whose turn in the queue it takes; the author's by default.
            job_id: as for `JobRepository.create`.

        Raises:
            BadRequest: its pictures do not fit together, it costs too much, or the parent is gone.
            Refused: the queue is too long, too many of the owner's clips wait already, or RiffBot
                is draining (`riffbot admin drain`).
            Unavailable: another program holds the library; nothing was stored.
            StorageError: the library cannot take it.
        """
        owner = requester_of(author) if owner is None else owner
        self._engine.check(owner)
        (await self._library.operator.get_status()).check()
        price, checked = await self.pricing.admit(request)
        reserved = self._engine.reserve(owner, *(price.requests if price is not None else ()))
        try:
            job = await self._ledger.create(
                request,
                author=author,
                origin=origin,
                parent=parent,
                second_parent=second_parent,
                job_id=job_id,
            )
        except BaseException:
            reserved.release()
            raise
        log.info("job %s is accepted: %s", job.id, classify_request(request))
        return AcceptedJob(job, owner, reserved, price, checked)

    async def drop(self, accepted: AcceptedJob) -> None:
        """Cancel what was accepted and never carried out."""
        accepted.reserved.release()
        await self._ledger.record_end(accepted.job.id, Cancelled("It was taken back."))

    def keep_for_restart(self, accepted: AcceptedJob) -> None:
        """Keep a job for the next start: cancelling `carry_out` from now on does not end it."""
        self._ledger.keep_for_restart(accepted.job.id)

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

        They are admitted together or not at all. Leaving early (`aclose`, cancellation) cancels
        those that are not done.

        Args:
            on_progress: called with the number of the request, from 0, and its progress.

        Yields:
            The number of the request and its clip.

        Raises:
            RiffBotError: what the first clip that failed raised, after all others were given.
        """
        self._engine.check(requester_of(author), len(requests))
        await self.pricing.admit_together(requests)

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
        """Finish a job of `JobRepository.unfinished` after a crash, however long the queue is.

        Raises:
            TooCostly: it is a piece that costs far more than one riff may; it was admitted
                while nothing was measured yet, and is ended with that sentence.
            GenerationFailed: it was tried `MAX_ATTEMPTS` times, and each time RiffBot went down.
            RiffBotError: as `make`.
        """
        try:
            return await self._resume(job, on_progress, wants_preview)
        except Conflict:
            with suppress(NotFound):
                return await self.clip(job.id)  # it was made meanwhile
            newest = await self._library.jobs.get(job.id)
            if newest.state != JobState.WAITING:
                raise
            # Who worked here before had lost the database, and has given its attempt back since.
            return await self._resume(newest, on_progress, wants_preview)

    async def _resume(
        self, job: StoredJob, on_progress: OnProgress | None, wants_preview: bool
    ) -> Clip:
        """Finish a job whose row is still as it was read.

        Raises:
            Conflict: it is not.
            RiffBotError: as `resume`.
        """
        if job.attempts >= MAX_ATTEMPTS:
            sentence = (
                f"I broke down {job.attempts} times while making this riff, so I gave up on it; "
                "please try other settings."
            )
            await self._library.jobs.fail(job.id, sentence, attempts=job.attempts)
            raise GenerationFailed(sentence)
        price = None
        with suppress(RiffBotError):  # what is wrong is raised by the runner
            price = await self.pricing.price(job.request)
        owner = requester_of(job.author)
        requests = price.requests if price is not None else ()
        reserved = self._engine.reserve(owner, *requests, is_admitted=True)
        checked = job.request.piece is None  # which alone may be far too dear
        accepted = AcceptedJob(job, owner, reserved, price, checked, resumed=True)
        return await self.carry_out(accepted, on_progress=on_progress, wants_preview=wants_preview)

    async def clip(self, riff_id: str) -> Clip:
        """A stored riff with its files.

        Raises:
            NotFound: it, or one of its files, is gone.
            StorageError: a file cannot be read.
        """
        return await load_clip(self._library, riff_id)

    async def store(
        self,
        riff: GeneratedRiff,
        rendered: Rendered,
        *,
        author: Author,
        origin: Origin | None = None,
        parent: str | None = None,
    ) -> Clip:
        """Store a riff that was made elsewhere (an excerpt of a jam).

        Raises:
            StorageError: the library cannot take it.
        """
        job = await self._library.jobs.create(
            riff.request, author=author, origin=origin, parent=parent
        )
        try:
            stored = await self._library.jobs.finish(job.id, riff, rendered)
        except (Exception, asyncio.CancelledError) as error:
            await asyncio.shield(self._ledger.record_end(job.id, error))
            raise
        return build_clip(stored, rendered, {})

    async def close(self) -> None:
        """Give back the attempts that a stop interrupted.

        To be called after the engine was closed and before the library is.
        """
        await self._ledger.close()

    def cancel(self, job_id: str) -> bool:
        """Cancel a job by its id; returns whether there was one to cancel."""
        return self._runner.cancel(job_id)

    async def carry_out(
        self,
        accepted: AcceptedJob,
        *,
        on_progress: OnProgress | None = None,
        wants_preview: bool = False,
        deadline: float | None = None,
    ) -> Clip:
        """Make what was accepted; arguments and errors are those of `make`.

        Raises:
            Conflict: the job has ended meanwhile, or another RiffBot makes it.
            Postponed: the library did not take it; its job stays for the next start.
        """
        job = accepted.job
        began = time.monotonic()
        try:
            riff = await self._runner.compute(accepted, on_progress, wants_preview, deadline)
            started = time.monotonic()
            rendered = await asyncio.to_thread(
                render_clip, riff, self._images, loudness_lufs=self._settings.loudness_lufs
            )
            rendered_at = time.monotonic()
            stored = await self._ledger.finish(job.id, riff, rendered)
        except (Exception, asyncio.CancelledError) as error:
            await asyncio.shield(self._ledger.record_end(job.id, error))
            raise
        finally:
            accepted.reserved.release()
        if self._on_riff is not None:
            self._on_riff(stored.kind, time.monotonic() - began)
        timings = {
            **riff.timings,
            "render_s": rendered_at - started,
            "store_s": time.monotonic() - rendered_at,
        }
        seconds = " ".join(f"{name}={value:.2f}" for name, value in timings.items())
        log.info("riff %s is stored: %s", stored.id, seconds)
        return build_clip(stored, rendered, timings, await self._library.riffs.credits(stored))
