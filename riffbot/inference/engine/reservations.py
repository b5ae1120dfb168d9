"""Clips that were let in and have not ended: their places, and the work that waits of each owner.

Nothing here locks: the queue's lock is held by whoever calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count, zip_longest

from riffbot.errors import Refused
from riffbot.inference.engine.throughput import ThroughputMeter, sequential_seconds
from riffbot.inference.job import Job, Owner
from riffbot.request import RiffRequest
from riffbot.wording import in_words

MEMBERS_PER_NETWORK = 3
"""How many members' worth of clips, and of work, may wait for one network of visitors."""


class Reservation:
    """A clip that was let in, from then until it ends: its place, and its pictures to come.

    Attributes:
        owner: whose it is.
        in_queue: whether its first picture has joined the queue, and counts there.
        remaining: its pictures that have not joined yet, resolved, in order; empty where they are
            not known (yet).
    """

    def __init__(
        self,
        owner: Owner,
        remaining: tuple[RiffRequest, ...],
        on_release: Callable[[Reservation], None],
    ) -> None:
        self.owner = owner
        self.in_queue = False
        self.remaining = remaining
        self._on_release = on_release

    def mark_queued(self) -> None:
        """The first of its pictures to come is in the queue."""
        self.in_queue = True
        self.remaining = self.remaining[1:]

    def release(self) -> None:
        """The clip has ended, or it never will begin. A second call does nothing."""
        self._on_release(self)


class Reservations:
    """All clips that were let in and have not ended, in order of arrival."""

    def __init__(self) -> None:
        self._all: dict[Reservation, None] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(
        self,
        owner: Owner,
        pictures: tuple[RiffRequest, ...],
        on_release: Callable[[Reservation], None],
    ) -> Reservation:
        """Keep a place, until it is removed."""
        reserved = Reservation(owner, pictures, on_release)
        self._all[reserved] = None
        return reserved

    def remove(self, reserved: Reservation) -> None:
        """Give a place back; nothing happens where it was given back already."""
        self._all.pop(reserved, None)

    def count(self, owner: Owner) -> int:
        """How many places are kept for this member's clips that are not in the queue yet."""
        return sum(not one.in_queue and one.owner.user_id == owner.user_id for one in self._all)

    def count_of_account(self, owner: Owner) -> int:
        """The same of whoever shares turns with this owner."""
        return sum(not one.in_queue and one.owner.account == owner.account for one in self._all)

    def work(self) -> list[tuple[Owner, RiffRequest]]:
        """Every picture to come, and whose it is."""
        return [(one.owner, picture) for one in self._all for picture in one.remaining]

    def users_of(self, account: tuple[str, int]) -> set[int]:
        """Everybody with a clip here who shares turns."""
        return {one.owner.user_id for one in self._all if one.owner.account == account}

    def joining(self, owner: Owner, rounds: int) -> int:
        """How many pictures of this owner join the queue in so many rounds of `join_order`."""
        return sum(
            min(rounds, len(one.remaining))
            for one in self._all
            if one.owner.user_id == owner.user_id
        )

    def join_order(self, newest: Sequence[Job], limit: int) -> list[Job]:
        """Pictures to come, those of a new clip last, in the order in which they will join
        the queue: of each clip the next one, then of each the one after it.

        Args:
            limit: of the pictures of each other clip.
        """
        numbers = count()  # random names of thousands would take most of the time
        clips = [
            [
                Job(asked, owner=one.owner, id=f"to come {next(numbers)}")
                for asked in one.remaining[:limit]
            ]
            for one in self._all
        ]
        return [job for turn in zip_longest(*clips, newest) for job in turn if job is not None]


def outstanding_work(
    queue: Iterable[Job], reservations: Reservations
) -> list[tuple[Owner, RiffRequest]]:
    """The pictures of owners that wait in the queue, and those that are still to come."""
    waiting = [
        (job.owner, job.request)
        for job in queue
        if job.owner is not None and job.deadline is None and job.key is not None
    ]
    return waiting + reservations.work()


def check_work_limit(
    throughput: ThroughputMeter,
    held: Sequence[tuple[Owner, RiffRequest]],
    owner: Owner,
    pictures: Sequence[RiffRequest],
    most_s: float,
) -> None:
    """Refuse a clip that is too much work together with what its owner has waiting already.

    Whoever has nothing waiting is not refused here: what one clip may cost, its price decides.

    Args:
        held: what waits of everybody, see `outstanding_work`.
        pictures: the clip's, resolved.
        most_s: seconds of work that may wait of one member; `MEMBERS_PER_NETWORK` times that of
            one network.

    Raises:
        Refused: it is too much.
    """
    own = sequential_seconds(throughput, pictures)
    if own is None:
        return
    theirs = [picture for other, picture in held if other.user_id == owner.user_id]
    limits = [("You have", theirs, most_s)]
    if owner.network is not None:
        theirs = [picture for other, picture in held if other.account == owner.account]
        limits.append(("Your network has", theirs, MEMBERS_PER_NETWORK * most_s))
    for who, waiting, limit_s in limits:
        held_s = sequential_seconds(throughput, waiting) or 0.0
        if held_s > 0 and held_s + own > limit_s:
            raise Refused(
                f"{who} {in_words(held_s)} of work waiting, and this clip would take "
                f"{in_words(own)} more; I keep at most {in_words(limit_s)} in all: please let "
                "some finish, or ask for a shorter clip."
            )
