"""What was heard on the page can be downloaded whole, and no more than the limit is kept."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import replace

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from yarl import URL

from audio import files
from riffbot import process
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.opus import OpusEncoder
from riffbot.jam.session import JamSession
from riffbot.jam.types import Participant
from riffbot.library.jam_record import GuildJam
from riffbot.services import Services
from riffbot.web import keys, protocol, stream_writing
from riffbot.web.app import create_app
from riffbot.web.recording import Recording
from tests.riffbot.web.test_live import hear
from tests.support.fake_pipeline import until


@pytest.fixture
async def session(services: Services) -> JamSession:
    return await services.jams.start(
        GuildJam(7),
        ChunkOptions(prompt="funky sax", seed_image="beat"),
        starter=Participant(1, "Ann"),
        paced_by="clock",
    )


async def test_all_that_was_heard_is_one_file(client: TestClient, session: JamSession) -> None:
    at = f"/api/jams/{session.id}"
    answer = await client.get(f"{at}/recording.ogg")
    assert answer.status == 404
    assert "listen a little" in (await answer.json())["error"]
    async with client.ws_connect(f"{at}/socket") as ws:
        heard = await hear(ws, lambda h: len(h.packets) > 60)
        first = min(heard.packets)
        length = await (await client.get(f"{at}/recording?from={first * 960}")).json()
        assert length["seconds"] >= 1.2
        assert length["limit"] == 1800
        answer = await client.get(f"{at}/recording.ogg?from={first * 960}")
        data = await answer.read()
    assert "riffbot-jam.ogg" in answer.headers["Content-Disposition"]
    for packet in (heard.packets[n] for n in range(first, first + 60)):
        assert packet in data  # the very packets, encoded once
    sound = files.read(data)
    assert sound.sample_rate == 48000
    assert len(sound.samples) >= 60 * 960 - 312
    assert (await client.get(f"{at}/recording.ogg?from=x")).status == 400


async def test_two_listeners_record_once_and_the_end_forgets(
    client: TestClient, session: JamSession
) -> None:
    at, broadcaster = f"/api/jams/{session.id}", client.app[keys.BROADCASTER]
    async with client.ws_connect(f"{at}/socket") as one, client.ws_connect(f"{at}/socket") as two:
        both = await asyncio.gather(*(hear(ws, lambda h: len(h.packets) > 30) for ws in (one, two)))
        length = await (await client.get(f"{at}/recording")).json()
        first = min(min(heard.packets) for heard in both)
        # All that either heard, and nothing of it twice.
        assert 0.6 <= length["seconds"] <= (session.ring.head - first) * 0.02
    await until(lambda: not broadcaster.listeners())
    async with client.ws_connect(f"{at}/socket") as ws:
        await hear(ws, lambda h: len(h.packets) > 30)
        later = await (await client.get(f"{at}/recording")).json()
        # Who comes back finds what was heard before; where nobody listened is a gap.
        assert length["seconds"] + 0.5 <= later["seconds"] <= (session.ring.head - first) * 0.02
        await session.stop()
        await until(lambda: not broadcaster.listeners())
    assert broadcaster.recordings == 0
    assert (await client.get(f"{at}/recording.ogg")).status == 404


async def never_read(host: str, port: int, path: str) -> socket.socket:
    """Ask for something over a connection of one's own, and do not read the answer."""
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(reader, (host, port))
    head = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n"
    await loop.sock_sendall(reader, head.encode())
    return reader


def fill(recording: Recording) -> None:
    """4 MB: more than lies on the way to a reader."""
    packet = OpusEncoder(96_000).encode(np.zeros(960, np.float32))[0].ljust(240, b"\0")
    for place in range(0, 16_000, 8):
        recording.add(protocol.encode_opus(place, [packet] * 8))


async def test_a_download_that_stalls_is_let_go(
    client: TestClient, session: JamSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_writing, "WRITE_TIMEOUT_S", 0.2)
    fill(client.app[keys.BROADCASTER].get_recording(session))
    at = f"/api/jams/{session.id}/recording.ogg"
    with await never_read(client.host, client.port or 0, at) as reader:
        server = client.server.runner.server
        assert server is not None
        await until(lambda: len(server.connections) == 1)
        await until(lambda: not server.connections)
        received = 0
        with contextlib.suppress(ConnectionError):
            while part := await asyncio.get_running_loop().sock_recv(reader, 65536):
                received += len(part)
    assert received < 1_000_000


async def test_who_never_reads_the_stream_is_no_listener_for_ever(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_writing, "WRITE_TIMEOUT_S", 0.2)
    monkeypatch.setattr(stream_writing, "SEND_BUFFER", 4096)
    session = await services.jams.start(
        GuildJam(7),
        ChunkOptions(seed_image="beat"),
        starter=Participant(1, "Ann"),
        bitrate=510_000,
        paced_by="clock",
    )
    at = f"/api/jams/{session.id}/live.ogg"
    with await never_read(client.host, client.port or 0, at):
        await until(lambda: session.ring.stats().listeners == 1)
        await until(lambda: session.ring.stats().listeners == 0)


async def test_a_download_that_stalls_does_not_hold_up_the_stop(
    services: Services, session: JamSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "PAGE_STOP_S", 0.1)
    made = []

    def app(services: Services) -> web.Application:
        made.append(create_app(services))
        return made[0]

    monkeypatch.setattr(process, "create_app", app)
    settings = services.settings.model_copy(update={"web_port": 0})
    async with asyncio.timeout(15):  # before the write's own patience ends, too
        async with process.serve_page(replace(services, settings=settings)) as address:
            fill(made[0][keys.BROADCASTER].get_recording(session))
            there = URL(address)
            at = f"/api/jams/{session.id}/recording.ogg"
            reader = await never_read(there.host or "", there.port or 0, at)
            await asyncio.get_running_loop().sock_recv(reader, 512)  # it has begun
    reader.close()


def test_a_recording_is_bounded() -> None:
    packet = OpusEncoder(96_000).encode(np.zeros(960, np.float32))[0]
    recording = Recording(limit_s=2.0)
    for place in range(0, 800, 8):
        recording.add(protocol.encode_opus(place, [packet] * 8))
    assert recording.seconds() == pytest.approx(2.0, abs=0.16)
    assert recording.seconds(796) == pytest.approx(0.08)
    assert sum(map(len, recording.packets(797))) == 3
    assert recording.seconds(900) == 0
