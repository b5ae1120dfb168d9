"""Serves the page's application on a port; `connections.py` decides about each connection.

aiohttp's own sites accept whatever comes, and asyncio's servers answer a lack of descriptors by
trying a hundred times a second and logging each. So the accepting is done here: one connection at
a time, counted before anything is made for it.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiohttp import web

from riffbot.web.connections import (
    CONNECTIONS,
    REPORT_EVERY_S,
    Connection,
    ConnectionLimits,
    Connections,
)
from riffbot.web.descriptors import fit_to_descriptors

log = logging.getLogger(__name__)

BACKLOG = 128
"""Connections that the system keeps until they are accepted."""

KEEPALIVE_S = 20.0
"""Seconds in which a connection must have asked for something again."""

UNREAD_S = 60
"""Seconds after which the system ends a connection whose other side takes nothing of what is sent
(where it knows `TCP_USER_TIMEOUT`)."""

NO_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Errors of `accept` when the system has no descriptor or memory left."""

NO_RESOURCES_WAIT_S = 0.5
ABORTED_WAIT_S = 0.01

MAX_LINGERING = 16
LINGER_S = 1.0
"""At most 16 refused connections stay open for a second, so that the refusal arrives."""


@asynccontextmanager
async def serve_app(
    app: web.Application, host: str, port: int, limits: ConnectionLimits, *, shutdown_s: float
) -> AsyncIterator[int]:
    """Start an application and serve it.

    Args:
        app: as `riffbot.web.app.create_app` makes it.
        host, port: where to listen; port 0 takes any that is free.
        limits: of its connections; `total` may become less where descriptors are few.
        shutdown_s: how long a stop waits for open requests.

    Yields:
        The port.

    Raises:
        OSError: it cannot be listened on.
    """
    connections = Connections(fit_to_descriptors(limits))
    app[CONNECTIONS].append(connections)
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=shutdown_s, keepalive_timeout=KEEPALIVE_S
    )
    await runner.setup()
    accepting: list[asyncio.Task[None]] = []
    sockets: list[socket.socket] = []
    try:
        assert runner.server is not None
        sockets = await open_listening_sockets(host, port)
        for listener in sockets:
            work = accept_connections(listener, runner.server, connections)
            accepting.append(asyncio.create_task(work))
        yield int(sockets[0].getsockname()[1])
    finally:
        for task in accepting:
            task.cancel()
        await asyncio.gather(*accepting, return_exceptions=True)
        for listener in sockets:
            listener.close()
        await runner.cleanup()


async def open_listening_sockets(host: str, port: int) -> list[socket.socket]:
    """Open sockets that listen on every address of a host. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            try:
                listener = socket.socket(family, kind, protocol)
            except OSError:  # a family that this system lacks
                continue
            sockets.append(listener)
            if os.name == "posix":  # else the minute after a restart would look taken
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # Every address of the host gets the port that the first one got.
            taken = int(sockets[0].getsockname()[1]) if len(sockets) > 1 else port
            listener.bind((address[0], taken, *address[2:]))
            listener.listen(BACKLOG)
            listener.setblocking(False)
    except BaseException:
        for listener in sockets:
            listener.close()
        raise
    if not sockets:
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    return sockets


async def accept_connections(
    listener: socket.socket, server: web.Server, connections: Connections
) -> None:
    """Accept connections until cancelled. Each iteration of the event loop takes one."""
    loop = asyncio.get_running_loop()
    warned_at = float("-inf")
    refusals = RefusedSockets()
    try:
        while True:
            try:
                accepted, peer = await loop.sock_accept(listener)
                address = str(peer[0]) if peer else ""
                if connections.admit(address):
                    await _connect(accepted, server, connections, address)
                else:
                    refusals.refuse(accepted)
                    await asyncio.sleep(0)
            except OSError as error:
                if error.errno not in NO_RESOURCES:  # it was gone before it was accepted
                    await asyncio.sleep(ABORTED_WAIT_S)
                    continue
                if loop.time() - warned_at >= REPORT_EVERY_S:
                    warned_at = loop.time()
                    log.warning("the page accepts nobody just now: %s", os.strerror(error.errno))
                connections.evict_half_open()
                await asyncio.sleep(NO_RESOURCES_WAIT_S)
            except Exception:  # a bug: it must not end the page
                log.exception("a connection to the page could not be accepted")
                await asyncio.sleep(NO_RESOURCES_WAIT_S)
    finally:
        refusals.close()


async def _connect(
    accepted: socket.socket, server: web.Server, connections: Connections, address: str
) -> None:
    try:
        accepted.setblocking(False)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * UNREAD_S)
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: Connection(connections, server(), address), sock=accepted
        )
    except OSError:
        accepted.close()
    except Exception:  # whatever one connection brings costs that connection only
        log.exception("a connection to the page could not be begun")
        accepted.close()


class RefusedSockets:
    """Refuses connections with a sentence, without waiting for anybody.

    Closing a socket that has unread input discards its output, so some sockets linger; where many
    are refused at once, the others are just closed.
    """

    def __init__(self) -> None:
        self._lingering: set[socket.socket] = set()

    def refuse(self, accepted: socket.socket) -> None:
        """Send a 503 response, as far as the socket takes it at once, and close the socket soon."""
        if len(self._lingering) >= MAX_LINGERING:
            accepted.close()
            return
        with suppress(OSError):
            accepted.setblocking(False)
            accepted.send(_service_unavailable())
            accepted.shutdown(socket.SHUT_WR)
        self._lingering.add(accepted)
        asyncio.get_running_loop().call_later(LINGER_S, self._close, accepted)

    def close(self) -> None:
        """Close all that linger."""
        for accepted in list(self._lingering):
            self._close(accepted)

    def _close(self, accepted: socket.socket) -> None:
        self._lingering.discard(accepted)
        accepted.close()


def _service_unavailable() -> bytes:
    body = json.dumps({"error": "Too many connections are open here: please come again later."})
    return (
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nRetry-After: 10\r\nConnection: close\r\n\r\n{body}"
    ).encode()
