"""A job's state only moves forward, whoever moves it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import update

from riffbot.errors import Conflict, NotFound
from riffbot.library.store import Library
from riffbot.library.tables import StoredJob
from riffbot.request import RiffRequest
from riffbot.settings import Settings
from tests.riffbot.library.conftest import ANN, files, made

REQUEST = RiffRequest(prompt="sax", seed=1)

MOVES: dict[str, Callable[[Library, str], Awaitable[object]]] = {
    "begin": lambda library, job: library.jobs.begin(job),
    "finish": lambda library, job: library.jobs.finish(job, made(REQUEST), files("a")),
    "fail": lambda library, job: library.jobs.fail(job, "It broke."),
    "cancel": lambda library, job: library.jobs.cancel(job),
}

ENDS = {"finish": "done", "fail": "failed", "cancel": "cancelled"}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("then", MOVES)
async def test_no_move_leads_out_of_an_end(library: Library, end: str, then: str) -> None:
    job = await library.jobs.create(REQUEST, author=ANN)
    await MOVES[end](library, job.id)
    if (end, then) == ("finish", "finish"):
        again = await library.jobs.finish(job.id, made(REQUEST), files("b"))
        assert again.mp3 == (await library.riffs.get(job.id)).mp3, "twice gives the first"
    else:
        with pytest.raises(Conflict, match=job.id):
            await MOVES[then](library, job.id)
    ended = await library.jobs.get(job.id)
    assert (ended.state, ended.attempts) == (ENDS[end], 0)


@pytest.mark.parametrize("then", MOVES)
async def test_a_job_that_is_gone_cannot_be_moved(library: Library, then: str) -> None:
    with pytest.raises(NotFound):
        await MOVES[then](library, "nosuch")


async def test_of_two_who_begin_one_attempt_one_is_refused(
    library: Library, settings: Settings
) -> None:
    job = await library.jobs.create(REQUEST, author=ANN)
    other = await Library.open(settings)
    try:
        begun = await asyncio.gather(
            *(one.jobs.begin(job.id, attempts=0) for one in (library, other)),
            return_exceptions=True,
        )
    finally:
        await other.close()
    (refused,) = [error for error in begun if error is not None]
    assert isinstance(refused, Conflict)
    assert "another RiffBot" in str(refused)
    assert (await library.jobs.get(job.id)).attempts == 1


async def test_a_job_is_begun_again_after_a_crash(library: Library) -> None:
    job = await library.jobs.create(REQUEST, author=ANN)
    await library.jobs.begin(job.id, attempts=0)
    await library.jobs.begin(job.id, attempts=1)
    assert (await library.jobs.get(job.id)).attempts == 2


async def test_an_attempt_that_a_stop_ended_is_given_back(library: Library) -> None:
    job = await library.jobs.create(REQUEST, author=ANN)
    with pytest.raises(Conflict):
        await library.jobs.uncount_attempt(job.id, attempts=0)  # nobody has begun
    await library.jobs.begin(job.id)
    await library.jobs.begin(job.id)
    with pytest.raises(Conflict, match="another RiffBot"):
        await library.jobs.uncount_attempt(job.id, attempts=1)  # somebody has begun another since
    await library.jobs.uncount_attempt(job.id, attempts=2)
    with pytest.raises(Conflict):
        await library.jobs.uncount_attempt(job.id, attempts=2)  # once
    given_back = await library.jobs.get(job.id)
    assert (given_back.state, given_back.attempts) == ("waiting", 1)
    await library.jobs.begin(job.id, attempts=1)
    await library.jobs.finish(job.id, made(REQUEST), files("a"))
    with pytest.raises(Conflict):
        await library.jobs.uncount_attempt(job.id, attempts=2)
    with pytest.raises(NotFound):
        await library.jobs.uncount_attempt("nosuch", attempts=1)


async def test_a_riff_that_was_deleted_is_not_made_again_by_a_late_answer(
    library: Library,
) -> None:
    job = await library.jobs.create(REQUEST, author=ANN)
    await library.jobs.finish(job.id, made(REQUEST), files("a"))
    await library.riffs.delete(job.id)
    with pytest.raises(NotFound):
        await library.jobs.finish(job.id, made(REQUEST), files("a"))
    assert await library.riffs.count() == 0


@pytest.mark.parametrize("stuck", ["waiting", "running", "failed", "cancelled"])
async def test_a_start_heals_jobs_whose_riff_exists(
    library: Library, settings: Settings, stuck: str
) -> None:
    made_one, other = [await library.jobs.create(REQUEST, author=ANN) for _ in range(2)]
    await library.jobs.finish(made_one.id, made(REQUEST), files("a"))
    async with library._database.write() as session:
        broken = update(StoredJob).values(state=stuck, attempts=4, error="I broke down 4 times")
        await session.execute(broken)
    again = await Library.open(settings)
    try:
        healed = await again.jobs.get(made_one.id)
        assert (healed.state, healed.error) == ("done", None)
        assert (await again.jobs.get(other.id)).state == stuck, "of this one there is no riff"
    finally:
        await again.close()
