"""Hostile bodies, queries, paths and headers on every route: one short sentence, never a 500."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import threading
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr
from yarl import URL

from riffbot.errors import BadRequest
from riffbot.jam.types import LOCAL_USER
from riffbot.request import RiffRequest
from riffbot.services import Services
from riffbot.web import access, keys
from riffbot.web.app import create_app
from riffbot.web.jam_start_limits import JamStartLimiter
from riffbot.web.rate_limit import RateLimiter
from riffbot.web.routes.activity import ACTIVITY
from riffbot.web.strict_json import parse_json_object
from tests.riffbot.web.routes.test_activity import Discord
from tests.riffbot.web.routes.test_api import ask
from tests.support.fake_pipeline import FakePipeline
from tests.support.hostile_requests import BODIES, IN_PATHS, IN_QUERIES, QUERIES, bodies, doubtful

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
        yield House(client, riff, jam)
        pipeline.gate.set()
    await there.close()


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
        found |= {wish.replace("{change}", name) for name in WISHES.split("|")}
    return found


def test_every_route_has_its_hostile_requests(app: web.Application) -> None:
    missing = routes_of(app) - set(BODIES) - set(QUERIES)
    assert not missing, f"tests/support/hostile_requests.py says nothing about {missing}"


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
    for what, body in doubtful(route):
        request = house.client.request(method, path, data=body, headers=JSON)
        try:
            answer = await asyncio.wait_for(request, 0.2)
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


# -- headers, halves of uploads, and what lies behind the reader -----------------------------------

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


async def raw(house: House, head: bytes, body: bytes = b"") -> tuple[int, bytes]:
    """Send bytes as they are; the answer's status and what follows its head."""
    server = house.client.server
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        length = f"Content-Length: {len(body)}\r\n".encode() if body else b""
        writer.write(head + b"Host: localhost\r\nConnection: close\r\n" + length + b"\r\n" + body)
        async with asyncio.timeout(20):
            status = int((await reader.readline()).split()[1])
            return status, (await reader.read(65536)).partition(b"\r\n\r\n")[2]
    finally:
        writer.close()


