"""A jam that takes another's place: the old one plays on until the new one can be heard."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient

from riffbot.jam.session import JamSession
from riffbot.services import Services
from tests.support.fake_pipeline import FakePipeline, until

RAIN = {"prompt": "rain", "seed_image": "beat"}
BELLS = {"prompt": "bells", "seed_image": "beat"}


async def begun(client: TestClient, services: Services, wish: dict[str, Any]) -> JamSession:
    answer = await client.post("/api/jams", json=wish)
    assert answer.status == 201, await answer.text()
    session = services.jams.get_by_id((await answer.json())["jam"]["id"])
    assert session is not None
    return session


@pytest.fixture
async def old(client: TestClient, services: Services) -> JamSession:
    """A private jam that plays."""
    return await begun(client, services, RAIN)


@pytest.fixture
async def asked(
    client: TestClient, services: Services, pipeline: FakePipeline, old: JamSession
) -> asyncio.Task[aiohttp.ClientResponse]:
    """A request for a jam in place of the old one, whose first chunk waits for the gate."""
    await until(lambda: old._planner.is_settled)
    pipeline.gate.clear()
    task = asyncio.create_task(client.post("/api/jams", json={**BELLS, "instead_of": old.id}))
    await until(lambda: services.jams.is_being_replaced(old))
    return task


async def test_a_refusal_leaves_the_old_jam_playing(
    client: TestClient, services: Services, old: JamSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("riffbot.jam.capacity.MAX_LOAD", 1e-9)
        answer = await client.post("/api/jams", json={**BELLS, "instead_of": old.id})
    assert answer.status == 503
    assert "single riffs" in (await answer.json())["error"]
    assert services.jams.all() == [old]
    assert old.status().phase == "playing"
    heard = old.ring.head
    await until(lambda: old.ring.head > heard + 10)
    row = await services.library.jams.find_latest(old.key)
    assert row is not None
    assert (row.id, row.status) == (old.id, "running")


async def test_one_that_nobody_listens_to_plays_on_as_well(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = [await begun(client, services, RAIN) for _ in range(services.settings.page_jams)]
    with monkeypatch.context() as patch:
        patch.setattr("riffbot.jam.capacity.MAX_LOAD", 1e-9)
        assert (await client.post("/api/jams", json=BELLS)).status == 503
    assert services.jams.all() == every
    assert {session.status().phase for session in every} == {"playing"}


async def test_the_old_jam_is_heard_until_the_new_one_can_be(
    client: TestClient,
    services: Services,
    pipeline: FakePipeline,
    old: JamSession,
    asked: asyncio.Task[aiohttp.ClientResponse],
) -> None:
    heard = old.ring.head
    await until(lambda: old.ring.head > heard + 10)
    assert services.jams.all() == [old], "the new one is nowhere to be seen yet"
    # A double click does not begin two.
    second = await client.post("/api/jams", json={**BELLS, "instead_of": old.id})
    assert second.status == 400
    assert "already" in (await second.json())["error"]
    pipeline.gate.set()
    answer = await asked
    assert answer.status == 201
    (new,) = services.jams.all()
    assert new.id == (await answer.json())["jam"]["id"]
    assert new.key == old.key
    assert old.is_ended
    # What a restart after a crash would go on with is the new one.
    rows = await services.library.jams.find_unfinished()
    assert [row.id for row in rows] == [new.id]


async def test_a_stop_in_the_middle_keeps_the_old_jam(
    services: Services,
    pipeline: FakePipeline,
    old: JamSession,
    asked: asyncio.Task[aiohttp.ClientResponse],
) -> None:
    closing = asyncio.create_task(services.jams.close())
    await asyncio.sleep(0.1)
    pipeline.gate.set()
    await closing
    answer = await asked
    assert answer.status == 500
    assert "stopping" in (await answer.json())["error"]
    rows = await services.library.jams.find_unfinished()
    assert [row.id for row in rows] == [old.id]
