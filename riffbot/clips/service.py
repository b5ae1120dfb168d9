"""The one road from a wish to a stored clip: for the bot, the page, replays and recovery."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from riffbot.clips.clip import Clip, clip_of, stored_clip
from riffbot.clips.job_ledger import Promises
from riffbot.clips.pricing import Price
from riffbot.clips.replay import Replaying, owner_of
from riffbot.composition import compose
from riffbot.composition.progress import of_many
from riffbot.errors import Cancelled, Conflict, GenerationFailed, NotFound, RiffBotError
from riffbot.images import Images
from riffbot.inference.engine.engine import Engine, Reservation
from riffbot.inference.engine.pending_job import OnProgress
from riffbot.inference.job import Owner, Progress, Riff
from riffbot.library.instance_lock import Ownership
from riffbot.library.models import StoredJob
from riffbot.library.store import Library
from riffbot.library.types import Author, Origin
from riffbot.rendering import Rendered
from riffbot.request import RiffRequest
from riffbot.settings import Settings

MAX_ATTEMPTS = 3
"""A job that the model started on this often without an end is not tried again."""

OnTake = Callable[[int, Progress], None]


@dataclass(eq=False)
class Accepted:
    """A clip that was let in and written down: what is left is to make it.

    Attributes:
        job: its row.
        owner: whose turns it is made in.
        reserved: its place in the queue, and its pictures to come.
        price: what it costs; None while the model loads.
        checked: whether the price was found to be no more than one riff may cost.
        resumed: it was let in before a restart.
    """

    job: StoredJob
    owner: Owner
    reserved: Reservation
    price: Price | None
    checked: bool
    resumed: bool = False


class Studio(Replaying):
    """Makes clips and keeps them.

    Every clip takes the same way: its job is written down, the engine makes the picture, a thread
    renders it, the library keeps row and files. A crash anywhere leaves an unfinished job for
    `resume`.
    """

    def __init__(
        self,
        engine: Engine,
        library: Library,
        settings: Settings,
        images: Images | None = None,
        ownership: Ownership | None = None,
    ) -> None:
        super().__init__(engine, library, settings, images)
        self._parts: dict[str, str] = {}  # job → the engine's name for what it computes of it now
        self._promises = Promises(engine, library, ownership or Ownership())

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
        accepted = await self.accept(
            request, author=author, origin=origin, parent=parent, second_parent=second_parent
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
        owner: Owner | None = None,
    ) -> Accepted:
        """Let one clip in and write it down; from then on it is a promise.

        What is returned goes to `carry_out` or to `drop`. Cancelling the awaiting task leaves
        nothing written.

        Args:
            owner: whose turns it is made in; the author's by default.

        Raises:
            BadRequest: its pictures do not fit together, it costs too much, or the parent is gone.
            Refused: the line is too long, or too many of the owner's clips wait already.
            Unavailable: another program holds the library; nothing was written down.
            StorageError: the library cannot take it.
        """
        owner = owner_of(author) if owner is None else owner
        self._engine.check(owner)
        price, checked = await self.pricing.admit(request)
        reserved = self._engine.reserve(owner, *(price.pictures if price is not None else ()))
        try:
            job = await self._promises.write_down(
                request, author=author, origin=origin, parent=parent, second_parent=second_parent
            )
        except BaseException:
            reserved.release()
            raise
        return Accepted(job, owner, reserved, price, checked)

    async def drop(self, accepted: Accepted) -> None:
        """Take back what was accepted and never carried out."""
        accepted.reserved.release()
        await self._promises.note_end(accepted.job.id, Cancelled("It was taken back."))

    def leave(self, accepted: Accepted) -> None:
        """RiffBot stops: from now on, cancelling `carry_out` leaves this to the next start."""
        self._promises.leave(accepted.job.id)

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
        """Finish a job of `Library.unfinished_jobs` after a crash, however long the queue is.

        Raises:
            TooCostly: it is a piece that costs far more than one riff may; it was let in while
                nothing was measured yet, and is ended with that sentence.
            GenerationFailed: it was tried `MAX_ATTEMPTS` times, and each time RiffBot went down.
            RiffBotError: as `make`.
        """
        try:
            return await self._resume(job, on_progress, wants_preview)
        except Conflict:
            with suppress(NotFound):
                return await self.clip(job.id)  # it was made meanwhile
            newest = await self._library.get_job(job.id)
            if newest.state != "waiting":
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
            await self._library.fail_job(job.id, sentence, attempts=job.attempts)
            raise GenerationFailed(sentence)
        price = None
        with suppress(RiffBotError):  # what is wrong with it will be told
            price = await self.pricing.price(job.request)
        owner = owner_of(job.author)
        pictures = price.pictures if price is not None else ()
        reserved = self._engine.reserve(owner, *pictures, promised=True)
        checked = job.request.piece is None  # which alone may be far too dear
        accepted = Accepted(job, owner, reserved, price, checked, resumed=True)
        return await self.carry_out(accepted, on_progress=on_progress, wants_preview=wants_preview)

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
            await asyncio.shield(self._promises.note_end(job.id, error))
            raise
        return clip_of(stored, rendered, {})

    async def close(self) -> None:
        """Let no attempt count that a stop ended; after the engine's end, before the library's."""
        await self._promises.close()

    def cancel(self, job_id: str) -> bool:
        """Take back a job by its id; whether there was anything to take back."""
        return self._engine.cancel(self._parts.get(job_id, job_id)) > 0

    async def carry_out(
        self,
        accepted: Accepted,
        *,
        on_progress: OnProgress | None = None,
        wants_preview: bool = False,
        deadline: float | None = None,
    ) -> Clip:
        """Make what was accepted; arguments and errors are those of `make`.

        Raises:
            Conflict: the job has ended meanwhile, or another RiffBot makes it.
            Postponed: the library did not take it; it stays written down for the next start.
        """
        job = accepted.job
        try:
            riff = await self._compute(accepted, on_progress, wants_preview, deadline)
            started = time.monotonic()
            rendered = await asyncio.to_thread(self._render, riff)
            rendered_at = time.monotonic()
            stored = await self._promises.keep(job.id, riff, rendered)
        except (Exception, asyncio.CancelledError) as error:
            await asyncio.shield(self._promises.note_end(job.id, error))
            raise
        finally:
            accepted.reserved.release()
        timings = {
            **riff.timings,
            "render_s": rendered_at - started,
            "store_s": time.monotonic() - rendered_at,
        }
        return clip_of(stored, rendered, timings, await self._library.credits(stored))

    async def _compute(
        self,
        accepted: Accepted,
        on_progress: OnProgress | None,
        wants_preview: bool,
        deadline: float | None,
    ) -> Riff:
        """The job's picture, or all of its pictures as one."""
        job = accepted.job

        async def submit(request: RiffRequest, number: int, count: int) -> Riff:
            if number > 0 and accepted.price is None:  # it was let in while the model loaded
                accepted.price = await self.pricing.price(job.request)
            price = accepted.price
            if not accepted.checked:
                self._check(accepted, number)
            rest_s = None if price is None else price.seconds(self._engine, after=number + 1)
            # The engine may still be clearing away the picture before.
            part = self._parts[job.id] = job.id if number == 0 else f"{job.id}.{number}"
            return await self._engine.submit(
                request,
                deadline=deadline,
                owner=accepted.owner,
                on_progress=of_many(on_progress, number, count, rest_s),
                wants_preview=wants_preview,
                job_id=part,
                on_start=partial(self._promises.begin, job) if number == 0 else None,
                # What was let in is finished, however long the line has become meanwhile.
                promised=accepted.resumed or number > 0,
                reserved=accepted.reserved,
            )

        try:
            return await compose(job.request, self._images, submit)
        finally:
            self._parts.pop(job.id, None)

    def _check(self, accepted: Accepted, number: int) -> None:
        """Refuse what costs too much and was let in before anything was measured.

        Args:
            number: its next picture, from 0.

        Raises:
            TooCostly: it costs too much by itself.
            Refused: it does, together with what its owner has waiting.
        """
        price, resumed = accepted.price, accepted.resumed
        accepted.checked = self.pricing.check(price, resumed=resumed) is not None
        if accepted.checked and price is not None:
            self._engine.announce_pictures(
                accepted.reserved, price.pictures[number:], promised=resumed
            )