@pytest.mark.parametrize("route", ["GET /api/riffs", "GET /api/riffs/{id}/{file}", "GET /owner"])
async def test_bytes_in_a_header_of_a_get_break_nothing(
    house: House, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    method, path = house.at(route)
    for name, value in HEADERS:
        head = f"{method} {path} HTTP/1.1\r\n{name}: ".encode() + value + b"\r\n"
        status, _ = await raw(house, head)
        assert status < 500, (name, value)
        _nothing_logged(caplog, f"{name}: {value!r}")


@pytest.mark.parametrize("route", ["POST /api/riffs", "POST /run_inference/"])
async def test_bytes_in_a_header_of_a_post_break_nothing(
    house: House, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    method, path = house.at(route)
    for name, value in HEADERS:
        head = f"{method} {path} HTTP/1.1\r\n".encode()
        if name != "Content-Type":
            head += b"Content-Type: application/json\r\n"
        head += name.encode() + b": " + value + b"\r\n"
        status, _ = await raw(house, head, b'{"prompt": 1}')
        assert status < 500, (name, value)
        _nothing_logged(caplog, f"{name}: {value!r}")


@pytest.mark.parametrize("route", sorted(BODIES))
async def test_an_upload_that_breaks_off_is_no_bug(
    house: House, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    method, path = house.at(route)
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    for length in ("Content-Length: 60000", "Transfer-Encoding: chunked"):
        _, writer = await asyncio.open_connection("127.0.0.1", house.client.server.port)
        start = b'4\r\n{"pr\r\n' if "chunked" in length else b'{"picture": "data:image/png;base64,'
        writer.write(f"{head}{length}\r\n\r\n".encode() + start)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()
    await asyncio.sleep(0.1)
    assert (await house.client.get("/healthz")).status == 200
    _nothing_logged(caplog, "an upload that broke off")


async def test_a_packed_body_is_measured_unpacked(house: House) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    head = b"POST /api/riffs HTTP/1.1\r\nContent-Type: application/json\r\n"
    status, _ = await raw(house, head + b"Content-Encoding: gzip\r\n", bomb)
    assert status == 413


async def test_a_packed_body_is_read_as_before(house: House) -> None:
    body = json.dumps({"prompt": "x", "seed": 1}).encode()
    head = b"POST /api/riffs HTTP/1.1\r\nContent-Type: application/json\r\n"
    for encoding, packed in (
        (b"gzip", gzip.compress(body)),
        (b"deflate", zlib.compress(body)),
        (b"deflate", zlib.compress(body)[2:-4]),
        (b"identity", body),
    ):
        status, _ = await raw(house, head + b"Content-Encoding: " + encoding + b"\r\n", packed)
        assert status == 202, encoding


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


async def test_broken_http_leaves_no_traceback(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    for data in BROKEN:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.client.server.port)
        writer.write(data)
        async with asyncio.timeout(20):
            answer = await reader.read(4096)
        assert answer.startswith(b"HTTP/1."), data[:40]
        assert 400 <= int(answer.split()[1]) < 500, data[:40]
        writer.close()
        _nothing_logged(caplog, repr(data[:40]))


async def test_words_on_a_jams_socket_break_nothing(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    _, path = house.at("GET /api/jams/{id}/socket")
    socket = await house.client.ws_connect(path)
    for text in ("", "NaN", "9" * 4000, '{"a": "\\ud800"}', "[" * 4000):
        await socket.send_str(text)
    await socket.send_bytes(b"\xff" * 4000)
    assert (await socket.receive(timeout=10)).data
    await socket.close()
    _nothing_logged(caplog, "a jam's socket")


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


async def test_a_long_body_is_parsed_beside_the_event_loop(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[bool] = []

    def noted(data: bytes) -> dict[str, Any]:
        threads.append(threading.current_thread() is threading.main_thread())
        return parse_json_object(data)

    monkeypatch.setattr("riffbot.web.request_reader.parse_json_object", noted)
    for size in (100, 200_000):
        body = json.dumps({"picture": "x" * size}).encode()
        answer = await house.client.post("/api/drawings", data=body, headers=JSON)
        assert answer.status == 400
    assert threads == [True, False]


async def test_a_whole_number_may_be_written_with_a_point(house: House) -> None:
    body = b'{"prompt": "x", "seed": 42.0, "steps": 4e0, "denoising": 1, "guidance": 2}'
    answer = await house.client.post("/api/riffs", data=body, headers=JSON)
    assert answer.status == 202
    body = b'\xef\xbb\xbf{"prompt": "x", "seed": 4294967295, "negative": null}'
    answer = await house.client.post("/api/riffs", data=body, headers=JSON)
    assert answer.status == 400
    assert (await answer.json())["error"] == "The negative must be text, not None."


@pytest.mark.parametrize("text", ["\ud800", "a \udfff b"])
async def test_half_a_character_is_refused_behind_the_reader_too(
    house: House, services: Services, text: str
) -> None:
    for name in ("prompt", "negative", "scheduler"):
        with pytest.raises(BadRequest, match="half of a character"):
            RiffRequest.build(**{"prompt": "x", name: text})
    jam = services.jams.get_by_id(house.jam)
    assert jam is not None
    with pytest.raises(BadRequest, match="half of a character"):
        await jam.steer(text, LOCAL_USER)
    jam.reader.snapshot().model_dump_json()  # it can still be written down


@pytest.mark.parametrize(
    "value", ["Infinity", "1e999", "-1", '"1_0"', '"x"', "9" * 400, "[]", '"\\ud800"', "true"]
)
async def test_an_answer_of_discords_that_is_none_is_one_sentence(
    app: web.Application, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Odd(Discord):
        async def instance(self, request: web.Request) -> web.Response:
            told = '{"users": ["42"], "location": {"guild_id": %s, "channel_id": "5"}}'
            return web.Response(text=told % value, content_type="application/json")

    async with TestServer(Odd().app()) as there, TestClient(TestServer(app)) as client:
        app[ACTIVITY][0] = replace(app[ACTIVITY][0], api=str(there.make_url("")).rstrip("/"))
        body = {"code": "good", "instance_id": "i-1-gc"}
        answer = await client.post("/api/activity/token", json=body)
        assert answer.status == 500
        assert (await answer.json())["error"].startswith("Discord answered something")
    _nothing_logged(caplog, value)
