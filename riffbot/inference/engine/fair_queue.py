"""The fair queue: which waiting job is next, and which may share a batch with it.

Three classes, each before the next:

1. **Deadlines** (a jam's chunks), earliest first. One that would be missed overtakes what
   is running, between two of its steps, unless that has a deadline too.
2. **Overdue**: a job that has waited `max_wait_s` goes next, in order of arrival, so that no
   stream of new members can starve anybody.
3. **Fair shares**, in rounds: everybody's first clip before anybody's second. Within a round the
   servers alternate (the least recently served first), and inside a server its members do.
   Visitors of the page who come from one network share one member's rounds
   (`Requester.account`), or a visitor who deletes cookies would have as many shares as they like;
   inside a network the visitors alternate.

"Second" is meant within one busy period: the queue counts rounds as start-time fair queueing does
(Goyal, Vin and Cheng, 1996). A member who comes late gets their first clip at once and then joins
the round that is being served; past use is not counted.

Nothing here locks or reads a clock: the dispatcher holds its lock and passes the time in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from riffbot.inference.job import Job, Requester

_FIRST = -1
"""The round of the first clip of a member who was not served yet: before every other round."""

Rank = tuple[float, ...]
"""Class, then deadline, arrival or round. Jobs of equal rank may run in any order."""


Account = tuple[str, int] | None
"""`Requester.account`; None is the machine's own owner."""


@dataclass(frozen=True)
class RankedJob:
    """A waiting job and its rank in the queue."""

    job: Job
    rank: Rank


