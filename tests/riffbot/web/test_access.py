"""Who may come in: our own page and tools on this computer, not other sites' pages."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from aiohttp import ClientSession, CookieJar
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import update
from yarl import URL

from riffbot import process
from riffbot.library.tables import StoredRiff
from riffbot.services import Services
from riffbot.web import keys
from riffbot.web.app import create_app
from riffbot.web.rate_limit import RateLimiter
from tests.riffbot.web.routes.test_api import ask

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
    start = {"seed_image": first["picture_ref"], "parent": first["id"]}
    second = (await ask(client, prompt="two", seed=2, **start))["riff"]
    settings = services.settings.model_copy(update={"host": "0.0.0.0"})
    async with TestClient(TestServer(create_app(replace(services, settings=settings)))) as wide:
        listing = await (await wide.get("/api/riffs")).json()
        assert listing == {"riffs": [], "next": None, "closed": True}
        one = await (await wide.get(f"/api/riffs/{second['id']}")).json()
        assert one["riff"]["request"]["prompt"] == "two"
        recipe = await (await wide.get("/" + second["files"]["recipe"])).json()
        assert recipe["request"]["prompt"] == "two"
        for response in (one, recipe):  # a link to one is no link to its family
            assert first["id"] not in str(response)
            assert first["picture_ref"] not in str(response)
        assert (await wide.get("/" + second["files"]["mp3"])).status == 200


async def test_the_owners_link_shows_what_strangers_do_not_see(
    services: Services, client: TestClient, capsys: pytest.CaptureFixture[str]
) -> None:
    first = (await ask(client, prompt="one", seed=1))["riff"]
    second = (await ask(client, prompt="two", seed=2, parent=first["id"]))["riff"]
    async with process.serve_page(services):
        assert "owner" not in capsys.readouterr().out  # here everybody who calls is the owner
    settings = services.settings.model_copy(update={"host": "0.0.0.0", "web_port": 0})
    wide = replace(services, settings=settings)
    async with process.serve_page(wide) as address, ClientSession() as stranger:
        here = URL(address).with_host("127.0.0.1")
        link = URL(capsys.readouterr().out.rsplit("page, as its owner: ", 1)[1].strip())
        assert services.jams.page == address  # what members are shown has no key

        async def fetch(browser: ClientSession, path: str) -> Any:
            async with browser.get(here.join(URL(path))) as answer:
                return answer.status, await answer.json()

        assert (await fetch(stranger, "owner?key=guessed"))[0] == 404
        assert (await fetch(stranger, "api/riffs"))[1]["closed"]
        jar = CookieJar(unsafe=True)  # of a host without a name
        async with ClientSession(cookie_jar=jar) as owner:
            async with owner.get(link.with_host("127.0.0.1")) as answer:
                assert answer.url.path == "/riffs"
            assert len((await fetch(owner, "api/riffs"))[1]["riffs"]) == 2
            family = (await fetch(owner, f"api/riffs/{second['id']}"))[1]
            assert [riff["id"] for riff in family["parents"]] == [first["id"]]


async def test_a_pictures_hash_is_no_link_to_what_was_made_in_discord(
    services: Services, client: TestClient
) -> None:
    private = (await ask(client, prompt="one", seed=1))["riff"]
    async with services.library._database.write() as session:
        await session.execute(update(StoredRiff).values(author_id=7, guild_id=77, audience_id=5))
    wish = {"prompt": "give it back", "denoising": 0, "seed_image": private["picture_ref"]}
    piece = {"kind": "layer", "image": private["picture_ref"]}
    stretch = await asyncio.to_thread(
        services.clip_service.importer.store_picture, np.full((512, 64), 9, np.uint8)
    )
    settings = services.settings.model_copy(update={"host": "0.0.0.0"})
    async with TestClient(TestServer(create_app(replace(services, settings=settings)))) as wide:
        for guess in (
            wish,
            {"prompt": "x", "seed_image": "beat", "piece": piece},
            {"prompt": "x", "seed_image": "beat", "mask": private["picture_ref"]},
            {**wish, "parent": "nobody"},
            {**wish, "seed_image": stretch, "parent": private["id"]},
        ):
            answer = await wide.post("/api/riffs", json=guess)
            assert answer.status == 400, guess
            assert "by the link" in (await answer.json())["error"]
        made = (await ask(wide, **wish, parent=private["id"]))["riff"]  # with its link
        again = {"prompt": "again", "seed_image": made["picture_ref"]}
        assert "riff" in await ask(wide, **again)  # what was made here is the page's
        jam = await wide.post("/api/jams", json={"seed_image": private["picture_ref"]})
        assert jam.status == 400
        assert "by the link" in (await jam.json())["error"]
    assert "riff" in await ask(client, **wish)  # and whoever sits here may anyway


async def test_a_jam_does_not_start_from_what_its_author_keeps(
    services: Services, client: TestClient
) -> None:
    kept = (await ask(client, prompt="one", seed=1))["riff"]
    async with services.library._database.write() as session:
        await session.execute(update(StoredRiff).values(author_id=7, remix_allowed=False))
    answer = await client.post("/api/jams", json={"seed_image": kept["picture_ref"]})
    assert answer.status == 400
    assert "keeps it" in (await answer.json())["error"]
    assert services.jams.all() == []


async def test_a_large_body_is_refused(client: TestClient) -> None:
    answer = await client.post("/api/riffs", json={"prompt": "x" * 100_000})
    assert answer.status == 413
    assert "64 KB" in (await answer.json())["error"]


async def test_every_answer_carries_the_policy(client: TestClient) -> None:
    for address in ("/", "/api/riffs", "/nowhere", "/static/plain.css"):
        answer = await client.get(address)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_every_error_of_riffusions_address_lets_an_allowed_origin_read_it(
    services: Services,
) -> None:
    settings = services.settings.model_copy(update={"cors_origins": ["http://there.example"]})
    app = create_app(replace(services, settings=settings))
    app[keys.CREATE_LIMIT] = RateLimiter(burst=2, every_s=1000)
    there = {"Origin": "http://there.example"}
    async with TestClient(TestServer(app)) as client:

        async def answered(data: bytes, **headers: str) -> tuple[int, dict[str, str]]:
            answer = await client.post("/run_inference/", data=data, headers=there | headers)
            return answer.status, dict(answer.headers)

        found = [
            await answered(b"{}", Host="evil.example"),
            await answered(b"NaN"),
            await answered(b"x" * 100_000),
            await answered(b"{}"),
        ]
        assert [status for status, _ in found] == [421, 400, 413, 429]
        for status, headers in found:
            assert headers["Access-Control-Allow-Origin"] == there["Origin"], status
            assert "Retry-After" in headers["Access-Control-Expose-Headers"]
            assert headers["Vary"] == "Origin"
        assert int(found[-1][1]["Retry-After"]) > 0
        wrong = await client.get("/run_inference/", headers=there)
        assert wrong.status == 405
        assert wrong.headers["Access-Control-Allow-Origin"] == there["Origin"]
        foreign = await client.post("/run_inference/", headers={"Origin": "http://evil.example"})
        assert "Access-Control-Allow-Origin" not in foreign.headers
