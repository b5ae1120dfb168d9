"""Hostile bodies, queries and paths on every route: one short sentence, never a 500."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import web
from yarl import URL

from tests.riffbot.web.open_page import (
    JSON,
    OpenPage,
    app,
    assert_nothing_logged,
    assert_one_sentence,
    assert_refused,
    page,
)
from tests.support.hostile_requests import BODIES, IN_PATHS, IN_QUERIES, QUERIES, bodies, doubtful

__all__ = ["app", "page"]

CHANGES = "seed|denoising|harmony|pause|resume"


def routes_of(app: web.Application) -> set[str]:
    """Every route as `METHOD /path`; a choice within a path is as many routes."""
    found = set()
    for route in app.router.routes():
        assert route.resource is not None
        if route.method != "HEAD":
            found.add(f"{route.method} {route.resource.canonical}")
    wish = "POST /api/jams/{id}/{change}"
    if wish in found:
        found.remove(wish)
        found |= {wish.replace("{change}", name) for name in CHANGES.split("|")}
    return found


def test_every_route_has_its_hostile_requests(app: web.Application) -> None:
    missing = routes_of(app) - set(BODIES) - set(QUERIES)
    assert not missing, f"tests/support/hostile_requests.py says nothing about {missing}"


@pytest.mark.parametrize("route", sorted(BODIES))
async def test_a_hostile_body_is_refused_in_a_sentence(
    page: OpenPage, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    method, path = page.at(route)
    for what, body in bodies(route):
        answer = await page.client.request(method, path, data=body, headers=JSON)
        await assert_refused(answer, what, caplog)


@pytest.mark.parametrize("route", sorted(BODIES))
async def test_a_value_of_another_kind_breaks_nothing(
    page: OpenPage, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    method, path = page.at(route)
    for what, body in doubtful(route):
        request = page.client.request(method, path, data=body, headers=JSON)
        try:
            answer = await asyncio.wait_for(request, 0.2)
        except TimeoutError:  # let in, and it waits for its clip
            continue
        text = await answer.text()
        assert answer.status < 500 or answer.status == 503, f"{what}: {answer.status} {text[:200]}"
        if answer.status >= 400:
            assert_one_sentence(text, what)
        assert_nothing_logged(caplog, what)


@pytest.mark.parametrize("route", sorted(r for r, names in QUERIES.items() if names))
async def test_a_hostile_query_breaks_nothing(
    page: OpenPage, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    method, path = page.at(route)
    for name in QUERIES[route]:
        for value in IN_QUERIES:
            url = URL(f"{path}?{name}={value}", encoded=True)
            answer = await page.client.request(method, url, headers=JSON, allow_redirects=False)
            assert answer.status < 500, f"{name}={value[:30]}: {answer.status}"
            if answer.status >= 400:
                assert_one_sentence(await answer.text(), value[:30])
            answer.close()
            assert_nothing_logged(caplog, f"{name}={value[:30]}")


@pytest.mark.parametrize("route", sorted(r for r in {*BODIES, *QUERIES} if "{" in r))
async def test_a_hostile_name_in_a_path_is_not_found(
    page: OpenPage, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    method, _, path = route.partition(" ")
    for value in IN_PATHS:
        filled = path
        for name in ("{id}", "{job}", "{file}", "{name}"):
            filled = filled.replace(name, value)
        url = URL(filled, encoded=True)
        body = json.dumps(BODIES.get(route, {})).encode()
        answer = await page.client.request(method, url, data=body, headers=JSON)
        assert answer.status < 500, f"{value[:30]}: {answer.status}"
        if answer.status >= 400:
            assert_one_sentence(await answer.text(), value[:30])
        answer.close()
        assert_nothing_logged(caplog, value[:30])
