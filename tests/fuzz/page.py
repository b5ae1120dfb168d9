"""The whole page in this process, on connections in memory: bytes in, bytes out.

The application, its limits and aiohttp's protocol are the real ones; there is no socket, and the
picture is drawn. What an exchange leaves behind is found: errors in the log, tasks that go on,
exceptions that nobody took.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from aiohttp import web

from audio.image import encode_png
from riffbot.clips.service import ClipService
from riffbot.images import Images
from riffbot.inference.engine.engine import Engine
from riffbot.jam.manager import JamManager
from riffbot.jam.session import JamSession
from riffbot.library.store import Library
from riffbot.services import Services
from riffbot.settings import Settings
from riffbot.web.app import create_app
from riffbot.web.broadcaster import Broadcaster
from riffbot.web.browser_queue import BrowserQueue
from riffbot.web.connections import CONNECTIONS, Connection, ConnectionLimits, Connections
from riffbot.web.keys import BROADCASTER
from riffbot.web.schema import Codec
from tests.support.fake_pipeline import FakePipeline

STRANGER = "203.0.113.7"
JAM_ID = "fuzzed"
"""Id of a jam that says nothing: what a browser sends to its socket is what is fuzzed."""

PATIENCE_S = 60.0
"""Seconds after which a task counts as one that never ends."""

UPGRADE = (
    f"GET /api/jams/{JAM_ID}/socket HTTP/1.1\r\nHost: page\r\nConnection: Upgrade\r\n"
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
).encode()


class Wire(asyncio.Transport):
    """A connection in memory.

    Attributes:
        sent: what the page sent.
    """

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__({"peername": (STRANGER, 50_000), "sockname": ("192.0.2.1", 80)})
        self._protocol = protocol
        self._is_closing = False
        self.sent = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep what is sent while the connection is open."""
        if not self._is_closing:
            self.sent += data

    def is_closing(self) -> bool:
        """Whether it is closed."""
        return self._is_closing

    def close(self) -> None:
        """Close it, once."""
        if not self._is_closing:
            self._is_closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close

    def is_reading(self) -> bool:
        """Whether more bytes may come."""
        return not self._is_closing

    def pause_reading(self) -> None:
        """Nothing: all bytes have come."""

    resume_reading = pause_reading

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing: what is sent is read at once."""

    def get_write_buffer_size(self) -> int:
        """Nothing waits."""
        return 0

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The page's side."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Another protocol takes over."""
        self._protocol = cast("asyncio.Protocol", protocol)


@dataclass
class _SilentJam:
    id: str = JAM_ID
    is_ended: bool = False

    def notify_listener(self) -> None:
        """Nobody waits for listeners."""


class _Jams(JamManager):
    def get_by_id(self, jam_id: str) -> JamSession | None:
        silent = cast("JamSession", _SilentJam())
        return silent if jam_id == JAM_ID else super().get_by_id(jam_id)


class _Broadcaster(Broadcaster):
    def join(self, session: JamSession, codec: Codec) -> BrowserQueue:
        return BrowserQueue(codec) if session.id == JAM_ID else super().join(session, codec)


class _Errors(logging.Handler):
    """Keeps what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(logging.Formatter().format(record))


class Page:
    """A running page and its event loop, which `exchange` runs."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._errors = _Errors()
        logging.getLogger().addHandler(self._errors)
        self._loop.set_exception_handler(self._on_exception)
        self._folder = Path(tempfile.mkdtemp(prefix="riffbot-fuzz-"))
        self._close = self._loop.run_until_complete(self._open())

    def exchange(self, data: bytes, *, rest: bytes = b"") -> bytes:
        """Open a connection, send bytes in one or two pieces, hang up; what the page sent.

        Raises:
            AssertionError: it logged an error, or a task goes on.
        """
        sent = self._loop.run_until_complete(self._exchange(data, rest))
        found, self._errors.found = self._errors.found, []
        assert not found, found
        return sent

    def close(self) -> None:
        """Close everything and remove its files."""
        logging.getLogger().removeHandler(self._errors)
        self._loop.run_until_complete(self._close())
        self._loop.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _exchange(self, data: bytes, rest: bytes) -> bytes:
        before = asyncio.all_tasks()
        assert self._runner.server is not None
        protocol = Connection(self._connections, self._runner.server(), STRANGER)
        wire = Wire(protocol)
        protocol.connection_made(wire)
        for piece in (data, rest):
            if piece and not wire.is_closing():
                protocol.data_received(piece)
            await self._wait_for_answer(wire, before)
        if not wire.is_closing():
            protocol.eof_received()
            wire.close()
        while tasks := asyncio.all_tasks() - before:
            _, going_on = await asyncio.wait(tasks, timeout=PATIENCE_S)
            assert not going_on, going_on
        assert not len(self._connections)
        return bytes(wire.sent)

    async def _wait_for_answer(self, wire: Wire, before: set[asyncio.Task[Any]]) -> None:
        """Wait for an answer; not for long where the page itself waits for more bytes."""
        at_first = len(wire.sent)
        for turn in range(60):
            await asyncio.sleep(0 if turn < 10 else 0.001)
            is_idle = len(asyncio.all_tasks() - before) <= 1
            if turn >= 3 and (is_idle or len(wire.sent) > at_first or wire.is_closing()):
                return

    async def _open(self) -> Any:
        seeds = self._folder / "seed_images"
        seeds.mkdir()
        (seeds / "beat.png").write_bytes(encode_png(np.full((512, 128), 200, np.uint8)))
        (seeds / "seeds.toml").write_text(
            '[beat]\ntitle = "Plain beat"\nbpm = 93.75\nbeats = 2\nwidth = 128\nmood = "dry"\n'
        )
        settings = Settings(
            _env_file=None,
            data_dir=self._folder / "data",
            seed_images=seeds,
            host="0.0.0.0",
            page_jams=0,
        )
        library = await Library.open(settings)
        pipeline = FakePipeline()
        pipeline.images = Images(seeds, library.files.path)
        engine = Engine(lambda: pipeline, max_batch=1)
        clips = ClipService(engine, library, settings)
        jams = _Jams(engine, pipeline.images, library, clips, settings)
        app = create_app(Services(settings, engine, library, clips, pipeline.images, jams))
        real = app[BROADCASTER]
        app[BROADCASTER] = _Broadcaster(real._limit, real._serialize)
        self._connections = Connections(ConnectionLimits(64, 64))
        app[CONNECTIONS].append(self._connections)
        self._runner = web.AppRunner(app, auto_decompress=False)
        await self._runner.setup()

        async def close() -> None:
            await self._runner.cleanup()
            await jams.close()
            await engine.close()
            await library.close()

        return close

    def _on_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self._errors.found.append(str(context))


_page: Page | None = None


def get_page() -> Page:
    """The one page of this process, opened at the first call."""
    global _page  # noqa: PLW0603 - opening one takes a second, and a target runs thousands of times
    if _page is None:
        _page = Page()
    return _page


def close_page() -> None:
    """Close the page, if it was opened."""
    global _page  # noqa: PLW0603
    if _page is not None:
        _page.close()
        _page = None
