"""Connections that cost their sender nothing: half-open, slow, many; and a lack of descriptors."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_network
from pathlib import Path
from unittest.mock import Mock

import pytest

from riffbot import process
from riffbot.services import Services
from riffbot.web import connections, descriptors, request_deadlines
from riffbot.web.connections import Connection, ConnectionLimits, Connections
from tests.attacks.figures import row
from tests.attacks.outside import STRANGER, Victim, connect, is_open, victim
from tests.riffbot.web.conftest import pipeline, services

__all__ = ["pipeline", "services"]

HALF = b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "

on_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="limits descriptors and calls from 127.0.0.2, as Linux can"
)


@on_linux
@pytest.mark.timeout(120)
async def test_half_open_and_many_connections_are_capped_and_gone_after_a_deadline(
    tmp_path: Path,
) -> None:
    limits = ("page_connections=100", "page_connections_per_address=8", "host=0.0.0.0")
    async with victim(tmp_path, *(f"--set={limit}" for limit in limits)) as page:
        whole = page.head("/healthz")
        raw = [await connect(page.place, HALF) for _ in range(1000)]
        await asyncio.sleep(1)
        kept = sum(map(is_open, raw))
        assert await page.status() == 200
        figures = await page.say()
        refused = re.search(
            r"^riffbot_page_connections_refused_total (\d+)", await page.metrics(), re.M
        )
        assert refused is not None
        assert int(refused[1]) >= 800
        assert kept <= 100

        # From one address only so many at a time; a reverse proxy beside RiffBot is not one.
        # One after the other, as who has not asked yet gives way to who comes.
        strangers = [await ask(page, whole, STRANGER) for _ in range(40)]
        beside = [await ask(page, whole, "") for _ in range(40)]
        answers = Counter(status for _, status in strangers)
        proxied = Counter(status for _, status in beside)
        assert answers[200] == 8
        assert answers[503] > 0
        assert proxied[200] == 40

        async with asyncio.timeout(connections.HEAD_S + 20):
            while any(map(is_open, raw)):  # noqa: ASYNC110 - the sockets are raw
                await asyncio.sleep(0.2)
        assert await page.status() == 200
        size = len(page.logged())
        row("1,000 half-open requests, limit 100", kept_at_once=kept, log_bytes=size, **figures)
        row("40 from one address, limit 8", answered=answers[200], refused=answers[503])
        row("40 from a proxy", answered=proxied[200])
        assert size < 20_000
        for one in (*raw, *(asked for asked, _ in (*strangers, *beside))):
            if one is not None:
                one.close()


@on_linux
@pytest.mark.timeout(120)
async def test_a_page_with_few_or_no_descriptors_stays_up_and_its_log_small(tmp_path: Path) -> None:
    async with victim(tmp_path, "--descriptors=128") as page:
        raw = [await connect(page.place, HALF) for _ in range(200)]
        statuses = [await page.status() for _ in range(5)]
        figures = await page.say()
        assert statuses == [200] * 5
        assert figures["descriptors"] < 128
        row("200 half-open requests, 128 descriptors", log_bytes=len(page.logged()), **figures)
        assert page.logged().count("instead of 1000") == 1

        # What else runs in this process takes all that are left.
        await page.say("eat")
        waiting = [asyncio.create_task(page.status(within_s=30)) for _ in range(50)]
        await asyncio.sleep(2)
        await page.say("free")
        answers = Counter(await asyncio.gather(*waiting))
        assert await page.status() == 200
        row("no descriptors for 2 s", answered=answers[200], log_bytes=len(page.logged()))
        assert answers[200] > 0
        assert len(page.logged()) < 20_000
        for one in raw:
            if one is not None:
                one.close()


async def ask(page: Victim, request: bytes, source: str) -> tuple[socket.socket | None, int]:
    """A connection that stays open, and the status of its answer; 0 where there is none.

    The answer is read as soon as it comes: who is turned away is told so for a second only.
    """
    raw = await connect(page.place, request, source=source)
    if raw is None:
        return None, 0
    try:
        async with asyncio.timeout(20):
            head = await asyncio.get_running_loop().sock_recv(raw, 12)
        return raw, int(head.split()[1])
    except (OSError, IndexError):  # a TimeoutError is one, too
        return raw, 0


def test_trusted_proxies_and_loopback_have_no_limit_of_their_own() -> None:
    limits = ConnectionLimits(100, 8, (ip_network("10.0.0.0/8"), ip_network("2001:db8::1")))
    for address in ("127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3", "2001:db8::1"):
        assert not limits.is_limited(address), address
    for address in ("203.0.113.7", "2001:db8::2", "127.0.0.2", "fe80::1%eth0", ""):
        assert limits.is_limited(address), address


def entering(
    limits: ConnectionLimits, addresses: Iterable[str], *, asked: bool = True
) -> Connections:
    """Connections from these addresses, as far as they are let in; `asked`: with a whole head."""
    entrance = Connections(limits)
    for address in addresses:
        if entrance.admit(address):
            connection = Connection(entrance, Mock(), address)
            transport = Mock(spec=asyncio.Transport)
            connection.connection_made(transport)
            if asked:
                entrance.on_request(transport)
    return entrance


async def test_one_line_of_ipv6_takes_no_more_places_than_one_address() -> None:
    limits = ConnectionLimits(100, 8)
    many = [f"2001:db8::{number:x}" for number in range(1, 200)]
    entrance = entering(limits, many)
    half_open = entering(limits, many, asked=False)
    assert len(entrance) == len(half_open) == half_open.half_open == 8
    assert entrance.admit("2001:db8:0:1::1"), "the neighbour"
    assert entrance.admit("203.0.113.7")
    mixed = entering(limits, ["::ffff:203.0.113.7", "203.0.113.7"] * 20)
    assert len(mixed) == 8, "one address, written in two ways"
    row("199 addresses of one /64, limit 8 of 100", asked=len(entrance), half_open=len(half_open))
    for connection in list(half_open._half_open):
        connection.abort()
    assert len(half_open) == 0


async def test_a_proxy_spends_nothing_of_its_neighbours_limit() -> None:
    limits = ConnectionLimits(100, 8, (ip_network("2001:db8::1"),))
    entrance = entering(limits, ["2001:db8::1"] * 40)
    assert len(entrance) == 40
    neighbours = [f"2001:db8::2:{number:x}" for number in range(20)]
    assert len(entering(limits, neighbours)) == 8
    assert entrance.admit("2001:db8::2")


async def test_a_body_that_does_not_arrive_is_answered_and_its_handler_let_go(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_deadlines, "BODY_CHECK_S", 0.3)
    async with process.serve_page(services) as address:
        page = Victim(None, address, "", Path())  # type: ignore[arg-type]  # it runs in here
        host = f"127.0.0.1:{page.place[1]}"
        head = (
            f"POST /api/riffs HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            "Content-Length: 60000\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection(*page.place)
        writer.write(head.encode() + b'{"prompt": "')
        async with asyncio.timeout(10):
            answer = await reader.readuntil(b"}")
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert request_deadlines.TOO_SLOW.encode() in answer
        writer.close()


async def test_a_slow_body_that_keeps_coming_is_read(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_deadlines, "BODY_CHECK_S", 0.3)
    monkeypatch.setattr(request_deadlines, "MIN_BODY_BYTES", 2)
    async with process.serve_page(services) as address:
        page = Victim(None, address, "", Path())  # type: ignore[arg-type]  # it runs in here
        body = b'{"prompt": "rain", "steps": 1, "seed": 3}'
        head = (
            f"POST /api/riffs HTTP/1.1\r\nHost: 127.0.0.1:{page.place[1]}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection(*page.place)
        writer.write(head.encode())
        for at in range(0, len(body), 4):
            writer.write(body[at : at + 4])
            await asyncio.sleep(0.1)
        async with asyncio.timeout(10):
            assert (await reader.readline()).startswith(b"HTTP/1.1 202 ")
        writer.close()


async def test_an_open_connection_outlives_the_deadline_once_it_has_asked(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.5)
    async with process.serve_page(services) as address:
        page = Victim(None, address, "", Path())  # type: ignore[arg-type]  # it runs in here
        reader, writer = await asyncio.open_connection(*page.place)
        silent, _ = await asyncio.open_connection(*page.place)
        for _ in range(4):
            writer.write(page.head("/healthz"))
            assert b" 200 " in await reader.readline()
            await reader.readuntil(b"}")
            await asyncio.sleep(0.3)
        async with asyncio.timeout(5):
            assert await silent.read() == b""  # it never asked for anything
        writer.close()


def test_the_page_leaves_descriptors_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors, "count_open_descriptors", lambda: 20)
    for most, total in ((None, 1000), (4096, 1000), (1024, 940), (128, 60), (64, 16)):
        monkeypatch.setattr(descriptors, "raise_descriptor_limit", lambda most=most: most)
        limits = descriptors.fit_to_descriptors(ConnectionLimits(1000, 128))
        assert limits.total == total, most
        assert limits.per_address == min(128, total)
