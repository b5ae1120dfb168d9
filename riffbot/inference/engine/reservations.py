"""Reservations: clips that were let in and have not ended yet.

Nothing here locks: the queue's lock is held by whoever calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count, zip_longest

from riffbot.inference.job import Job, Requester
from riffbot.request import RiffRequest


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
        owner: Requester,
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
        owner: Requester,
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

    def count(self, owner: Requester) -> int:
        """How many places are kept for this member's clips that are not in the queue yet."""
        return sum(not one.in_queue and one.owner.user_id == owner.user_id for one in self._all)

    def count_of_account(self, owner: Requester) -> int:
        """The same of whoever shares turns with this owner."""
        return sum(not one.in_queue and one.owner.account == owner.account for one in self._all)

    def work(self) -> list[tuple[Requester, RiffRequest]]:
        """Every picture to come, and whose it is."""
        return [(one.owner, picture) for one in self._all for picture in one.remaining]

    def users_of(self, account: tuple[str, int]) -> set[int]:
        """Everybody with a clip here who shares turns."""
        return {one.owner.user_id for one in self._all if one.owner.account == account}

    def joining(self, owner: Requester, rounds: int) -> int:
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
