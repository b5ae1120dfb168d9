"""A page with every route open, and what a test of strangers' requests asserts."""

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

from riffbot.services import Services
from riffbot.web import access, keys
from riffbot.web.app import create_app
from riffbot.web.jam_start_limits import JamStartLimiter
from riffbot.web.rate_limit import RateLimiter
from riffbot.web.routes.activity import ACTIVITY
from tests.riffbot.web.routes.test_activity import Discord
from tests.riffbot.web.routes.test_api import ask
from tests.support.fake_pipeline import FakePipeline

JSON = {"Content-Type": "application/json"}
LONGEST = 400
"""Characters of an answer that tells somebody off."""


@dataclass(frozen=True)
class OpenPage:
    """A page with every route open, without rate limits, and with a riff and a jam."""

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
async def page(app: web.Application, pipeline: FakePipeline) -> AsyncIterator[OpenPage]:
    for key in (keys.CREATE_LIMIT, keys.READ_LIMIT, keys.FILE_LIMIT, keys.SHEET_LIMIT):
        app[key] = RateLimiter(burst=10**6)
    app[keys.JAM_START_LIMITER] = JamStartLimiter(RateLimiter(burst=10**6))
    there = TestServer(Discord().app())
    await there.start_server()
    app[ACTIVITY][0] = replace(app[ACTIVITY][0], api=str(there.make_url("")).rstrip("/"))
    cookies = {access.OWNER_COOKIE: app[access.OWNER_KEY]}
    async with TestClient(TestServer(app), cookies=cookies) as client:
        riff = (await ask(client, prompt="x", seed=1, seed_image="beat"))["riff"]["id"]
        started = await client.post("/api/jams", json={"prompt": "x", "seed_image": "beat"})
        jam = (await started.json())["jam"]["id"]
        pipeline.gate.clear()  # what is let in by chance need not be made
        yield OpenPage(client, riff, jam)
        pipeline.gate.set()
    await there.close()


async def assert_refused(answer: Any, what: str, caplog: pytest.LogCaptureFixture) -> None:
    text = await answer.text()
    assert 400 <= answer.status < 500, f"{what}: {answer.status} {text[:200]}"
    assert_one_sentence(text, what)
    assert_nothing_logged(caplog, what)


def assert_one_sentence(text: str, what: str) -> None:
    sentence = json.loads(text)["error"] if text.startswith("{") else text
    assert len(sentence) <= LONGEST, f"{what}: {len(sentence)} characters"
    assert "\n" not in sentence, what
    assert "9" * 61 not in sentence, f"{what} is echoed"
    sentence.encode()


def assert_nothing_logged(caplog: pytest.LogCaptureFixture, what: str) -> None:
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert not errors, f"{what}: {errors[0].getMessage()}"


HEADERS: tuple[tuple[str, bytes], ...] = (
    ("Cookie", b"riffbot-owner=\xff\xfe"),
    ("Cookie", b"riffbot-owner=\xed\xa0\x80; a[]=\xff; =; ;;"),
    ("Cookie", b'riffbot-owner="\\377\\000"'),
    ("Origin", b"http://\xff"),
    ("Origin", b"http://[::1"),
    ("Origin", b"http://x:" + b"9" * 400),
    ("Sec-Fetch-Site", b"\xff"),
    ("Content-Type", b"\xff\xfe"),
    ("Content-Type", b"application/json; charset=\xff; charset*=x''%ff"),
    ("Content-Type", b"application/json; charset=no-such"),
    ("Content-Encoding", b"gzip"),
    ("Content-Encoding", b"deflate"),
    ("Range", b"bytes=" + b"9" * 400 + b"-"),
    ("Range", b"bytes=" + b"9" * 5000 + b"-" + b"9" * 2000),
    ("Range", b"bytes=-" + b"9" * 400),
    ("Range", b"\xff"),
    ("If-Modified-Since", b"Fri, 31 Dec 9999 23:59:59 -1400"),
    ("If-Unmodified-Since", b"Mon, 99 Jan 99999999999 00:00:00 GMT"),
    ("If-Range", b"Mon, 01 Jan 0000 00:00:00 GMT"),
    ("If-None-Match", b'"\xff"'),
    ("Accept-Encoding", b"\xff"),
    ("X-Forwarded-For", b"\xff, 9" + b"9" * 400),
    ("Sec-WebSocket-Protocol", b"\xff"),
)


async def raw(page: OpenPage, head: bytes, body: bytes = b"") -> tuple[int, bytes]:
    """Send bytes as they are; the answer's status and what follows its head."""
    server = page.client.server
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        length = f"Content-Length: {len(body)}\r\n".encode() if body else b""
        writer.write(head + b"Host: localhost\r\nConnection: close\r\n" + length + b"\r\n" + body)
        async with asyncio.timeout(20):
            status = int((await reader.readline()).split()[1])
            return status, (await reader.read(65536)).partition(b"\r\n\r\n")[2]
    finally:
        writer.close()


BROKEN = (
    b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/9\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
    b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
    b"POST /api/riffs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
)
