"""The order of the line, without threads or time."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from riffbot.inference.engine.fair_queue import FairQueue
from riffbot.inference.job import Job, Requester
from riffbot.request import RiffRequest

PATIENCE = 600.0


def job(name: str, user: int, guild: int | None = 1, **options: object) -> Job:
    request = RiffRequest(prompt=name, seed=0)
    options.setdefault("submitted", 0.0)
    return Job(request, owner=Requester(user, guild), id=name, **options)  # type: ignore[arg-type]


def queue_of(*jobs: Job) -> FairQueue:
    queue = FairQueue(max_wait_s=PATIENCE)
    for one in jobs:
        queue.add(one)
    return queue


def drain(queue: FairQueue, *, now: float = 0.0, limit: int = 1) -> list[list[str]]:
    batches = []
    while batch := queue.take(now, limit):
        batches.append([one.id for one in batch])
    return batches


def test_everybodys_first_clip_comes_before_anybodys_second() -> None:
    queue = queue_of(*(job(f"{user}.{n}", user) for user in range(40) for n in range(5)))
    order = [batch[0] for batch in drain(queue)]
    assert [name.split(".")[1] for name in order] == [str(n) for n in range(5) for _ in range(40)]


def test_servers_take_turns_so_that_a_burst_does_not_starve_another() -> None:
    burst = [job(f"a{user}", user, guild=1) for user in range(20)]
    late = [job(f"b{user}", 100 + user, guild=2) for user in range(3)]
    order = [batch[0] for batch in drain(queue_of(*burst, *late))]
    assert order[:6] == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_a_latecomers_first_clip_passes_all_seconds_but_then_they_queue_like_the_rest() -> None:
    queue = queue_of(*(job(f"a{n}", 1) for n in range(4)), *(job(f"b{n}", 2) for n in range(4)))
    assert [queue.take(0, 1)[0].id for _ in range(4)] == ["a0", "b0", "a1", "b1"]
    for n in range(3):
        queue.add(job(f"c{n}", 3))
    order = [batch[0] for batch in drain(queue)]
    assert order[0] == "c0"
    assert order.index("c1") in (1, 2, 3)  # within one turn of the others, not three in a row
    assert order.index("c2") > 3


def test_a_member_who_had_a_clip_does_not_pass_those_who_had_none() -> None:
    queue = queue_of(job("a0", 1), *(job(f"x{user}", user) for user in range(10, 15)))
    assert queue.take(0, 1)[0].id == "a0"
    queue.add(job("a1", 1))
    assert drain(queue)[-1] == ["a1"]


def test_turns_are_forgotten_when_the_line_has_run_dry() -> None:
    queue = queue_of(job("a0", 1))
    assert drain(queue) == [["a0"]]
    queue.add(job("a1", 1))
    queue.add(job("b0", 2))
    assert drain(queue) == [["a1"], ["b0"]]


def test_deadlines_go_first_the_earliest_first_of_all() -> None:
    queue = queue_of(job("fair", 1), job("later", 2, deadline=9.0), job("soon", 3, deadline=5.0))
    assert drain(queue) == [["soon"], ["later"], ["fair"]]


def test_whoever_waited_as_long_as_was_promised_is_overtaken_no_more() -> None:
    patient = job("a1", 1)
    queue = queue_of(job("a0", 1), patient)
    queue.take(0.0, 1)
    queue.add(job("b0", 2, submitted=PATIENCE - 1))
    assert [batch[0].id for batch in queue.plan(PATIENCE - 1, 1)] == ["b0", "a1"]
    assert [batch[0].id for batch in queue.plan(PATIENCE, 1)] == ["a1", "b0"]


def test_compatible_requests_share_a_batch_up_to_the_limit() -> None:
    queue = queue_of(*(job(f"{user}", user, key="same") for user in range(5)))
    assert drain(queue, limit=3) == [["0", "1", "2"], ["3", "4"]]


def test_one_members_takes_share_a_batch_when_nobody_else_waits() -> None:
    assert drain(queue_of(*(job(f"a{n}", 1, key="k") for n in range(4))), limit=4) == [
        ["a0", "a1", "a2", "a3"]
    ]


def test_a_batch_takes_nobodys_second_past_anothers_first() -> None:
    queue = queue_of(
        job("a0", 1, key="k"),
        job("a1", 1, key="k"),
        job("b0", 2, key="other"),
        job("c0", 3, key="k"),
    )
    assert drain(queue, limit=4) == [["a0", "c0"], ["b0"], ["a1"]]


def test_a_deadline_takes_no_company_without_one() -> None:
    queue = queue_of(job("jam", 1, deadline=1.0, key="k"), job("riff", 2, key="k"))
    assert drain(queue, limit=4) == [["jam"], ["riff"]]


def test_an_exact_replay_runs_alone() -> None:
    queue = queue_of(job("replay", 1, key="k", repeat=2), job("riff", 2, key="k"))
    assert drain(queue, limit=4) == [["replay"], ["riff"]]


def test_a_job_that_is_taken_out_is_gone_and_its_members_next_moves_up() -> None:
    queue = queue_of(job("a0", 1), job("b0", 2), job("a1", 1))
    assert queue.remove("a0") is not None
    assert queue.remove("a0") is None
    assert drain(queue) == [["b0"], ["a1"]]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2), st.sampled_from("kl")), max_size=40),
    st.integers(1, 4),
)
def test_nobody_is_lost_and_the_plan_is_what_happens(
    arrivals: list[tuple[int, int, str]], limit: int
) -> None:
    queue = queue_of(*(job(str(n), u, g, key=k) for n, (u, g, k) in enumerate(arrivals)))
    planned = [[one.id for one in batch] for batch in queue.plan(0.0, limit)]
    happened = drain(queue, limit=limit)
    assert sorted(name for batch in happened for name in batch) == sorted(
        map(str, range(len(arrivals)))
    )
    member = [arrivals[int(name)][0] for batch in happened for name in batch]
    turns = [member[:i].count(user) for i, user in enumerate(member)]
    if limit == 1:
        assert planned == happened
        assert all(before <= after for before, after in pairwise(turns))


def visitor(name: str, who: int, network: int, **options: object) -> Job:
    """A clip of a visitor of the page."""
    request = RiffRequest(prompt=name, seed=0)
    owner = Requester(-who, 0, network=network)
    return Job(request, owner=owner, id=name, submitted=0.0, **options)  # type: ignore[arg-type]


def test_a_hundred_cookies_of_one_network_have_one_members_turns() -> None:
    flood = [visitor(f"a{n}", n + 2, network=1) for n in range(100)]
    other = [visitor(f"b{n}", 500, network=2) for n in range(3)]
    order = [batch[0] for batch in drain(queue_of(*flood, *other))]
    assert order[:6] == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_visitors_of_one_network_take_turns_in_it() -> None:
    greedy = [visitor(f"a{n}", 2, network=1) for n in range(5)]
    queue = queue_of(*greedy, visitor("b0", 3, network=1), visitor("b1", 3, network=1))
    assert [queue.take(0, 1)[0].id for _ in range(4)] == ["a0", "b0", "a1", "b1"]
    queue.add(visitor("c0", 4, network=1))
    queue.add(visitor("c1", 4, network=1))
    assert [batch[0] for batch in drain(queue)] == ["c0", "a2", "c1", "a3", "a4"]


def test_the_page_takes_turns_with_the_servers_as_one_of_them() -> None:
    page = [visitor(f"p{n}", n + 2, network=n) for n in range(20)]
    members = [job(f"m{n}", 100 + n) for n in range(3)]
    order = [batch[0] for batch in drain(queue_of(*page, *members))]
    assert order[:6] == ["p0", "m0", "p1", "m1", "p2", "m2"]


@given(
    st.lists(
        st.tuples(st.integers(2, 6), st.integers(0, 2), st.booleans()), min_size=1, max_size=40
    ),
    st.integers(1, 3),
)
def test_every_clip_of_visitors_is_made_once(
    asked: list[tuple[int, int, bool]], limit: int
) -> None:
    queue = queue_of(
        *(
            visitor(f"{n}", who, network=network, deadline=5.0 if urgent else None)
            for n, (who, network, urgent) in enumerate(asked)
        )
    )
    done = [name for batch in drain(queue, limit=limit) for name in batch]
    assert sorted(done, key=int) == [str(n) for n in range(len(asked))]
