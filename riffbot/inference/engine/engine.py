"""One queue, one worker thread, one model: `await engine.submit(request)` gives a riff."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from riffbot.errors import Cancelled
from riffbot.inference.engine.admission import AdmissionLimits
from riffbot.inference.engine.dispatcher import Dispatcher, belongs_to, cancelled_error
from riffbot.inference.engine.pending_job import OnProgress, OnStart, PendingJob
from riffbot.inference.engine.protocols import PipelineLike
from riffbot.inference.engine.reservations import Reservation
from riffbot.inference.engine.throughput import sequential_seconds
from riffbot.inference.engine.worker import OnPicture, Worker, batch_limit
from riffbot.inference.job import GeneratedRiff, Job, Progress, Requester, new_id
from riffbot.request import RiffRequest

__all__ = [
    "Engine",
    "GeneratedRiff",
    "Progress",
    "Requester",
    "Reservation",
    "Stats",
    "batch_limit",
]


_LAST_STEP_S = 30.0
"""How long to wait for the step under way, which nothing can interrupt."""


STOP_GRACE_S = 0.8
"""Seconds that a process which is told to stop waits for the running batch: a clip that is nearly
done is finished, the others are made at the next start."""


@dataclass(frozen=True)
class Stats:
    """How the engine is doing, for health pages and the doctor.

    Attributes:
        state: `loading` the model, `ready`, `broken` (the model failed to load) or `closed`.
        queued, running: clips waiting and being computed.
        done, failed, cancelled: clips since the start.
        seconds_per_clip: measured, the median of the last; None before the first.
        real_time_factor: seconds of sound made in one second; above 1 a jam can be sustained.
    """

    state: str
    queued: int
    running: int
    done: int
    failed: int
    cancelled: int
    seconds_per_clip: float | None
    real_time_factor: float | None


class Engine:
    """Makes clips, one batch at a time, in a fair order, from any number of event loops.

    The worker thread starts at once and loads the model; clips may be submitted from then on and
    wait for it. Nothing waits on an event loop while the engine is idle.

    Args:
        load: makes the pipeline; called once, in the worker's thread. What it raises answers
            every job.
        max_batch: most clips computed together, see `batch_limit`.
        max_wait_s: a clip that would wait longer is refused.
        max_jobs_per_member: further clips are refused while a member has this many waiting.
        max_work_s: a clip is refused if its member's waiting clips would take longer in all.
        warm_up: a cheap request to run once the model is there, if nobody waits yet, so that
            the first member gets an honest estimate.
        on_picture: called in the worker's thread with what was made: `clip` or `chunk` (of a jam),
            the seconds that it waited and the seconds that it took.
    """

    def __init__(
        self,
        load: Callable[[], PipelineLike],
        *,
        max_batch: int = 4,
        max_wait_s: float = 600.0,
        max_jobs_per_member: int = 10,
        max_work_s: float = 1800.0,
        warm_up: RiffRequest | None = None,
        on_picture: OnPicture | None = None,
    ) -> None:
        self._dispatcher = Dispatcher(AdmissionLimits(max_wait_s, max_jobs_per_member, max_work_s))
        self._worker = Worker(
            self._dispatcher, load, max_batch=max_batch, warm_up=warm_up, on_picture=on_picture
        )
        self._cancelled = 0
        self._worker.start()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def is_closing(self) -> bool:
        """Whether `close` was called: jobs that end now may be finished at the next start."""
        return self._worker.closing

    def check(self, owner: Requester | None, count: int = 1) -> None:
        """Check whether `count` more clips of this owner would be admitted.

        Raises:
            Refused: too many of their clips wait already.
            ModelError: the model could not be loaded.
        """
        self._dispatcher.check(owner, count)

    def reserve(
        self, owner: Requester, *requests: RiffRequest, is_admitted: bool = False
    ) -> Reservation:
        """Admit one clip and reserve its place in the queue until the reservation is released.

        Args:
            requests: all of its pictures, resolved, in order; none where they are not known (yet).
            is_admitted: it was admitted already, before a restart; only a closed queue refuses it.

        Raises:
            Refused: it would have to wait too long, or too much of the owner's waits already.
            ModelError: the model could not be loaded.
        """
        return self._dispatcher.reserve(owner, *requests, is_admitted=is_admitted)

    def announce_requests(
        self, reserved: Reservation, remaining: Sequence[RiffRequest], *, is_admitted: bool = False
    ) -> None:
        """Record the pictures of a clip that was admitted before they were known.

        Args:
            is_admitted: it was admitted already, before a restart, and is not refused.

        Raises:
            Refused: they are too much work together with what its owner has waiting.
        """
        self._dispatcher.announce_requests(reserved, remaining, is_admitted=is_admitted)

    @property
    def is_idle(self) -> bool:
        """Whether no job runs or waits, and no admitted clip is unfinished."""
        return self._dispatcher.is_idle

    @property
    def has_clips(self) -> bool:
        """Whether a clip without a deadline (not a jam's chunk) runs, waits or is reserved."""
        return self._dispatcher.has_clips

    def resolve(self, request: RiffRequest) -> RiffRequest | None:
        """The request of a single picture, filled from the model. Opens picture files.

        Returns:
            None while the model loads.

        Raises:
            BadRequest: the request is nonsense for this model.
        """
        job = Job(request)
        self._worker.resolve(job)
        return job.request if job.key is not None else None

    @property
    def knows_harmony(self) -> bool | None:
        """Whether the model is told the key and the chords; None while it loads."""
        return self._worker.knows_harmony

    def estimate_seconds(self, requests: Sequence[RiffRequest]) -> float | None:
        """How long this machine would compute resolved pictures one after the other, in seconds.

        Returns:
            None before anything was measured, unless there is nothing to do.
        """
        return sequential_seconds(self._dispatcher.throughput, requests)

    async def submit(
        self,
        request: RiffRequest,
        *,
        deadline: float | None = None,
        owner: Requester | None = None,
        on_progress: OnProgress | None = None,
        wants_preview: bool = False,
        job_id: str | None = None,
        on_start: OnStart | None = None,
        promised: bool = False,
        reserved: Reservation | None = None,
        batch: int = 1,
    ) -> GeneratedRiff:
        """Make one clip.

        Cancelling the awaiting task cancels the job; a running one stops at its next step.

        Args:
            request: fields left None are filled from the model.
            deadline: `time.monotonic()` at which the picture is needed. Such jobs go first,
                earliest first; where it would be missed, before the next step of what is
                running. The others share what is left fairly.
            owner: who asks. None is the machine's own owner, who is never refused.
            on_progress: called on this event loop with news, the newest only when it is busy.
            wants_preview: decode the unfinished picture for `on_progress`, at most every 2 s.
            job_id: a name for `cancel`; a new one by default.
            on_start: awaited on this event loop just before the model starts on the job.
            promised: the job was admitted already (see `reserve`, or before a restart), so that it
                is not refused.
            reserved: the place that was kept for its clip; as soon as this picture waits in the
                queue itself, it no longer counts among those to come.
            batch: `GeneratedRiff.batch` of the clip to be repeated to the bit; the job then runs
                alone, in a batch of that many copies.

        Raises:
            BadRequest: the request is nonsense for this model.
            Refused: it cannot be done in time, or the member has too many waiting.
            Cancelled: it was cancelled, or the engine was closed.
            ModelError: the model could not be loaded.
            GenerationFailed: the model ran and broke.
        """
        self._dispatcher.check(None)
        job = Job(
            request,
            owner=owner,
            deadline=deadline,
            repeat=batch,
            id=job_id or new_id(),
            wants_preview=wants_preview,
        )
        if request.seed_image is None:
            self._worker.resolve(job)
        else:  # opens picture files
            await asyncio.to_thread(self._worker.resolve, job)
        pending = PendingJob(job, on_progress, on_start)
        is_admitted = promised or (reserved is not None and deadline is None)
        self._dispatcher.enqueue(pending, is_admitted=is_admitted)
        if reserved is not None:
            reserved.mark_queued()
        try:
            return await pending.result
        except asyncio.CancelledError:
            self.cancel(job.id)
            raise

    def cancel(self, what: str | Requester) -> int:
        """Cancel a job by its id, or all jobs of a member; running ones stop at their next step.

        Returns:
            How many jobs were cancelled; 0 when there was nothing (any more) to cancel.
        """
        wanted = belongs_to(what) if isinstance(what, Requester) else lambda job: job.id == what
        count = self._dispatcher.cancel(wanted, cancelled_error())
        self._cancelled += count
        return count

    def stats(self) -> Stats:
        """A snapshot of how the engine is doing."""
        meter = self._dispatcher.throughput
        return Stats(
            state=self._worker.state,
            queued=self._dispatcher.queued,
            running=self._dispatcher.running,
            done=self._worker.done,
            failed=self._worker.failed,
            cancelled=self._cancelled,
            seconds_per_clip=meter.seconds_per_clip,
            real_time_factor=meter.real_time_factor,
        )

    async def close(self, *, grace_s: float = 10.0, last_step_s: float = _LAST_STEP_S) -> None:
        """Stop: queued jobs answer Cancelled, the running batch gets `grace_s` to finish.

        After that it is cancelled at its next step, which is waited for `last_step_s`. A model
        that is still being loaded is left to its thread, which ends by itself. A second call does
        nothing.
        """
        self._worker.closing = True
        stopping = Cancelled("RiffBot is stopping, so the riff was not made.")
        self._dispatcher.close(stopping)
        if self._worker.state == "loading":
            return
        if await asyncio.to_thread(self._worker.join, grace_s):
            return
        self._dispatcher.cancel(lambda _: True, stopping)
        await asyncio.to_thread(self._worker.join, last_step_s)
