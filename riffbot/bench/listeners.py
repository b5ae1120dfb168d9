"""Many simulated browsers in one process, for `riffbot.bench.page`: count what they miss.

    python -m riffbot.bench.listeners http://127.0.0.1:8765/api/jams/<id>/socket 200 5

Listens until its standard input ends, then prints one JSON object. The last so many connections
never read a byte.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import socket
import sys
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

import aiohttp

from riffbot.web import protocol


@dataclass
class ListenerStats:
    """What one browser received.

    Attributes:
        packets: of sound, 20 ms each.
        gaps: packets that were never received.
        received: bytes.
        ended: why the connection ended early; empty if it did not.
    """

    packets: int = 0
    gaps: int = 0
    received: int = 0
    ended: str = ""
    _next: int | None = None

    def count(self, message: bytes) -> None:
        """Count a message."""
        self.received += len(message)
        kind, _, packets, _, place = protocol.HEADER.unpack_from(message)
        if kind != protocol.SOUND:
            return
        first = round(place / 960)
        if self._next is not None:
            self.gaps += max(0, first - self._next)
        self._next = first + packets
        self.packets += packets


async def listen(url: str, stats: ListenerStats, stop: asyncio.Event) -> None:
    """Listen as a browser does, until `stop` is set."""
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, max_msg_size=0) as ws,
        ):
            stopping = asyncio.create_task(stop.wait())
            while not stop.is_set():
                receiving = asyncio.create_task(ws.receive())
                await asyncio.wait({receiving, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if not receiving.done():
                    receiving.cancel()
                    break
                message = receiving.result()
                if message.type is aiohttp.WSMsgType.BINARY:
                    stats.count(message.data)
                elif message.type is not aiohttp.WSMsgType.TEXT:
                    stats.ended = str(message.extra or message.type.name)
                    break
            stopping.cancel()
    except (aiohttp.ClientError, OSError) as error:
        stats.ended = str(error) or type(error).__name__


async def connect_stalled(url: str) -> socket.socket:
    """Connect a browser that asks to listen and then never reads."""
    parts = urlsplit(url)
    client = socket.socket()
    # A small window: the system would swallow minutes of sound in its place.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, (parts.hostname, parts.port))
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    await loop.sock_sendall(
        client,
        f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        "\r\n".encode(),
    )
    return client


async def main(url: str, count: int, stalled: int) -> None:
    """Listen until standard input ends, then print the statistics."""
    stop = asyncio.Event()
    every = [ListenerStats() for _ in range(count)]
    tasks = [asyncio.create_task(listen(url, stats, stop)) for stats in every]
    stalled_sockets = [await connect_stalled(url) for _ in range(stalled)]
    await asyncio.to_thread(sys.stdin.read)
    stop.set()
    await asyncio.gather(*tasks)
    for one in stalled_sockets:
        one.close()
    results = [{k: v for k, v in asdict(stats).items() if k != "_next"} for stats in every]
    print(json.dumps(results), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
