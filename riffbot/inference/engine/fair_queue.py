"""The fair queue: which waiting job is next, and which may share a batch with it.

Three classes, each before the next:

1. **Deadlines** (a jam's chunks), earliest first. One that would be missed overtakes what
   is running, between two of its steps, unless that has a deadline too.
2. **Promises**: a job that has waited the longest time that was promised goes next, so that no
   stream of newcomers can starve anybody.
3. **Fair shares**: everybody's first clip before anybody's second. Among equals servers take turns
   (the least recently served first), and inside a server its members do. Visitors of the page who
   come from one network have one member's turns together (`Owner.account`), or whoever throws
   cookies away would have as many shares as they like; inside it each has one clip at a time.

"Second" is meant within one busy spell: the queue keeps turns as start-time fair queueing does
(Goyal, Vin and Cheng, 1996). A member who comes late gets their first clip at once and then joins
the turn that is being served; they neither owe nor are owed the past.

Nothing here locks or reads a clock: the engine holds its lock and says what time it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from riffbot.inference.job import Job, Owner

_FIRST = -1
"""The turn of a member who had nothing yet: before every other."""

Rank = tuple[float, ...]
"""Class, then deadline, arrival or turn. Jobs of equal rank owe each other no precedence."""


Account = tuple[str, int] | None
"""`Owner.account`; None is the machine's own owner."""


@dataclass(frozen=True)
class RankedJob:
    """A waiting job and its rank in the queue."""

    job: Job
    rank: Rank


