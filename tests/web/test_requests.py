"""Hostile bodies, queries, paths and headers on every route: one short sentence, never a 500."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from yarl import URL

from riffbot.services import Services
from riffbot.web import api, guard, painting
from riffbot.web.app import create_app
from riffbot.web.guard import Allowance
from tests.inference.fakes import FakePipeline
from tests.web.hostile_requests import (
    BODIES,
    IN_PATHS,
    IN_QUERIES,
    QUERIES,
    bodies,
    doubtful,
)
from tests.web.test_api import ask

JSON = {"Content-Type": "application/json"}
LONGEST = 400
"""Characters of an answer that tells somebody off."""

WISHES = "seed|denoising|pause|resume"


@dataclass(frozen=True)
class House:
    """A RiffBot with every route open, a riff and a jam, and no patience lost."""

    client: TestClient
    riff: str
    jam: str

    def at(self, route: str) -> tuple[str, str]:
        """The method and the address of a route, with names that are there."""
        method, _, path = route.partition(" ")
        kind = self.jam if path.startswith(("/api/jams", "/jam/")) else self.riff
        names = {"{id}": kind, "{job}": "nobody", "{file}": "clip.mp3", "{name}": "page.css"}
        for name, value in names.items():
            path = path.replace(name, value)
        return method, path


@pytest.fixture
def app(services: Services) -> web.Application:
    settings = services.settings.model_copy(
        update={
            "activity_client_id": "123456789012345678",
            "activity_client_secret": SecretStr("hush"),
            "discord_token": SecretStr("bots-own"),
            "cors_origins": ["*"],
        }
    )
    return create_app(replace(services, settings=settings))


@pytest.fixture
async def house(app: web.Application, pipeline: FakePipeline) -> AsyncIterator[House]:
    for key in (api.ALLOWANCE, painting.LOOKING):
        app[key] = Allowance(burst=10**6)
    cookies = {guard.OWNER: app[guard.OWNERS_KEY]}
    async with TestClient(TestServer(app), cookies=cookies) as client:
        riff = (await ask(client, prompt="x", seed=1, seed_image="beat"))["riff"]["id"]
        started = await client.post("/api/jams", json={"prompt": "x", "seed_image": "beat"})
        jam = (await started.json())["jam"]["id"]
        pipeline.gate.clear()  # what is let in by chance need not be made
        yield House(client, riff, jam)
        pipeline.gate.set()


def routes_of(app: web.Application) -> set[str]:
    """Every route as `METHOD /path`; a choice within a path is as many routes."""
    found = set()
    for route in app.router.routes():
        assert route.resource is not None
        if route.method != "HEAD":
            found.add(f"{route.method} {route.resource.canonical}")
    wish = "POST /api/jams/{id}/{wish}"
    if wish in found:
        found.remove(wish)
        found |= {wish.replace("{wish}", name) for name in WISHES.split("|")}
    return found


def test_every_route_has_its_hostile_requests(app: web.Application) -> None:
    missing = routes_of(app) - set(BODIES) - set(QUERIES)
    assert not missing, f"tests/web/hostile_requests.py says nothing about {missing}"


async def refused(answer: Any, what: str, caplog: pytest.LogCaptureFixture) -> None:
    text = await answer.text()
    assert 400 <= answer.status < 500, f"{what}: {answer.status} {text[:200]}"
    _told_in_one_sentence(text, what)
    _nothing_logged(caplog, what)


def _told_in_one_sentence(text: str, what: str) -> None:
    sentence = json.loads(text)["error"] if text.startswith("{") else text
    assert len(sentence) <= LONGEST, f"{what}: {len(sentence)} characters"
    assert "\n" not in sentence, what
    assert "9" * 61 not in sentence, f"{what} is echoed"
    sentence.encode()


def _nothing_logged(caplog: pytest.LogCaptureFixture, what: str) -> None:
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert not errors, f"{what}: {errors[0].getMessage()}"


@pytest.mark.parametrize("route", sorted(BODIES))
async def test_a_hostile_body_is_refused_in_a_sentence(
    house: House, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    method, path = house.at(route)
    for what, body in bodies(route):
        answer = await house.client.request(method, path, data=body, headers=JSON)
        await refused(answer, what, caplog)


@pytest.mark.parametrize("route", sorted(BODIES))
async def test_a_value_of_another_kind_breaks_nothing(
    house: House, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    method, path = house.at(route)
    if route == "POST /run_inference/":
        house.client.app[api.SERVICES].engine.close  # noqa: B018
    for what, body in doubtful(route):
        request = house.client.request(method, path, data=body, headers=JSON)
        try:
            answer = await asyncio.wait_for(request, 0.5)
        except TimeoutError:  # let in, and it waits for its clip
            continue
        text = await answer.text()
        assert answer.status < 500 or answer.status == 503, f"{what}: {answer.status} {text[:200]}"
        if answer.status >= 400:
            _told_in_one_sentence(text, what)
        _nothing_logged(caplog, what)


@pytest.mark.parametrize("route", sorted(r for r, names in QUERIES.items() if names))
async def test_a_hostile_query_breaks_nothing(
    house: House, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    method, path = house.at(route)
    for name in QUERIES[route]:
        for value in IN_QUERIES:
            url = URL(f"{path}?{name}={value}", encoded=True)
            answer = await house.client.request(method, url, headers=JSON, allow_redirects=False)
            assert answer.status < 500, f"{name}={value[:30]}: {answer.status}"
            if answer.status >= 400:
                _told_in_one_sentence(await answer.text(), value[:30])
            answer.close()
            _nothing_logged(caplog, f"{name}={value[:30]}")


@pytest.mark.parametrize("route", sorted(r for r in {*BODIES, *QUERIES} if "{" in r))
async def test_a_hostile_name_in_a_path_is_not_found(
    house: House, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    method, _, path = route.partition(" ")
    for value in IN_PATHS:
        filled = path
        for name in ("{id}", "{job}", "{file}", "{name}"):
            filled = filled.replace(name, value)
        url = URL(filled, encoded=True)
        body = json.dumps(BODIES.get(route, {})).encode()
        answer = await house.client.request(method, url, data=body, headers=JSON)
        assert answer.status < 500, f"{value[:30]}: {answer.status}"
        if answer.status >= 400:
            _told_in_one_sentence(await answer.text(), value[:30])
        answer.close()
        _nothing_logged(caplog, value[:30])
