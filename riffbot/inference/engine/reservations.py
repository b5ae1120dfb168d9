"""Reservations: clips that were admitted and have not ended yet.

Nothing here locks: the caller holds the dispatcher's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count, zip_longest

from riffbot.inference.job import Job, Requester
from riffbot.request import RiffRequest


class Reservation:
    """A clip from its admission until it ends: its place, and its pictures to come.

    Attributes:
        owner: who asked for the clip.
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
        """Record that its first remaining picture has joined the queue."""
        self.in_queue = True
        self.remaining = self.remaining[1:]

    def release(self) -> None:
        """Release the place: the clip has ended or never will begin. Idempotent."""
        self._on_release(self)


class Reservations:
    """All clips that were admitted and have not ended, in order of arrival."""

    def __init__(self) -> None:
        self._all: dict[Reservation, None] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(
        self,
        owner: Requester,
        requests: tuple[RiffRequest, ...],
        on_release: Callable[[Reservation], None],
    ) -> Reservation:
        """Add a reservation; it holds until it is removed."""
        reserved = Reservation(owner, requests, on_release)
        self._all[reserved] = None
        return reserved

    def remove(self, reserved: Reservation) -> None:
        """Remove a reservation; one that was removed already is ignored."""
        self._all.pop(reserved, None)

    def count(self, owner: Requester) -> int:
        """How many of this member's reserved clips are not in the queue yet."""
        return sum(not one.in_queue and one.owner.user_id == owner.user_id for one in self._all)

    def count_of_account(self, owner: Requester) -> int:
        """How many reserved clips of this owner's account are not in the queue yet."""
        return sum(not one.in_queue and one.owner.account == owner.account for one in self._all)

    def work(self) -> list[tuple[Requester, RiffRequest]]:
        """All remaining pictures, each with its owner."""
        return [(one.owner, request) for one in self._all for request in one.remaining]

    def users_of(self, account: tuple[str, int]) -> set[int]:
        """The ids of all users of an account who have a reserved clip."""
        return {one.owner.user_id for one in self._all if one.owner.account == account}

    def joining(self, owner: Requester, rounds: int) -> int:
        """How many pictures of this owner join the queue in the first `rounds` of `join_order`."""
        return sum(
            min(rounds, len(one.remaining))
            for one in self._all
            if one.owner.user_id == owner.user_id
        )

    def join_order(self, newest: Sequence[Job], limit: int) -> list[Job]:
        """All remaining pictures in the order in which they will join the queue: the next one of
        each clip, then the one after it of each clip; those of a new clip come last.

        Args:
            limit: most pictures of each other clip.
        """
        numbers = count()  # random names of thousands would take most of the time
        clips = [
            [
                Job(asked, owner=one.owner, id=f"to come {next(numbers)}")
                for asked in one.remaining[:limit]
            ]
            for one in self._all
        ]
        return [job for step in zip_longest(*clips, newest) for job in step if job is not None]
