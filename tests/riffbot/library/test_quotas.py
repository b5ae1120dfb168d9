"""Quotas, counted by real processes on one database."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from riffbot.errors import Disallowed
from riffbot.inference.job import new_id
from riffbot.jam.snapshot import scrub_jam
from riffbot.library.store import Library
from riffbot.request import RiffRequest
from riffbot.rules.quota import DAY, HOUR, Limit
from riffbot.settings import Settings
from tests.riffbot.library.conftest import ANN, files, made
from tests.support import postgres

NOW = datetime.now(UTC)
THREE = (Limit(3, HOUR, is_of_member=True),)

GREEDY = """
import asyncio, sys
from riffbot.errors import Disallowed
from riffbot.inference.job import new_id
from riffbot.library.store import Library
from riffbot.rules.quota import DAY, Limit
from riffbot.settings import Settings

async def main():
    library = await Library.open(Settings(_env_file=None))
    taken = 0
    for _ in range(12):
        try:
            await library.quotas.take(10, int(sys.argv[1]), [new_id()], [Limit(15, DAY, False)])
            taken += 1
        except Disallowed:
            pass
    await library.close()
    print(taken)

asyncio.run(main())
"""
"""A process that takes as many riffs as it gets."""


def take_in_two_processes(environment: dict[str, str]) -> list[int]:
    both = [
        subprocess.Popen(
            [sys.executable, "-c", GREEDY, member],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for member in ("1", "2")
    ]
    return [int(one.communicate(timeout=120)[0]) for one in both]


def test_two_processes_never_exceed_a_quota(tmp_path: Path) -> None:
    taken = take_in_two_processes({"RIFFBOT_DATA_DIR": str(tmp_path)})
    assert sum(taken) == 15, taken


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres.running() as url:
        yield url


@pytest.mark.needs("postgres", "asyncpg")
def test_nor_do_two_on_postgresql(server: str, tmp_path: Path) -> None:
    asyncio.run(_create(server, tmp_path))
    taken = take_in_two_processes(
        {"RIFFBOT_DATA_DIR": str(tmp_path), "RIFFBOT_DATABASE_URL": server}
    )
    assert sum(taken) == 15, taken


async def _create(server: str, tmp_path: Path) -> None:
    await (await Library.open(Settings(data_dir=tmp_path, database_url=server))).close()


async def test_a_quota_holds_over_a_restart(library: Library, settings: Settings) -> None:
    await library.quotas.take(10, 1, [new_id(), new_id(), new_id()], THREE, NOW)
    again = await Library.open(settings)
    try:
        with pytest.raises(Disallowed) as refused:
            await again.quotas.take(10, 1, [new_id()], THREE, NOW + timedelta(minutes=59))
        assert refused.value.again_at == NOW + HOUR
        await again.quotas.take(10, 2, [new_id()], THREE, NOW)  # another member
        await again.quotas.take(11, 1, [new_id()], THREE, NOW)  # another server
        await again.quotas.take(10, 1, [new_id()], THREE, NOW + HOUR)
    finally:
        await again.close()


async def test_all_riffs_of_a_command_are_taken_or_none(library: Library) -> None:
    await library.quotas.take(10, 1, [new_id(), new_id()], THREE, NOW)
    with pytest.raises(Disallowed):
        await library.quotas.take(10, 1, [new_id(), new_id()], THREE, NOW)
    await library.quotas.take(10, 1, [new_id()], THREE, NOW)


async def test_what_fails_or_is_cancelled_is_given_back(library: Library) -> None:
    for end in ("fail", "cancel", "never queued"):
        ids = [new_id() for _ in range(3)]
        await library.quotas.take(10, 1, ids, THREE, NOW)
        if end == "never queued":
            await library.quotas.give_back(ids)
            continue
        for job_id in ids:
            await library.jobs.create(RiffRequest(prompt="a", seed=1), author=ANN, job_id=job_id)
            if end == "fail":
                await library.jobs.fail(job_id, "It broke.")
            else:
                await library.jobs.cancel(job_id)
    await library.quotas.take(10, 1, [new_id() for _ in range(3)], THREE, NOW)


async def test_a_riff_that_is_made_and_deleted_counts(library: Library) -> None:
    job_id, request = new_id(), RiffRequest(prompt="a", seed=1)
    one = (Limit(1, DAY, is_of_member=True),)
    await library.quotas.take(10, ANN.user_id, [job_id], one, NOW)
    job = await library.jobs.create(request, author=ANN, job_id=job_id)
    assert job.id == job_id
    await library.jobs.finish(job_id, made(request), files("a"))
    await library.riffs.delete(job_id)
    with pytest.raises(Disallowed):
        await library.quotas.take(10, ANN.user_id, [new_id()], one, NOW)
    # Who is forgotten is not counted any more, but the server's riffs are.
    await library.privacy.erase_member(ANN.user_id, scrub_jam)
    with pytest.raises(Disallowed):
        await library.quotas.take(10, 2, [new_id()], (Limit(1, DAY, is_of_member=False),), NOW)
    await library.quotas.take(10, ANN.user_id, [new_id()], one, NOW)