class FairQueue:
    """Waiting jobs in the order in which they will run.

    Args:
        patience_s: a job that has waited this long joins the second class.
    """

    def __init__(self, *, patience_s: float) -> None:
        self._patience = patience_s
        self._jobs: dict[str, Job] = {}  # in order of arrival
        self._forget()

    def _forget(self) -> None:
        self._turn = 0
        self._clock = 0
        self._last_turn: dict[Account, int] = {}
        self._member_served: dict[Account, int] = {}
        self._visitor_served: dict[int, int] = {}
        self._server_served: dict[int | None, int] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._jobs.values()))

    def __contains__(self, job_id: object) -> bool:
        return job_id in self._jobs

    def add(self, job: Job) -> None:
        """Add a job."""
        self._jobs[job.id] = job

    def remove(self, job_id: str) -> Job | None:
        """Remove a job; None if it is not (or no longer) waiting."""
        return self._jobs.pop(job_id, None)

    @property
    def most_urgent(self) -> Job | None:
        """The waiting job with the earliest deadline; None if no job has one."""
        urgent = [job for job in self._jobs.values() if job.deadline is not None]
        return min(urgent, key=lambda job: job.deadline or 0.0, default=None)

    def waiting(self, owner: Owner) -> int:
        """How many fair-share jobs of this member wait, on whatever server."""
        return sum(
            job.deadline is None and job.owner is not None and job.owner.user_id == owner.user_id
            for job in self._jobs.values()
        )

    def waiting_of_account(self, owner: Owner) -> int:
        """How many fair-share jobs wait of whoever shares turns with this owner."""
        return sum(
            job.deadline is None and _account(job) == owner.account for job in self._jobs.values()
        )

    def turns_ahead(self, owner: Owner) -> int:
        """How many turns come before this owner's next one, with the one that is served."""
        return max(0, self._last_turn.get(owner.account, -1) + 1 - self._turn)

    def plan(self, now: float, limit: int) -> list[list[Job]]:
        """The whole queue as the batches that it will run in, next one first.

        A batch is its first job and those compatible with it (equal `key`), at most `limit`. It
        never takes a job past one of better rank that has to stay behind, so that batching
        cannot make anybody's second clip overtake another's first; and what has a deadline takes
        along only what has one too, because company costs time.
        """
        line, first = self._line(now), 0
        batches = []
        while first < len(line):
            if _runs_alone(line[first].job, limit):  # no copy: long songs make long queues
                batches.append([line[first].job])
                first += 1
            else:
                batch, line = _split(line[first:], limit)
                first = 0
                batches.append(batch)
        return batches

    def take(self, now: float, limit: int) -> list[Job]:
        """Remove and return the next batch; an empty list when nobody waits.

        When the queue is empty by then, the busy spell is over and all turns are forgotten.
        """
        line = self._line(now)
        if not line:
            self._forget()
            return []
        batch, _ = _split(line, limit)
        ranks = {place.job.id: place.rank for place in line}
        for job in batch:
            del self._jobs[job.id]
            if job.deadline is None:
                self._serve(job, ranks[job.id])
        return batch

    def _serve(self, job: Job, rank: Rank) -> None:
        """Remember that a fair share was given."""
        member = _account(job)
        newcomer = member not in self._last_turn
        turn = self._turn if newcomer else max(self._turn, self._last_turn[member] + 1)
        if not newcomer and rank[0] == _Class.FAIR:
            self._turn = turn
        self._last_turn[member] = turn
        self._clock += 1
        self._member_served[member] = self._clock
        if job.owner is not None and job.owner.network is not None:
            self._visitor_served[job.owner.user_id] = self._clock
        self._server_served[_server(job)] = self._clock

    def _line(self, now: float) -> list[RankedJob]:
        """All jobs with their ranks, in order."""
        urgent: list[RankedJob] = []
        groups: dict[int, list[Job]] = {}
        ahead: dict[Account, int] = {}
        for job in self._arrivals():
            if job.deadline is not None:
                urgent.append(RankedJob(job, (_Class.DEADLINE, job.deadline)))
            elif now - job.submitted >= self._patience:
                urgent.append(RankedJob(job, (_Class.PROMISE, job.submitted)))
            else:
                mine = ahead[_account(job)] = ahead.get(_account(job), -1) + 1
                groups.setdefault(self._turn_of(_account(job), mine), []).append(job)
        urgent.sort(key=lambda place: place.rank)
        return urgent + list(self._take_turns(groups))

    def _arrivals(self) -> list[Job]:
        """All jobs in order of arrival, but the visitors of one network take turns in its places:
        the least recently served first, one clip of each before the second of any."""
        jobs = list(self._jobs.values())
        places: dict[int, list[int]] = {}
        for place, job in enumerate(jobs):
            if job.owner is not None and job.owner.network is not None:
                places.setdefault(job.owner.network, []).append(place)
        ordered = list(jobs)
        for shared in places.values():
            lap: Counter[int] = Counter()
            keyed = []
            for place in shared:
                visitor = jobs[place].owner.user_id  # type: ignore[union-attr]
                keyed.append((lap[visitor], self._visitor_served.get(visitor, 0), place))
                lap[visitor] += 1
            for place, (_, _, chosen) in zip(shared, sorted(keyed), strict=True):
                ordered[place] = jobs[chosen]
        return ordered

    def _turn_of(self, member: Account, ahead: int) -> int:
        """The turn of a member's job that has `ahead` others of theirs before it."""
        last = self._last_turn.get(member)
        if last is not None:
            return max(self._turn, last + 1) + ahead
        return _FIRST if ahead == 0 else self._turn + ahead

    def _take_turns(self, groups: dict[int, list[Job]]) -> Iterator[RankedJob]:
        """Order each turn's jobs: one of each server, the least recently served server first."""
        served, had = dict(self._server_served), dict(self._member_served)
        clock = self._clock
        for turn in sorted(groups):
            servers: dict[int | None, list[Job]] = {}
            for job in sorted(groups[turn], key=lambda job: had.get(_account(job), 0)):
                servers.setdefault(_server(job), []).append(job)
            order = sorted(servers, key=lambda server: served.get(server, 0))
            for lap in range(max(map(len, servers.values()))):
                for server in order:
                    if lap < len(servers[server]):
                        clock += 1
                        job = servers[server][lap]
                        served[server] = had[_account(job)] = clock
                        yield RankedJob(job, (_Class.FAIR, turn))


class _Class:
    DEADLINE, PROMISE, FAIR = 0.0, 1.0, 2.0


def _account(job: Job) -> Account:
    return job.owner.account if job.owner else None


def _server(job: Job) -> int | None:
    return job.owner.guild_id if job.owner else None


def _runs_alone(job: Job, limit: int) -> bool:
    return limit == 1 or job.repeat > 1 or job.key is None


def _split(line: list[RankedJob], limit: int) -> tuple[list[Job], list[RankedJob]]:
    """The first batch of a line, and the line without it."""
    first = line[0]
    if _runs_alone(first.job, limit):
        return [first.job], line[1:]
    batch, rest = [first.job], []
    barrier: Rank | None = None
    for place in line[1:]:
        fits = (
            len(batch) < limit
            and place.job.repeat == 1
            and place.job.key == first.job.key
            and (place.job.deadline is None) == (first.job.deadline is None)
            and (barrier is None or place.rank <= barrier)
        )
        if fits:
            batch.append(place.job)
        else:
            rest.append(place)
            barrier = barrier or place.rank
    return batch, rest
