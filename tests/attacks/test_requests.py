"""Bodies, queries, headers and floods from strangers: refused, and never logged as bugs."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter

import pytest
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from riffbot.services import Services
from riffbot.web.app import create_app
from tests.attacks.figures import row
from tests.riffbot.web.conftest import pipeline, services
from tests.riffbot.web.open_page import BROKEN, HEADERS, JSON, OpenPage, app, page, raw
from tests.riffbot.web.test_strict_json import many
from tests.support.hostile_requests import BODIES, IN_QUERIES, QUERIES, bodies

__all__ = ["app", "page", "pipeline", "services"]


def counts(statuses: Counter[int]) -> str:
    return " ".join(f"{status}×{count}" for status, count in sorted(statuses.items()))


async def test_hostile_bodies_and_queries_are_refused(
    page: OpenPage, caplog: pytest.LogCaptureFixture
) -> None:
    statuses: Counter[int] = Counter()
    longest, began = 0, time.monotonic()
    for route in sorted(BODIES):
        method, path = page.at(route)
        for _, body in bodies(route):
            answer = await page.client.request(method, path, data=body, headers=JSON)
            text = await answer.text()
            sentence = json.loads(text)["error"] if text.startswith("{") else text
            longest = max(longest, len(sentence))
            statuses[answer.status] += 1
    assert set(statuses) == {400}
    asked: Counter[int] = Counter()
    for route, names in sorted(QUERIES.items()):
        method, path = page.at(route)
        for name in names:
            for value in IN_QUERIES:
                url = URL(f"{path}?{name}={value}", encoded=True)
                async with page.client.request(method, url, headers=JSON) as answer:
                    asked[answer.status] += 1
    assert max(asked) < 500
    assert (await page.client.get("/healthz")).status == 200
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    took = time.monotonic() - began
    row(
        "hostile bodies",
        sent=statuses.total(),
        answered=counts(statuses),
        longest_sentence=longest,
        log_lines=len(lines),
        seconds=f"{took:.1f}",
    )
    row("hostile queries", sent=asked.total(), answered=counts(asked))
    assert not lines
    assert longest < 400


@pytest.mark.parametrize(
    ("route", "size"), [("POST /api/riffs", 60_000), ("POST /api/drawings", 2_000_000)]
)
async def test_json_that_is_made_to_be_slow_is_refused_and_the_page_answers_on(
    page: OpenPage, route: str, size: int
) -> None:
    method, path = page.at(route)
    figures: dict[str, object] = {}
    kinds = ("names, the last one twice", "one name", "objects", "numbers", "texts", "brackets")
    for what in kinds:
        body = many(what, size)
        began = time.process_time()
        asking = asyncio.create_task(page.client.request(method, path, data=body, headers=JSON))
        assert (await page.client.get("/healthz")).status == 200
        answer = await asking
        assert answer.status == 400, what
        assert len((await answer.json())["error"]) < 200
        figures[what] = f"{1000 * (time.process_time() - began):.0f} ms of the processor"
    row(f"JSON of {size // 1000} kB that is slow to read", **figures)


async def test_bytes_in_headers_broken_http_and_halves_of_uploads_leave_no_traceback(
    page: OpenPage, caplog: pytest.LogCaptureFixture
) -> None:
    statuses: Counter[int] = Counter()
    for name, value in HEADERS:
        for method, path in (page.at("GET /api/riffs"), page.at("POST /api/drawings")):
            head = f"{method} {path} HTTP/1.1\r\n{name}: ".encode() + value + b"\r\n"
            status, _ = await raw(page, head, b"{}" if method == "POST" else b"")
            statuses[status] += 1
    assert page.client.server.port is not None
    for data in BROKEN * 10:
        reader, writer = await asyncio.open_connection("127.0.0.1", page.client.server.port)
        writer.write(data)
        async with asyncio.timeout(20):
            statuses[int((await reader.read(4096)).split()[1])] += 1
        writer.close()
    for _ in range(100):
        _, writer = await asyncio.open_connection("127.0.0.1", page.client.server.port)
        writer.write(
            b"POST /api/drawings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b'Content-Length: 1000000\r\n\r\n{"picture": "data:image/png;base64,'
        )
        await writer.drain()
        writer.transport.abort()
    await asyncio.sleep(0.2)
    assert (await page.client.get("/healthz")).status == 200
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    row(
        "bytes in headers, broken HTTP",
        sent=statuses.total(),
        answered=counts(statuses),
        uploads_broken_off=100,
        tracebacks=len(errors),
    )
    assert max(statuses) < 500
    assert not errors


async def test_a_flood_of_lists_is_capped(services: Services) -> None:
    statuses: Counter[int] = Counter()
    async with TestClient(TestServer(create_app(services))) as client:
        for _ in range(1000):
            async with client.get("/api/riffs?limit=100") as answer:
                statuses[answer.status] += 1
                waits = answer.headers.get("Retry-After")
    row("1,000 lists of riffs from one address", answered=counts(statuses), retry_after_s=waits)
    assert set(statuses) == {200, 429}
    assert statuses[200] < 500
