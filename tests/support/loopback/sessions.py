"""A gateway session: the events that one shard was sent, kept so that a lost line can resume."""

from __future__ import annotations

import asyncio
import json
import secrets
import zlib
from dataclasses import dataclass, field

from aiohttp import web

from tests.support.loopback.errors import Json

DISPATCH = 0


class Line:
    """One websocket. Sending never waits: a writer task takes from a queue, in order."""

    def __init__(
        self, socket: web.WebSocketResponse, request: web.Request, *, compressed: bool
    ) -> None:
        self.socket, self._request = socket, request
        self.beat = asyncio.Event()
        self.session: Session | None = None
        self._deflate = zlib.compressobj() if compressed else None
        self._queue: asyncio.Queue[Json] = asyncio.Queue()
        self._writer = asyncio.create_task(self._write())

    def send(self, payload: Json) -> None:
        """Queue a payload."""
        self._queue.put_nowait(payload)

    async def _write(self) -> None:
        while not self.socket.closed:
            text = json.dumps(await self._queue.get())
            try:
                if self._deflate is None:
                    await self.socket.send_str(text)
                else:
                    packed = self._deflate.compress(text.encode())
                    packed += self._deflate.flush(zlib.Z_SYNC_FLUSH)
                    await self.socket.send_bytes(packed)
            except (ConnectionError, RuntimeError):
                return  # the line went down under us; the session still has the event

    def cut(self) -> None:
        """Lose the connection without a close frame, as a pulled cable does."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def stop(self) -> None:
        """End the writer."""
        self._writer.cancel()
        await asyncio.gather(self._writer, return_exceptions=True)


@dataclass(eq=False)
class Session:
    """What survives a lost line.

    Attributes:
        log: every dispatched event; entry n has sequence number n + 1.
        line: where events go now; None while the shard is away.
    """

    shard: int
    intents: int
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    log: list[Json] = field(default_factory=list)
    line: Line | None = None

    def dispatch(self, event: str, data: Json) -> None:
        """Send an event, or keep it for when the shard resumes."""
        payload = {"op": DISPATCH, "t": event, "s": len(self.log) + 1, "d": data}
        self.log.append(payload)
        if self.line is not None:
            self.line.send(payload)

    def replay(self, seen: int) -> None:
        """Send again what came after sequence number `seen`."""
        assert self.line is not None
        for payload in self.log[seen:]:
            self.line.send(payload)
