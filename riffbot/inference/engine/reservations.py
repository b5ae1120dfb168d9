"""Clips that were let in and have not ended: their places, and the work that waits of each owner.

Nothing here locks: the queue's lock is held by whoever calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest

from riffbot.errors import Refused
from riffbot.inference.engine.throughput import SpeedMeter, seconds_of
from riffbot.inference.job import Job, Owner
from riffbot.request import RiffRequest
from riffbot.wording import in_words

VISITORS = 3
"""How many members' worth of clips, and of work, may wait for one network of visitors."""


class Reserved:
    """A clip that was let in, from then until it ends: its place, and its pictures to come.

    Attributes:
        owner: whose it is.
        in_queue: whether its first picture has joined the queue, and counts there.
        to_come: its pictures that have not joined yet, resolved, in order; empty where they are
            not known (yet).
    """

    def __init__(
        self,
        owner: Owner,
        to_come: tuple[RiffRequest, ...],
        give_back: Callable[[Reserved], None],
    ) -> None:
        self.owner = owner
        self.in_queue = False
        self.to_come = to_come
        self._give_back = give_back

    def joined(self) -> None:
        """The first of its pictures to come is in the queue."""
        self.in_queue = True
        self.to_come = self.to_come[1:]

    def release(self) -> None:
        """The clip has ended, or it never will begin. A second call does nothing."""
        self._give_back(self)


class Reservations:
    """All clips that were let in and have not ended, in order of arrival."""

    def __init__(self) -> None:
        self._all: dict[Reserved, None] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(
        self,
        owner: Owner,
        pictures: tuple[RiffRequest, ...],
        give_back: Callable[[Reserved], None],
    ) -> Reserved:
        """Keep a place, until it is removed."""
        reserved = Reserved(owner, pictures, give_back)
        self._all[reserved] = None
        return reserved

    def remove(self, reserved: Reserved) -> None:
        """Give a place back; nothing happens where it was given back already."""
        self._all.pop(reserved, None)

    def kept(self, owner: Owner) -> int:
        """How many places are kept for this member's clips that are not in the queue yet."""
        return sum(not one.in_queue and one.owner.user_id == owner.user_id for one in self._all)

    def kept_of_account(self, owner: Owner) -> int:
        """The same of whoever shares turns with this owner."""
        return sum(not one.in_queue and one.owner.account == owner.account for one in self._all)

    def work(self) -> list[tuple[Owner, RiffRequest]]:
        """Every picture to come, and whose it is."""
        return [(one.owner, picture) for one in self._all for picture in one.to_come]

    def to_come(self, newest: Sequence[Job]) -> list[Job]:
        """All pictures to come, those of a new clip last, in the order in which they will join
        the queue: of each clip the next one, then of each the one after it."""
        clips = [[Job(asked, owner=one.owner) for asked in one.to_come] for one in self._all]
        return [job for turn in zip_longest(*clips, newest) for job in turn if job is not None]


def held_work(queue: Iterable[Job], reservations: Reservations) -> list[tuple[Owner, RiffRequest]]:
    """The pictures of owners that wait in the queue, and those that are still to come."""
    waiting = [
        (job.owner, job.request)
        for job in queue
        if job.owner is not None and job.deadline is None and job.key is not None
    ]
    return waiting + reservations.work()


def check_work(
    meter: SpeedMeter,
    held: Sequence[tuple[Owner, RiffRequest]],
    owner: Owner,
    pictures: Sequence[RiffRequest],
    most_s: float,
) -> None:
    """Refuse a clip that is too much work together with what its owner has waiting already.

    Whoever has nothing waiting is not refused here: what one clip may cost, its price decides.

    Args:
        held: what waits of everybody, see `held_work`.
        pictures: the clip's, resolved.
        most_s: seconds of work that may wait of one member; of a network `VISITORS` times that.

    Raises:
        Refused: it is too much.
    """
    own = seconds_of(meter, pictures)
    if own is None:
        return
    theirs = [picture for other, picture in held if other.user_id == owner.user_id]
    limits = [("You have", theirs, most_s)]
    if owner.network is not None:
        theirs = [picture for other, picture in held if other.account == owner.account]
        limits.append(("Your network has", theirs, VISITORS * most_s))
    for who, waiting, limit_s in limits:
        held_s = seconds_of(meter, waiting) or 0.0
        if held_s > 0 and held_s + own > limit_s:
            raise Refused(
                f"{who} {in_words(held_s)} of work waiting, and this clip would take "
                f"{in_words(own)} more; I keep at most {in_words(limit_s)} in all: please let "
                "some finish, or ask for a shorter clip."
            )
