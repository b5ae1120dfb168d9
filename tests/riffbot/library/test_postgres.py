"""The library on a real PostgreSQL, where one is installed."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.orm import Session

from riffbot import process
from riffbot.errors import Conflict, StorageError
from riffbot.jam.snapshot import scrub_jam
from riffbot.library import instance_lock, migrate
from riffbot.library.connection import database_url
from riffbot.library.instance_lock import hold_instance_lock
from riffbot.library.store import Library
from riffbot.library.tables import Base, StoredRiff
from riffbot.library.types import FORMER_MEMBER
from riffbot.request import RiffRequest
from riffbot.services import open_services
from riffbot.settings import Settings
from tests.riffbot.library.conftest import ANN, BOB, files, made
from tests.support import postgres


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres.running() as url:
        yield url


@pytest.mark.needs("postgres", "asyncpg")
async def test_the_library_works_the_same(server: str, tmp_path: Path) -> None:
    library = await Library.open(Settings(data_dir=tmp_path, database_url=server))
    request = RiffRequest(prompt="Funky (Sax:1.3)", seed=2**32 - 1)
    job = await library.jobs.create(request, author=ANN)
    await library.jobs.begin(job.id)
    (found,) = await library.jobs.unfinished()
    assert (found.request, found.attempts, found.author) == (request, 1, ANN)
    parent = await library.jobs.finish(job.id, made(request), files("a"))
    remix = RiffRequest(prompt="bells", seed=1, seed_image=parent.image_ref)
    job = await library.jobs.create(remix, author=BOB, parent=parent.id)
    child = await library.jobs.finish(job.id, made(remix), files("b"))

    assert [riff.id for riff in await library.riffs.recent()] == [child.id, parent.id]
    assert [riff.id for riff in await library.riffs.search("sax fun")] == [parent.id]
    assert [riff.id for riff in await library.riffs.complete("FUNKY (s")] == [parent.id]
    await library.riffs.add_favourite(parent.id, BOB.user_id)
    assert [riff.id for riff in await library.riffs.favourites(BOB.user_id)] == [parent.id]
    await library.privacy.erase_member(ANN.user_id, scrub_jam)
    (credit,) = await library.riffs.credits(await library.riffs.get(child.id))
    assert (credit.riff_id, credit.author) == (None, FORMER_MEMBER)
    page = await library.riffs.page(guild_id=10, text="bells")
    assert [riff.id for riff in page.riffs] == [child.id]
    assert await library.riffs.favourites(BOB.user_id) == []
    assert library.files.path(parent.png) is not None
    await library.close()
    # Down to an older RiffBot's tables and up again, with an empty place and a child in them.
    await asyncio.to_thread(migrate.downgrade, server, "0003")
    await asyncio.to_thread(migrate.upgrade, server)
    library = await Library.open(Settings(data_dir=tmp_path, database_url=server))
    again = await library.riffs.get(child.id)
    assert (again.prompt, again.parent_id, again.request) == (child.prompt, None, child.request)
    await library.close()


@pytest.mark.needs("postgres", "asyncpg")
async def test_a_question_of_several_statements_sees_one_moment(
    server: str, tmp_path: Path
) -> None:
    library = await Library.open(Settings(data_dir=tmp_path, database_url=server))
    request = RiffRequest(prompt="one moment", seed=1)
    job = await library.jobs.create(request, author=ANN)
    riff = await library.jobs.finish(job.id, made(request), files("moment"))

    async def change() -> None:
        engine = create_async_engine(server.replace("postgresql:", "postgresql+asyncpg:"))
        async with engine.begin() as connection:
            await connection.execute(text("UPDATE riffs SET prompt = 'another'"))
        await engine.dispose()

    def question(session: Session) -> list[str]:
        prompts = select(StoredRiff.prompt).where(StoredRiff.id == riff.id)
        before = session.scalar(prompts)
        other = threading.Thread(target=lambda: asyncio.run(change()))
        other.start()
        other.join()
        return [str(before), str(session.scalar(prompts))]

    assert await library._database.query(question) == ["one moment", "one moment"]
    assert (await library.riffs.get(riff.id)).prompt == "another"
    await library.privacy.erase_member(
        ANN.user_id, scrub_jam
    )  # writers are no readers of an old moment
    await library.close()


@pytest.mark.needs("postgres", "asyncpg")
async def test_up_down_and_exactly_the_models(server: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(migrate.upgrade, server) for _ in range(3)))
    engine = create_async_engine(server.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.connect() as connection:
        difference = await connection.run_sync(
            lambda c: compare_metadata(MigrationContext.configure(c), Base.metadata)
        )
    await engine.dispose()
    assert difference == []
    await asyncio.to_thread(migrate.downgrade, server, "base")
    assert (await asyncio.to_thread(migrate.revisions, server))[0] is None
    await asyncio.to_thread(migrate.upgrade, server)


@pytest.mark.needs("asyncpg")
async def test_a_server_that_is_away_is_a_sentence(tmp_path: Path) -> None:
    away = Settings(data_dir=tmp_path, database_url="postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StorageError, match="cannot be reached"):
        await Library.open(away)


@pytest.mark.needs("postgres", "asyncpg")
async def test_two_riffbots_on_one_database_are_told(server: str, tmp_path: Path) -> None:
    one, two = (Settings(data_dir=tmp_path / name, database_url=server) for name in ("a", "b"))
    async with hold_instance_lock(one):
        with pytest.raises(StorageError, match=f"process {os.getpid()} on "):
            async with hold_instance_lock(two):
                pass
    async with hold_instance_lock(two):
        pass


@pytest.mark.needs("postgres", "asyncpg")
async def test_another_schema_is_another_library(server: str, tmp_path: Path) -> None:
    async with create_async_engine(server.replace(":", "+asyncpg:", 1)).begin() as connection:
        await connection.execute(text("CREATE SCHEMA elsewhere"))
        await connection.execute(text("CREATE ROLE other LOGIN SUPERUSER"))
        await connection.execute(text("ALTER ROLE other SET search_path TO elsewhere"))
    one = Settings(data_dir=tmp_path / "a", database_url=server)
    two = Settings(data_dir=tmp_path / "b", database_url=server.replace("riffbot@", "other@"))
    async with hold_instance_lock(one), hold_instance_lock(two):
        pass


@pytest.mark.needs("postgres", "asyncpg")
async def test_a_lock_that_was_lost_is_taken_again(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance_lock, "_CHECK_EVERY_S", 0.05)
    monkeypatch.setattr(instance_lock, "_RETRY_S", 0.05)
    one, two = (Settings(data_dir=tmp_path / name, database_url=server) for name in ("a", "b"))
    async with hold_instance_lock(one):
        engine = create_async_engine(server.replace(":", "+asyncpg:", 1))
        async with engine.connect() as connection:
            mine = "FROM pg_stat_activity WHERE application_name LIKE 'riffbot, process%'"
            pids = select(text(f"pid {mine}"))
            (lost,) = (await connection.execute(pids)).scalars()
            await connection.execute(text(f"SELECT pg_terminate_backend({lost})"))
            async with asyncio.timeout(20):
                while True:
                    await connection.rollback()
                    now = (await connection.execute(pids)).scalars().all()
                    if now and lost not in now:
                        break
                    await asyncio.sleep(0.05)
        await engine.dispose()
        with pytest.raises(StorageError, match="already"):
            async with hold_instance_lock(two):
                pass


@pytest.mark.needs("postgres", "asyncpg")
async def test_who_loses_the_lock_to_another_one_stops_in_order(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[float] = []
    monkeypatch.setattr("riffbot.interrupts.exit_after", lambda seconds, code: ends.append(seconds))
    monkeypatch.setattr(instance_lock, "_CHECK_EVERY_S", 0.05)
    monkeypatch.setattr(instance_lock, "_RETRY_S", 1.0)
    url = server.replace(":", "+asyncpg:", 1)
    settings = Settings(
        _env_file=None, data_dir=tmp_path / "a", database_url=server, model="no-such-folder"
    )
    engine = create_async_engine(url)
    async with engine.connect() as other:
        await other.execution_options(isolation_level="AUTOCOMMIT")
        with pytest.raises(StorageError, match=r"has taken over the database “postgres” \(.*127"):
            await running_until_lost(settings, other)
    await engine.dispose()
    assert ends == [process.STOP_S] * 2


async def running_until_lost(settings: Settings, other: AsyncConnection) -> None:
    """Be told to stop when `other` takes the lock that a lost connection has given back."""
    pids = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'riffbot, process%'"
    take = "SELECT pg_advisory_lock(:key, hashtext(current_schema()))"
    async with open_services(settings) as services:
        with process.handle_stop_signals(services.instance_lock) as stop:
            assert not stop.is_set()
            lost = await other.scalar(text(pids))
            await other.execute(text(f"SELECT pg_terminate_backend({lost})"))
            await other.execute(text(take), instance_lock._KEY)
            async with asyncio.timeout(20):
                await stop.wait()
        with process.handle_stop_signals(services.instance_lock) as late:
            assert late.is_set(), "it was lost before anybody listened"


@pytest.mark.needs("postgres", "asyncpg")
async def test_ones_own_connection_that_the_server_still_believes_in_is_no_other_riffbot(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance_lock, "_RETRY_S", 0.02)
    lock, mine = instance_lock._AdvisoryLock(database_url(server)), instance_lock.InstanceLock()
    await lock.acquire()
    believed, lock._connection = lock._connection, None
    assert believed is not None
    watching = asyncio.create_task(lock.watch(mine))
    await asyncio.sleep(0.3)
    assert mine.lost is None
    await believed.invalidate()
    await believed.close()
    async with asyncio.timeout(20):
        while lock._connection is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    watching.cancel()
    await lock.close()
    assert mine.lost is None


@pytest.mark.needs("postgres", "asyncpg")
async def test_of_two_who_end_a_job_the_first_counts(server: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url=server)
    one, two = [await Library.open(settings) for _ in range(2)]
    request = RiffRequest(prompt="once", seed=1)
    for _ in range(5):
        job = await one.jobs.create(request, author=ANN)
        ended = await asyncio.gather(
            one.jobs.finish(job.id, made(request), files("once")),
            two.jobs.fail(job.id, "It broke."),
            return_exceptions=True,
        )
        assert [isinstance(answer, Conflict) for answer in ended].count(True) == 1
        state = (await one.jobs.get(job.id)).state
        assert state == ("failed" if isinstance(ended[0], Conflict) else "done")
        begun = await asyncio.gather(
            *(library.jobs.begin(job.id) for library in (one, two)), return_exceptions=True
        )
        assert all(isinstance(answer, Conflict) for answer in begun)
    await one.close()
    await two.close()
