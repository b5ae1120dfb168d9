"""Who may start a jam on the page, and when, and whose vote is whose."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from riffbot.errors import Refused
from riffbot.inference.engine.engine import Engine
from riffbot.jam.capacity import Capacity
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.manager import JamManager
from riffbot.jam.types import LOCAL_USER
from riffbot.library.jam_record import PageJam
from riffbot.library.types import Author
from riffbot.request import RiffRequest
from riffbot.services import Services
from riffbot.settings import Settings
from riffbot.web import keys
from riffbot.web.app import create_app
from riffbot.web.jam_start_limits import GRACE_S, LONGEST_WAIT_S, MAX_BALANCE_S, JamStartLimiter
from riffbot.web.rate_limit import RateLimiter
from tests.support.fake_pipeline import FakePipeline, until

PROXY = {"trusted_proxies": ("127.0.0.0/8",), "host": "0.0.0.0"}
ANN = Author(1, "Ann", 10)
BEAT = {"prompt": "x", "seed_image": "beat"}


class Page:
    """A page with visitors from many addresses.

    Attributes:
        now: what its limits take for the time.
    """

    def __init__(self, app: web.Application, client: TestClient) -> None:
        self.now = 1000.0
        self._client = client
        self.starts = JamStartLimiter(clock=lambda: self.now)
        app[keys.JAM_START_LIMITER] = self.starts

    async def post(
        self, address: str, path: str = "", body: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        answer = await self._client.post(
            f"/api/jams{path}", json=body or BEAT, headers={"X-Forwarded-For": address}
        )
        return answer.status, await answer.json(), dict(answer.headers)

    async def listen(self, jam_id: str, address: str) -> None:
        """Listen for a moment."""
        headers = {"X-Forwarded-For": address}
        path = f"/api/jams/{jam_id}/socket"
        async with self._client.ws_connect(path, headers=headers) as socket:
            await socket.receive()


@pytest.fixture
async def page(services: Services) -> AsyncIterator[Page]:
    fields = services.settings.model_dump(exclude_none=True)
    app = create_app(replace(services, settings=Settings(**{**fields, **PROXY}, _env_file=None)))
    async with AsyncExitStack() as stack:
        client = TestClient(TestServer(app))
        # The limits cannot be replaced once the server has begun.
        made = Page(app, client)
        await stack.enter_async_context(client)
        yield made


async def test_a_network_starts_three_jams_at_once_and_then_one_every_20_s(page: Page) -> None:
    for host in ("2001:db8::1", "2001:db8::2", "2001:db8::3"):
        assert (await page.post(host))[0] == 201
    status, body, headers = await page.post("2001:db8::4")
    assert status == 429
    assert "started several jams" in body["error"]
    assert 1 <= int(headers["Retry-After"]) <= 20


async def test_a_jam_that_nobody_could_listen_to_yet_is_not_ended_for_another(
    page: Page, services: Services
) -> None:
    begun = [(await page.post(f"203.0.113.{n}"))[1]["jam"]["id"] for n in (1, 2)]
    status, body, _ = await page.post("203.0.113.3")
    assert (status, body["offer"]) == (503, "riff")
    assert "as many as this page may start" in body["error"]
    # Its own starter may have another in its place.
    status, body, _ = await page.post("203.0.113.1")
    assert status == 201
    assert services.jams.get_by_id(begun[0]) is None
    begun[0] = body["jam"]["id"]
    # Whoever was heard has had its time, and so has a jam that nobody came to.
    await page.listen(begun[1], "203.0.113.2")
    await until(lambda: services.jams.get_by_id(begun[1]) is not None)
    status, body, _ = await page.post("203.0.113.4")
    assert status == 201
    assert services.jams.get_by_id(begun[1]) is None
    page.now += GRACE_S + 1
    assert (await page.post("203.0.113.5"))[0] == 201


async def test_what_is_refused_for_room_or_nonsense_takes_nothing_of_the_allowance(
    page: Page,
) -> None:
    for n in (1, 2):
        assert (await page.post(f"203.0.113.{n}"))[0] == 201
    for _ in range(5):
        assert (await page.post("203.0.113.3"))[0] == 503
        assert (await page.post("203.0.113.3", body={"prompt": "(x:99)"}))[0] == 400
    page.now += GRACE_S + 1
    assert (await page.post("203.0.113.3"))[0] == 201


def test_all_starts_together_take_a_third_of_the_time() -> None:
    now = 0.0
    starts = JamStartLimiter(RateLimiter(burst=10**6), clock=lambda: now)
    spent = 0.0
    while now < 3000:
        try:
            starts.admit("203.0.113.1")
        except Refused:
            now += 0.5
            continue
        now += 4
        spent += 4
        starts.charge(4, queue_was_busy=True)
    assert spent <= 3000 / 3 + MAX_BALANCE_S + 4
    assert spent > 3000 / 4, "and what is quiet may begin"


async def test_too_many_starts_of_all_offer_a_single_riff(page: Page) -> None:
    page.starts.charge(10, queue_was_busy=True)  # a slow machine began one
    status, body, headers = await page.post("203.0.113.1")
    assert (status, body["offer"]) == (503, "riff")
    assert int(headers["Retry-After"]) > 1
    page.now += 30
    assert (await page.post("203.0.113.1"))[0] == 201


async def test_waiting_for_the_model_is_not_charged(page: Page, pipeline: FakePipeline) -> None:
    pipeline.gate.clear()
    first = asyncio.create_task(page.post("203.0.113.1"))
    await until(lambda: bool(pipeline.batches))
    page.now += 25  # while the model loads, or somebody's riff is made
    pipeline.gate.set()
    assert (await first)[0] == 201
    assert (await page.post("203.0.113.2"))[0] == 201


async def test_starts_in_one_batch_are_charged_once_together(
    services: Services, pipeline: FakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    took: dict[Capacity, float] = {}

    def record(capacity: Capacity, seconds: float) -> None:
        took.setdefault(capacity, seconds)

    monkeypatch.setattr(Capacity, "record", record)
    pipeline.model.device = "cuda"
    async with Engine(lambda: pipeline, max_batch=2) as engine:
        jams = JamManager(
            engine, services.images, services.library, services.clip_service, services.settings
        )
        pipeline.gate.clear()
        riff = asyncio.create_task(engine.submit(RiffRequest(prompt="x")))
        await until(lambda: bool(pipeline.batches))
        starting = [
            asyncio.create_task(
                jams.start(PageJam(n), ChunkOptions(prompt="y"), starter=LOCAL_USER)
            )
            for n in (1, 2)
        ]
        await until(lambda: engine.stats().queued == 2)
        pipeline.gate.set()
        first, second = [(await start).reader for start in starting]
        assert len(pipeline.batches[1]) == 2
        assert first.start_engine_s + second.start_engine_s == pytest.approx(took[first.capacity])
        await riff
        await jams.close()


def test_one_slow_start_keeps_the_others_waiting_for_two_minutes_at_most() -> None:
    now = 0.0
    starts = JamStartLimiter(clock=lambda: now)
    starts.charge(3600, queue_was_busy=True)
    with pytest.raises(Refused, match=r"Starting jams took .* try again in 120 seconds") as refusal:
        starts.admit("203.0.113.1")
    assert refusal.value.wait_s == LONGEST_WAIT_S
    now += LONGEST_WAIT_S + 1
    starts.admit("203.0.113.1")


async def test_starts_have_no_share_while_no_riff_waits(
    services: Services, pipeline: FakePipeline
) -> None:
    starts = create_app(services)[keys.JAM_START_LIMITER]
    for n in range(10):  # a lone visitor's, of whom the third was refused once
        queue_was_busy = starts.admit(f"203.0.113.{n}")
        assert not queue_was_busy
        starts.charge(4, queue_was_busy=queue_was_busy)
    pipeline.gate.clear()
    riff = asyncio.create_task(services.clip_service.make(RiffRequest(prompt="x"), author=ANN))
    await until(lambda: bool(pipeline.batches) and services.engine.has_clips)
    assert starts.admit("203.0.113.20"), "what was free for all is not held against anybody"
    starts.charge(4, queue_was_busy=True)
    starts.charge(4, queue_was_busy=False)  # a riff came while it began
    with pytest.raises(Refused, match="the riffs that wait"):
        starts.admit("203.0.113.21")
    pipeline.gate.set()
    await riff
    assert not starts.admit("203.0.113.21")


async def test_whoever_sits_here_starts_as_many_as_they_like(client: TestClient) -> None:
    for _ in range(6):
        assert (await client.post("/api/jams", json=BEAT)).status == 201


async def test_all_addresses_of_one_network_have_one_vote(page: Page, services: Services) -> None:
    jam = (await page.post("203.0.113.1", body={**BEAT, "prompt": "sax"}))[1]["jam"]["id"]
    for n in range(18):
        status, _, _ = await page.post(
            f"2001:db8::{n + 1:x}", f"/{jam}/prompt", {"prompt": "noise"}
        )
        assert status == 202
    session = services.jams.get_by_id(jam)
    assert session is not None
    votes = {share.prompt: len(share.voters) for share in session.status().shares}
    assert votes == {"sax": 1, "noise": 1}
