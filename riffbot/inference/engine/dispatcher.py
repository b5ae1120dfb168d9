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
from riffbot.inference.job import Job, Requester
from riffbot.request import RiffRequest

_SLACK_S = 1.5
"""A deadline that would be met by less than this counts as missed: estimates are inexact."""


@dataclass
class _Batch:
    """Pending jobs that run together, and when they should be done (seconds of `monotonic`)."""

    pending: list[PendingJob]
    until: float

    @property
    def urgent(self) -> bool:
        return any(pending_job.job.deadline is not None for pending_job in self.pending)


class Dispatcher:
    """Thread-safe: any number of event loops submit jobs, one worker takes batches out.

    Args:
        limits: what may wait; a job that has waited `max_wait_s` goes before all fair shares.
    """

    def __init__(self, limits: AdmissionLimits) -> None:
        self._limits = limits
        self._changed = threading.Condition()
        self._queue = FairQueue(max_wait_s=limits.max_wait_s)
        self._pending: dict[str, PendingJob] = {}  # waiting and running
        self._running: list[_Batch] = []  # the last one interrupted the one before it
        self._reservations = Reservations()
        self._closing: RiffBotError | None = None
        self.throughput = ThroughputMeter()
        self.batch_limit = 1

    @property
    def queued(self) -> int:
        """How many jobs wait."""
        return len(self._queue)

    @property
    def running(self) -> int:
        """How many jobs are being computed now."""
        return sum(len(batch.pending) for batch in self._running)

    @property
    def is_idle(self) -> bool:
        """Whether no job runs or waits, and no admitted clip is unfinished."""
        return not (self._pending or self._running or self._reservations)

    @property
    def has_clips(self) -> bool:
        """Whether a clip without a deadline (not a jam's chunk) runs, waits or is reserved."""
        with self._changed:
            return bool(self._reservations) or any(
                pending.job.deadline is None for pending in self._pending.values()
            )

    # -- the event loops' side ------------------------------------------------------------------

    def check(self, owner: Requester | None, count: int = 1) -> None:
        """Raise what `enqueue` would raise for `count` more clips of this owner.

        Raises:
            Refused: too many of the member's clips wait already.
            RiffBotError: the dispatcher is closed (shutdown, or a model that failed to load).
        """
        with self._changed:
            self._check(owner, count)

    def _check(self, owner: Requester | None, count: int) -> None:
        if self._closing is not None:
            raise type(self._closing)(str(self._closing))
        if owner is not None:
            self._limits.check_count(self._queue, self._reservations, owner, count)

    def reserve(
        self, owner: Requester, *requests: RiffRequest, is_admitted: bool = False
    ) -> Reservation:
        """Admit one clip and reserve its place until the reservation is released.

        Args:
            requests: all of its pictures, resolved, in order; none where they are not known yet,
                or where it needs no model.
            is_admitted: as for `enqueue`.

        Raises:
            Refused: as `enqueue` would refuse it, or it would wait too long for its last picture.
            RiffBotError: the dispatcher is closed.
        """
        with self._changed:
            if not is_admitted:
                self._check(owner, 1)
                self._check_work(owner, requests)
                if requests and (refusal := self._refusal_of_clip(owner, requests)):
                    raise refusal
            return self._reservations.add(owner, requests, self._release)

    def announce_requests(
        self, reserved: Reservation, remaining: Sequence[RiffRequest], *, is_admitted: bool = False
    ) -> None:
        """Record the pictures of a clip that was admitted before they were known.

        Args:
            is_admitted: as for `enqueue`.

        Raises:
            Refused: they are too much work together with what its owner has waiting.
        """
        with self._changed:
            reserved.remaining = ()
            if not is_admitted:
                self._check_work(reserved.owner, remaining)
            reserved.remaining = tuple(remaining)

    def _check_work(self, owner: Requester | None, requests: Sequence[RiffRequest]) -> None:
        if owner is not None:
            held = outstanding_work(self._queue, self._reservations)
            self._limits.check_work(self.throughput, held, owner, requests)

    def _release(self, reserved: Reservation) -> None:
        with self._changed:
            self._reservations.remove(reserved)

    def _refusal_of_clip(self, owner: Requester, requests: Sequence[RiffRequest]) -> Refused | None:
        """The refusal of a clip that would wait too long for other clips; None if it would not.

        The pictures of all reservations are added to the queue, in the order in which they will
        be submitted, then the queue is planned, then they are removed again. So a single clip does
        not wait for the rest of another member's song, but a song does. Pictures that surely come
        after this clip are left out: planning the songs of a thousand members would take seconds.
        """
        own = [Job(request, owner=owner) for request in requests]
        jobs = self._reservations.join_order(own, self._max_requests_before(owner, len(own)))
        for job in jobs:
            self._queue.add(job)
        now = monotonic()
        try:
            _, eta = self._positions(now)[own[-1].id]
        finally:
            for job in jobs:
                self._queue.remove(job.id)
        # Its own further pictures are not a wait for others.
        rest = sequential_seconds(self.throughput, requests[1:])
        if eta is None or rest is None:
            return None
        return self._limits.refusal(own[-1], now, eta - rest, idle=self.is_idle)

    def _max_requests_before(self, owner: Requester, count: int) -> int:
        """How many pictures of any one clip can come before the last of `count` new ones at most.

        Each round has one picture of every account. An account is a member or a network; the
        visitors of a network are served one after the other in its rounds.
        """
        visitors = {
            job.owner.user_id
            for job in self._queue
            if job.owner is not None and job.owner.account == owner.account
        }
        visitors |= self._reservations.users_of(owner.account) | {owner.user_id}
        passes = self._queue.waiting(owner) + self._reservations.joining(owner, count) + count
        return self._queue.rounds_ahead(owner) + passes * len(visitors)

    def enqueue(self, pending_job: PendingJob, *, is_admitted: bool = False) -> None:
        """Queue a job, or refuse it with the reason and the wait.

        Args:
            is_admitted: it was admitted already (reserved, or before a restart); only a closed
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
            if not is_admitted and job.deadline is None:
                self._check(job.owner, 1)
                if job.key is not None:
                    self._check_work(job.owner, [job.request])
            else:
                self._check(None, 1)
            self._queue.add(job)
            now = monotonic()
            position, eta = self._positions(now)[job.id]
            if not is_admitted and (
                refusal := self._limits.refusal(job, now, eta, idle=self.is_idle)
            ):
                self._queue.remove(job.id)
                raise refusal
            self._pending[job.id] = pending_job
            pending_job.report_position(position, eta)
            self._changed.notify_all()

    def cancel(self, wanted: Callable[[Job], bool], error: RiffBotError) -> int:
        """Cancel all jobs that `wanted` selects; running ones stop at their next step.

        Returns:
            How many were cancelled.
        """
        with self._changed:
            chosen = [pending for pending in self._pending.values() if wanted(pending.job)]
            for pending_job in chosen:
                pending_job.job.cancelled = True
                self._queue.remove(pending_job.job.id)
                del self._pending[pending_job.job.id]
                pending_job.set_error(type(error)(str(error)))
            if chosen:
                self._report_positions()
        return len(chosen)

    def close(self, error: RiffBotError) -> None:
        """Refuse all further jobs and fail all waiting jobs with `error`."""
        with self._changed:
            if self._closing is None:
                self._closing = error
            waiting = {job.id for job in self._queue}
            self._changed.notify_all()
        self.cancel(lambda job: job.id in waiting, error)

    # -- the worker's side ----------------------------------------------------------------------

    def unresolved_jobs(self) -> list[PendingJob]:
        """The jobs queued before the model was loaded, whose requests are not resolved yet."""
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
        """Take a batch that must run before the next step of the running one.

        Returns:
            The next batch, if its deadline would be missed otherwise. An empty list if no
            deadline is at risk, or if the running batch has a deadline itself.
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
        """Set how many seconds the running batch still needs."""
        self._running[-1].until = monotonic() + seconds

    def finish_batch(self) -> None:
        """Remove the batch that was begun last; every job in it has its result or error."""
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


def belongs_to(owner: Requester) -> Callable[[Job], bool]:
    """A predicate that selects the jobs of one member on all servers."""
    return lambda job: job.owner is not None and job.owner.user_id == owner.user_id


def cancelled_error() -> Cancelled:
    """The error of a job that was cancelled."""
    return Cancelled("The riff was cancelled.")
