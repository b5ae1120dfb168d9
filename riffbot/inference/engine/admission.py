"""Admission to the queue: limits by member and by network, in clips, work and waiting time.

Pure: nothing here locks, reads a clock or changes the queue; every refusal is a sentence for the
member.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf

from riffbot.errors import Refused
from riffbot.inference.engine.fair_queue import FairQueue
from riffbot.inference.engine.reservations import Reservations
from riffbot.inference.engine.throughput import ThroughputMeter, sequential_seconds
from riffbot.inference.job import Job, Requester
from riffbot.request import RiffRequest
from riffbot.wording import format_duration, plural

MEMBERS_PER_NETWORK = 3
"""How many members' worth of clips, and of work, may wait for one network of visitors."""


@dataclass(frozen=True)
class AdmissionLimits:
    """The limits on waiting jobs.

    Attributes:
        max_wait_s: refuse a clip that could not be done within this many seconds.
        max_jobs_per_member: refuse a member's next clip while this many of their clips wait.
        max_work_s: refuse a member's next clip where it would take longer than this together with
            all of theirs that wait, their pictures to come included.
    """

    max_wait_s: float
    max_jobs_per_member: int
    max_work_s: float = inf

    def check_count(
        self, queue: FairQueue, reservations: Reservations, owner: Requester, count: int
    ) -> None:
        """Raise Refused if `count` more clips of this owner are too many."""
        most = self.max_jobs_per_member
        waiting = queue.waiting(owner) + reservations.count(owner)
        if waiting + count > most:
            raise Refused(
                f"You have {plural(waiting, 'clip')} waiting and I keep at most {most} for one "
                f"{'member' if owner.network is None else 'visitor'}: please let some finish, or "
                "cancel some."
            )
        if owner.network is None:
            return
        together = queue.waiting_of_account(owner) + reservations.count_of_account(owner)
        if together + count > MEMBERS_PER_NETWORK * most:
            raise Refused(
                f"Your network has {plural(together, 'clip')} waiting and I keep at most "
                f"{MEMBERS_PER_NETWORK * most} for one: please try again when some are done."
            )

    def check_work(
        self,
        throughput: ThroughputMeter,
        held: Sequence[tuple[Requester, RiffRequest]],
        owner: Requester,
        requests: Sequence[RiffRequest],
    ) -> None:
        """Refuse a clip that is too much work together with what its owner has waiting already.

        An owner with nothing waiting is not refused here: what one clip may cost, its price
        decides.

        Args:
            held: the waiting pictures of all owners, see `outstanding_work`.
            requests: the clip's, resolved.

        Raises:
            Refused: it is too much.
        """
        own = sequential_seconds(throughput, requests)
        if own is None:
            return
        of_member = [request for other, request in held if other.user_id == owner.user_id]
        limits = [("You have", of_member, self.max_work_s)]
        if owner.network is not None:
            of_network = [request for other, request in held if other.account == owner.account]
            limits.append(("Your network has", of_network, MEMBERS_PER_NETWORK * self.max_work_s))
        for who, waiting, limit_s in limits:
            held_s = sequential_seconds(throughput, waiting) or 0.0
            if held_s > 0 and held_s + own > limit_s:
                raise Refused(
                    f"{who} {format_duration(held_s)} of work waiting, and this clip would take "
                    f"{format_duration(own)} more; I keep at most {format_duration(limit_s)} in "
                    "all: please let some finish, or ask for a shorter clip."
                )

    def refusal(self, job: Job, now: float, eta: float | None, *, idle: bool) -> Refused | None:
        """The refusal of a job that cannot be done in time; None if it can, or if nothing was
        measured yet.

        Args:
            job: the job; without an owner it may wait for any time.
            now: `time.monotonic()`.
            eta: seconds until it would be done.
            idle: no job is before it. Then it does not wait, and its run is a new measurement.
        """
        if eta is None:
            return None
        if job.deadline is not None and now + eta > job.deadline:
            return Refused(
                f"That cannot be ready in time: it would take {format_duration(eta)}.", wait_s=eta
            )
        waits = job.deadline is None and job.owner is not None and not idle
        if waits and eta > self.max_wait_s:
            return Refused(
                f"The line is {format_duration(eta)} long and I only promise what I can finish "
                f"within {format_duration(self.max_wait_s)}: please try again in about "
                f"{format_duration(eta - self.max_wait_s)}.",
                wait_s=eta,
            )
        return None


def outstanding_work(
    queue: Iterable[Job], reservations: Reservations
) -> list[tuple[Requester, RiffRequest]]:
    """All pictures that wait in the queue or are reserved, each with its owner."""
    waiting = [
        (job.owner, job.request)
        for job in queue
        if job.owner is not None and job.deadline is None and job.key is not None
    ]
    return waiting + reservations.work()
