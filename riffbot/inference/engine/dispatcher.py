"""The dispatcher between event loops and the worker: the fair queue with a lock and a clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from riffbot.clock import monotonic
from riffbot.errors import Cancelled, Refused, RiffBotError
from riffbot.inference.engine.admission import AdmissionLimits, outstanding_work
from riffbot.inference.engine.fair_queue import FairQueue
from riffbot.inference.engine.pending_job import PendingJob
from riffbot.inference.engine.reservations import Reservation, Reservations
from riffbot.inference.engine.throughput import (
    ThroughputMeter,
    completion_times,
    sequential_seconds,
)
from riffbot.inference.job import Job, Owner
from riffbot.request import RiffRequest

_SLACK_S = 1.5
"""A deadline that would be met by less than this counts as missed: estimates are estimates."""


@dataclass
class _Batch:
    """Tickets that run together, and when they are expected to be done (`monotonic`)."""

    pending: list[PendingJob]
    until: float

    @property
    def urgent(self) -> bool:
        return any(pending_job.job.deadline is not None for pending_job in self.pending)


class Dispatcher:
    """Thread-safe: any number of event loops submit jobs, one worker takes batches out.

    Args:
        limits: what may wait; `max_wait_s` is also the wait after which nobody is overtaken.
    """

    def __init__(self, limits: AdmissionLimits) -> None:
        self._limits = limits
        self._changed = threading.Condition()
        self._queue = FairQueue(patience_s=limits.max_wait_s)
        self._pending: dict[str, PendingJob] = {}  # waiting and running
        self._running: list[_Batch] = []  # the last one overtook the one before it
        self._reservations = Reservations()
        self._closing: RiffBotError | None = None
        self.throughput = ThroughputMeter()
        self.batch_limit = 1

    @property
    def queued(self) -> int:
        """How many wait."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """How many are being computed now."""
        return sum(len(batch.pending) for batch in self._running)

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs, waits, or was let in and has not ended yet."""
        return not (self._pending or self._running or self._reservations)

    @property
    def has_clips(self) -> bool:
        """Whether a clip without a deadline (not a jam's chunk) runs, waits, or was let in."""
        with self._changed:
            return bool(self._reservations) or any(
                pending.job.deadline is None for pending in self._pending.values()
            )

    # -- the event loops' side ------------------------------------------------------------------

    def check(self, owner: Owner | None, count: int = 1) -> None:
        """Raise what `enqueue` would raise for `count` more clips of this owner.

        Raises:
            Refused: too many of the member's clips wait already.
            RiffBotError: the dispatcher is closed (shutdown, or a model that failed to load).
        """
        with self._changed:
            self._check(owner, count)

    def _check(self, owner: Owner | None, count: int) -> None:
        if self._closing is not None:
            raise type(self._closing)(str(self._closing))
        if owner is not None:
            self._limits.check_count(self._queue, self._reservations, owner, count)

    def reserve(self, owner: Owner, *pictures: RiffRequest, promised: bool = False) -> Reservation:
        """Ask for one clip, and keep its place until it is released.

        Args:
            pictures: all of its pictures, resolved, in order; none where they are not known yet,
                or where it needs no model.
            promised: as for `enqueue`.

        Raises:
            Refused: as `enqueue` would refuse it, or it would wait too long for its last picture.
            RiffBotError: the dispatcher is closed.
        """
        with self._changed:
            if not promised:
                self._check(owner, 1)
                self._check_work(owner, pictures)
                if pictures and (refusal := self._refusal_of_clip(owner, pictures)):
                    raise refusal
            return self._reservations.add(owner, pictures, self._release)

    def announce_pictures(
        self, reserved: Reservation, remaining: Sequence[RiffRequest], *, promised: bool = False
    ) -> None:
        """What was let in before its pictures were known has these still to come.

        Args:
            promised: as for `enqueue`.

        Raises:
            Refused: they are too much work together with what its owner has waiting.
        """
        with self._changed:
            reserved.remaining = ()
            if not promised:
                self._check_work(reserved.owner, remaining)
            reserved.remaining = tuple(remaining)

    def _check_work(self, owner: Owner | None, pictures: Sequence[RiffRequest]) -> None:
        if owner is not None:
            held = outstanding_work(self._queue, self._reservations)
            self._limits.check_work(self.throughput, held, owner, pictures)

    def _release(self, reserved: Reservation) -> None:
        with self._changed:
            self._reservations.remove(reserved)

    def _refusal_of_clip(self, owner: Owner, pictures: Sequence[RiffRequest]) -> Refused | None:
        """What refuses a clip that would wait too long for others, before or between its pictures.

        Everybody's pictures to come join the queue for a moment, in the order in which they will,
        so that its own fair order says who comes between whom: a single clip does not wait for
        the rest of another member's song, and a song does. What surely comes after it stays away:
        planning a thousand members' songs would take seconds.
        """
        own = [Job(picture, owner=owner) for picture in pictures]
        jobs = self._reservations.join_order(own, self._max_pictures_before(owner, len(own)))
        for job in jobs:
            self._queue.add(job)
        now = monotonic()
        try:
            _, eta = self._positions(now)[own[-1].id]
        finally:
            for job in jobs:
                self._queue.remove(job.id)
        # Its own further pictures are not a wait for others.
        rest = sequential_seconds(self.throughput, pictures[1:])
        if eta is None or rest is None:
            return None
        return self._limits.refusal(own[-1], now, eta - rest, idle=self.is_idle)

    def _max_pictures_before(self, owner: Owner, count: int) -> int:
        """How many pictures of any one clip can come before the last of `count` new ones at most.

        Each turn has one picture of every account, and visitors of one network take laps in theirs.
        """
        visitors = {
            job.owner.user_id
            for job in self._queue
            if job.owner is not None and job.owner.account == owner.account
        }
        visitors |= self._reservations.users_of(owner.account) | {owner.user_id}
        laps = self._queue.waiting(owner) + self._reservations.joining(owner, count) + count
        return self._queue.turns_ahead(owner) + laps * len(visitors)

    def enqueue(self, pending_job: PendingJob, *, promised: bool = False) -> None:
        """Let a job in, or refuse it with the reason and the wait.

        Args:
            promised: it was let in already (reserved, or before a restart); nothing but a closed
                dispatcher refuses it.

        Raises:
            Refused: it could not be done in time, or its member has too many waiting.
            RiffBotError: the dispatcher is closed.
            ValueError: a job of this id is queued or running already.
        """
        job = pending_job.job
        with self._changed:
            if job.id in self._pending:  # two jobs of one id would lose each other
                raise ValueError(f"the job {job.id} is queued already")
            if not promised and job.deadline is None:
                self._check(job.owner, 1)
                if job.key is not None:
                    self._check_work(job.owner, [job.request])
            else:
                self._check(None, 1)
            self._queue.add(job)
            now = monotonic()
            position, eta = self._positions(now)[job.id]
            if not promised and (refusal := self._limits.refusal(job, now, eta, idle=self.is_idle)):
                self._queue.remove(job.id)
                raise refusal
            self._pending[job.id] = pending_job
            pending_job.report_position(position, eta)
            self._changed.notify_all()

    def cancel(self, wanted: Callable[[Job], bool], error: RiffBotError) -> int:
        """Take back all jobs that `wanted` picks; running ones stop at their next step.

        Returns:
            How many were taken back.
        """
        with self._changed:
            chosen = [t for t in self._pending.values() if wanted(t.job)]
            for pending_job in chosen:
                pending_job.job.cancelled = True
                self._queue.remove(pending_job.job.id)
                del self._pending[pending_job.job.id]
                pending_job.set_error(type(error)(str(error)))
            if chosen:
                self._report_positions()
        return len(chosen)

    def close(self, error: RiffBotError) -> None:
        """Let nobody in any more and answer everybody who waits with `error`."""
        with self._changed:
            if self._closing is None:
                self._closing = error
            waiting = {job.id for job in self._queue}
            self._changed.notify_all()
        self.cancel(lambda job: job.id in waiting, error)

    # -- the worker's side ----------------------------------------------------------------------

    def unresolved_jobs(self) -> list[PendingJob]:
        """Tickets that were let in before the model was there to resolve them."""
        with self._changed:
            return [self._pending[job.id] for job in self._queue if job.key is None]

    def take_batch(self) -> list[PendingJob]:
        """Wait for the next batch; an empty list means that the dispatcher is closed."""
        with self._changed:
            while self._closing is None:
                batch = self._queue.take(monotonic(), self.batch_limit)
                if batch:
                    return self._begin(batch)
                self._changed.wait()
            return []

    def take_urgent_batch(self) -> list[PendingJob]:
        """What may overtake the running batch between two of its steps.

        Returns:
            The next batch, whose deadline would else be missed, or an empty list: nobody is in
            such a hurry, or whoever runs is as well.
        """
        with self._changed:
            job = self._queue.most_urgent
            if job is None or any(batch.urgent for batch in self._running):
                return []
            needed = self.throughput.seconds([job.request]) or 0.0
            waits = max([monotonic(), *(batch.until for batch in self._running)])
            if job.deadline is None or waits + needed + _SLACK_S < job.deadline:
                return []
            return self._begin(self._queue.take(monotonic(), self.batch_limit))

    def _begin(self, jobs: list[Job]) -> list[PendingJob]:
        expected = self.throughput.seconds([job.request for job in jobs])
        batch = _Batch([self._pending[job.id] for job in jobs], monotonic() + (expected or 0.0))
        self._running.append(batch)
        self._report_positions()
        return list(batch.pending)

    def set_remaining_seconds(self, seconds: float) -> None:
        """The running batch will take this much longer."""
        self._running[-1].until = monotonic() + seconds

    def finish_batch(self) -> None:
        """The batch that was begun last is over; each of its pending has been answered."""
        with self._changed:
            for pending_job in self._running.pop().pending if self._running else []:
                self._pending.pop(pending_job.job.id, None)
            self._changed.notify_all()

    def _positions(self, now: float) -> dict[str, tuple[int, float | None]]:
        """Queue position (1 is next) and seconds to go of every waiting job, by its id."""
        batches = self._queue.plan(now, self.batch_limit)
        ahead = sum(max(0.0, batch.until - now) for batch in self._running)
        times: list[Any] = completion_times(self.throughput, batches, ahead) or [None] * len(
            batches
        )
        places: dict[str, tuple[int, float | None]] = {}
        for batch, eta in zip(batches, times, strict=True):
            for job in batch:
                places[job.id] = (len(places) + 1, eta)
        return places

    def _report_positions(self) -> None:
        for job_id, (position, eta) in self._positions(monotonic()).items():
            self._pending[job_id].report_position(position, eta)


def belongs_to(owner: Owner) -> Callable[[Job], bool]:
    """Picks the jobs of one member, on whatever server."""
    return lambda job: job.owner is not None and job.owner.user_id == owner.user_id


def cancelled_error() -> Cancelled:
    """What a cancelled job answers."""
    return Cancelled("The riff was cancelled.")