class FairQueue:
    """Waiting jobs in the order in which they will run.

    Args:
        max_wait_s: a job that has waited this many seconds is overdue (the second class).
    """

    def __init__(self, *, max_wait_s: float) -> None:
        self._max_wait_s = max_wait_s
        self._jobs: dict[str, Job] = {}  # in order of arrival
        self._reset()

    def _reset(self) -> None:
        self._round = 0
        self._serve_counter = 0
        self._last_round: dict[Account, int] = {}
        self._account_served: dict[Account, int] = {}
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

    def waiting(self, owner: Requester) -> int:
        """How many jobs without a deadline this member has waiting, on all servers together."""
        return sum(
            job.deadline is None and job.owner is not None and job.owner.user_id == owner.user_id
            for job in self._jobs.values()
        )

    def waiting_of_account(self, owner: Requester) -> int:
        """How many jobs without a deadline wait of all owners with this owner's account."""
        return sum(
            job.deadline is None and _account(job) == owner.account for job in self._jobs.values()
        )

    def rounds_ahead(self, owner: Requester) -> int:
        """How many rounds come before this owner's next one, the one being served included."""
        return max(0, self._last_round.get(owner.account, -1) + 1 - self._round)

    def plan(self, now: float, limit: int) -> list[list[Job]]:
        """The whole queue as the batches that it will run in, next one first.

        A batch is its first job and those compatible with it (equal `key`), at most `limit`. A job
        joins a batch only if it skips no higher-priority job, so that batching cannot make
        anybody's second clip run before another's first. Jobs with a deadline share a batch only
        with jobs that have one too, because a larger batch takes longer.
        """
        ranked, first = self._ranked_jobs(now), 0
        batches = []
        while first < len(ranked):
            if _runs_alone(ranked[first].job, limit):  # no copy: long songs make long queues
                batches.append([ranked[first].job])
                first += 1
            else:
                batch, ranked = _split(ranked[first:], limit)
                first = 0
                batches.append(batch)
        return batches

    def take(self, now: float, limit: int) -> list[Job]:
        """Remove and return the next batch; an empty list when no job waits.

        When the queue is empty by then, the busy period is over and all rounds are forgotten.
        """
        ranked = self._ranked_jobs(now)
        if not ranked:
            self._reset()
            return []
        batch, _ = _split(ranked, limit)
        ranks = {place.job.id: place.rank for place in ranked}
        for job in batch:
            del self._jobs[job.id]
            if job.deadline is None:
                self._serve(job, ranks[job.id])
        return batch

    def _serve(self, job: Job, rank: Rank) -> None:
        """Record that a job without a deadline was taken."""
        account = _account(job)
        is_new = account not in self._last_round
        round_number = self._round if is_new else max(self._round, self._last_round[account] + 1)
        if not is_new and rank[0] == _Class.FAIR:
            self._round = round_number
        self._last_round[account] = round_number
        self._serve_counter += 1
        self._account_served[account] = self._serve_counter
        if job.owner is not None and job.owner.network is not None:
            self._visitor_served[job.owner.user_id] = self._serve_counter
        self._server_served[_server(job)] = self._serve_counter

    def _ranked_jobs(self, now: float) -> list[RankedJob]:
        """All jobs with their ranks, in order."""
        urgent: list[RankedJob] = []
        groups: dict[int, list[Job]] = {}
        ahead: dict[Account, int] = {}
        for job in self._arrivals():
            if job.deadline is not None:
                urgent.append(RankedJob(job, (_Class.DEADLINE, job.deadline)))
            elif now - job.submitted >= self._max_wait_s:
                urgent.append(RankedJob(job, (_Class.OVERDUE, job.submitted)))
            else:
                earlier = ahead[_account(job)] = ahead.get(_account(job), -1) + 1
                groups.setdefault(self._round_of(_account(job), earlier), []).append(job)
        urgent.sort(key=lambda place: place.rank)
        return urgent + list(self._order_rounds(groups))

    def _arrivals(self) -> list[Job]:
        """All jobs in order of arrival, but the places of one network are shared out among its
        visitors: the least recently served first, one clip of each before the second of any."""
        jobs = list(self._jobs.values())
        places: dict[int, list[int]] = {}
        for place, job in enumerate(jobs):
            if job.owner is not None and job.owner.network is not None:
                places.setdefault(job.owner.network, []).append(place)
        ordered = list(jobs)
        for shared in places.values():
            taken: Counter[int] = Counter()
            keyed = []
            for place in shared:
                visitor = jobs[place].owner.user_id  # type: ignore[union-attr]
                keyed.append((taken[visitor], self._visitor_served.get(visitor, 0), place))
                taken[visitor] += 1
            for place, (_, _, chosen) in zip(shared, sorted(keyed), strict=True):
                ordered[place] = jobs[chosen]
        return ordered

    def _round_of(self, account: Account, ahead: int) -> int:
        """The round of a member's job that waits behind `ahead` other jobs of that member."""
        last = self._last_round.get(account)
        if last is not None:
            return max(self._round, last + 1) + ahead
        return _FIRST if ahead == 0 else self._round + ahead

    def _order_rounds(self, groups: dict[int, list[Job]]) -> Iterator[RankedJob]:
        """Order each round's jobs: one of each server, the least recently served server first."""
        served, had = dict(self._server_served), dict(self._account_served)
        serve_counter = self._serve_counter
        for round_number in sorted(groups):
            servers: dict[int | None, list[Job]] = {}
            for job in sorted(groups[round_number], key=lambda job: had.get(_account(job), 0)):
                servers.setdefault(_server(job), []).append(job)
            order = sorted(servers, key=lambda server: served.get(server, 0))
            for taken in range(max(map(len, servers.values()))):
                for server in order:
                    if taken < len(servers[server]):
                        serve_counter += 1
                        job = servers[server][taken]
                        served[server] = had[_account(job)] = serve_counter
                        yield RankedJob(job, (_Class.FAIR, round_number))


class _Class:
    DEADLINE, OVERDUE, FAIR = 0.0, 1.0, 2.0


def _account(job: Job) -> Account:
    return job.owner.account if job.owner else None


def _server(job: Job) -> int | None:
    return job.owner.guild_id if job.owner else None


def _runs_alone(job: Job, limit: int) -> bool:
    return limit == 1 or job.repeat > 1 or job.key is None


def _split(ranked: list[RankedJob], limit: int) -> tuple[list[Job], list[RankedJob]]:
    """The first batch of a list of ranked jobs, and the list without it."""
    first = ranked[0]
    if _runs_alone(first.job, limit):
        return [first.job], ranked[1:]
    batch, rest = [first.job], []
    barrier: Rank | None = None
    for place in ranked[1:]:
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
