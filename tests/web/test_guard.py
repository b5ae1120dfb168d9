"""Who may come in: our own page and tools on this computer, not other sites' pages."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiohttp.test_utils import TestClient, TestServer

from riffbot.services import Services
from riffbot.web import api
from riffbot.web.app import create_app
from riffbot.web.guard import Allowance, TooMany
from tests.web.test_api import ask

ASK = {"prompt": "x", "seed": 1, "steps": 1}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://[x"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_another_sites_page_cannot_ask(client: TestClient, headers: dict[str, str]) -> None:
    answer = await client.post("/api/riffs", json=ASK, headers=headers)
    assert answer.status == 403
    assert "own page" in (await answer.json())["error"]


async def test_a_form_cannot_ask(client: TestClient) -> None:
    assert (await client.post("/api/riffs", data=ASK)).status == 415
    assert (await client.post("/api/riffs", data='{"prompt": "x"}')).status == 415


async def test_our_own_page_can(client: TestClient) -> None:
    headers = {"Origin": str(client.make_url("/")).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert (await client.post("/api/riffs", json=ASK, headers=headers)).status == 202


async def test_a_strangers_name_for_this_computer_is_refused(client: TestClient) -> None:
    for host in ("evil.example", "[x"):
        answer = await client.get("/api/riffs", headers={"Host": host})
        assert answer.status == 421
    assert (await client.get("/api/riffs", headers={"Host": "localhost:80"})).status == 200


async def test_an_owner_who_opens_it_wider_is_known_by_any_name(services: Services) -> None:
    settings = services.settings.model_copy(update={"host": "0.0.0.0"})
    wide = replace(services, settings=settings)
    async with TestClient(TestServer(create_app(wide))) as client:
        answer = await client.get("/healthz", headers={"Host": "riffs.example"})
        assert answer.status == 200


async def test_strangers_need_a_riffs_link(services: Services, client: TestClient) -> None:
    first = (await ask(client, prompt="one", seed=1))["riff"]
    second = (await ask(client, prompt="two", seed=2, parent=first["id"]))["riff"]
    settings = services.settings.model_copy(update={"host": "0.0.0.0"})
    async with TestClient(TestServer(create_app(replace(services, settings=settings)))) as wide:
        told = await (await wide.get("/api/riffs")).json()
        assert told == {"riffs": [], "next": None, "closed": True}
        one = await (await wide.get(f"/api/riffs/{second['id']}")).json()
        assert one["riff"]["request"]["prompt"] == "two"
        assert first["id"] not in str(one)  # a link to one is no link to its family
        assert (await wide.get("/" + second["files"]["mp3"])).status == 200


async def test_a_large_body_is_refused(client: TestClient) -> None:
    answer = await client.post("/api/riffs", json={"prompt": "x" * 100_000})
    assert answer.status == 413
    assert "64 KB" in (await answer.json())["error"]


async def test_too_many_at_once_are_refused(services: Services) -> None:
    app = create_app(services)
    app[api.ALLOWANCE] = Allowance(burst=2, every_s=3600)
    async with TestClient(TestServer(app)) as client:
        statuses = [(await client.post("/api/riffs", json={})).status for _ in range(3)]
        assert statuses == [400, 400, 429]


def test_an_allowance_forgets_old_addresses() -> None:
    allowance = Allowance(burst=1, every_s=3600)
    allowance.take("first")
    with pytest.raises(TooMany) as refused:
        allowance.take("first")
    assert 0 < (refused.value.wait_s or 0) <= 3600
    for number in range(Allowance.REMEMBERED):
        allowance.take(str(number))
    allowance.take("first")


async def test_every_answer_carries_the_policy(client: TestClient) -> None:
    for address in ("/", "/api/riffs", "/nowhere", "/static/page.css"):
        answer = await client.get(address)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
