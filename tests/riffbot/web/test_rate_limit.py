"""How often one network may ask."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient, TestServer

from riffbot.services import Services
from riffbot.web import keys
from riffbot.web.app import create_app
from riffbot.web.errors import RateLimited
from riffbot.web.rate_limit import RateLimiter
from tests.riffbot.web.open_page import JSON, app, page

__all__ = ["app", "page"]


async def test_too_many_at_once_are_refused(services: Services) -> None:
    app = create_app(services)
    app[keys.CREATE_LIMIT] = RateLimiter(burst=2, every_s=3600)
    async with TestClient(TestServer(app)) as client:
        statuses = [(await client.post("/api/riffs", json={})).status for _ in range(3)]
        assert statuses == [400, 400, 429]


def test_an_allowance_forgets_old_addresses() -> None:
    allowance = RateLimiter(burst=1, every_s=3600)
    allowance.take("first")
    with pytest.raises(RateLimited) as refused:
        allowance.take("first")
    assert 0 < (refused.value.wait_s or 0) <= 3600
    for number in range(RateLimiter.REMEMBERED):
        allowance.take(str(number))
    allowance.take("first")


async def test_lists_and_files_of_riffs_have_an_allowance(services: Services) -> None:
    app = create_app(services)
    async with TestClient(TestServer(app)) as client:
        statuses = [(await client.get("/api/riffs")).status for _ in range(200)]
        assert statuses[0] == 200
        assert 100 < statuses.count(200) < 200
        last = await client.get("/api/riffs/nobody")
        assert (last.status, "wait" in (await last.json())["error"]) == (429, True)
        assert int(last.headers["Retry-After"]) >= 1
        files = [(await client.get("/api/riffs/nobody/clip.mp3")).status for _ in range(50)]
        assert set(files) == {404}  # a page full of pictures is not a lot


async def test_looking_for_jobs_has_an_allowance(services: Services) -> None:
    async with TestClient(TestServer(create_app(services))) as client:
        for ask_for in (
            lambda: client.get("/api/jobs/x/events"),
            lambda: client.delete("/api/jobs/x", headers=JSON),
        ):
            statuses = {(await ask_for()).status for _ in range(200)}
            assert statuses <= {404, 429}
            assert 429 in statuses
