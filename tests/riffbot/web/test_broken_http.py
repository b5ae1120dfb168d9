"""Hostile headers, broken uploads and broken HTTP: never a 500, and no traceback in the log."""

from __future__ import annotations

import asyncio

import pytest

from tests.riffbot.web.open_page import (
    BROKEN,
    HEADERS,
    OpenPage,
    app,
    assert_nothing_logged,
    page,
    raw,
)
from tests.support.hostile_requests import BODIES

__all__ = ["app", "page"]


@pytest.mark.parametrize("route", ["GET /api/riffs", "GET /api/riffs/{id}/{file}", "GET /owner"])
async def test_bytes_in_a_header_of_a_get_break_nothing(
    page: OpenPage, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    method, path = page.at(route)
    for name, value in HEADERS:
        head = f"{method} {path} HTTP/1.1\r\n{name}: ".encode() + value + b"\r\n"
        status, _ = await raw(page, head)
        assert status < 500, (name, value)
        assert_nothing_logged(caplog, f"{name}: {value!r}")


@pytest.mark.parametrize("route", ["POST /api/riffs", "POST /run_inference/"])
async def test_bytes_in_a_header_of_a_post_break_nothing(
    page: OpenPage, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    method, path = page.at(route)
    for name, value in HEADERS:
        head = f"{method} {path} HTTP/1.1\r\n".encode()
        if name != "Content-Type":
            head += b"Content-Type: application/json\r\n"
        head += name.encode() + b": " + value + b"\r\n"
        status, _ = await raw(page, head, b'{"prompt": 1}')
        assert status < 500, (name, value)
        assert_nothing_logged(caplog, f"{name}: {value!r}")


@pytest.mark.parametrize("route", sorted(BODIES))
async def test_an_upload_that_breaks_off_is_no_bug(
    page: OpenPage, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    method, path = page.at(route)
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    for length in ("Content-Length: 60000", "Transfer-Encoding: chunked"):
        _, writer = await asyncio.open_connection("127.0.0.1", page.client.server.port)
        start = b'4\r\n{"pr\r\n' if "chunked" in length else b'{"picture": "data:image/png;base64,'
        writer.write(f"{head}{length}\r\n\r\n".encode() + start)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()
    await asyncio.sleep(0.1)
    assert (await page.client.get("/healthz")).status == 200
    assert_nothing_logged(caplog, "an upload that broke off")


async def test_broken_http_leaves_no_traceback(
    page: OpenPage, caplog: pytest.LogCaptureFixture
) -> None:
    for data in BROKEN:
        reader, writer = await asyncio.open_connection("127.0.0.1", page.client.server.port)
        writer.write(data)
        async with asyncio.timeout(20):
            answer = await reader.read(4096)
        assert answer.startswith(b"HTTP/1."), data[:40]
        assert 400 <= int(answer.split()[1]) < 500, data[:40]
        writer.close()
        assert_nothing_logged(caplog, repr(data[:40]))


async def test_words_on_a_jams_socket_break_nothing(
    page: OpenPage, caplog: pytest.LogCaptureFixture
) -> None:
    _, path = page.at("GET /api/jams/{id}/socket")
    socket = await page.client.ws_connect(path)
    for text in ("", "NaN", "9" * 4000, '{"a": "\\ud800"}', "[" * 4000):
        await socket.send_str(text)
    await socket.send_bytes(b"\xff" * 4000)
    assert (await socket.receive(timeout=10)).data
    await socket.close()
    assert_nothing_logged(caplog, "a jam's socket")
