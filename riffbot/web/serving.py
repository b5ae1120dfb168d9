"""Serves the page's application on a port, with `connections.py` at the entrance.

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
from pathlib import Path

from aiohttp import web

from riffbot.web.connections import (
    CONNECTIONS,
    REPORT_EVERY_S,
    Connection,
    Connections,
    Limits,
)

log = logging.getLogger(__name__)

BACKLOG = 128
"""Connections that the system keeps until they are accepted."""

KEEPALIVE_S = 20.0
"""Seconds in which a connection must have asked for something again."""

UNREAD_S = 60
"""Seconds after which the system ends a connection whose other side takes nothing of what is sent
(where it knows `TCP_USER_TIMEOUT`)."""

SHORT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What accepting answers when the system has no descriptor or memory left."""

SHORT_WAIT_S = 0.5
GONE_WAIT_S = 0.01

TOLD_AT_ONCE = 16
TOLD_S = 1.0
"""So many connections that are turned away stay open for so many seconds, to be told so."""

RESERVED = 48
"""Descriptors that are kept for everything but the page: library, Discord, decoders."""

LEAST = 16
"""Connections that the page may have however few descriptors there are."""

WANTED_DESCRIPTORS = 4096


@asynccontextmanager
async def served(
    app: web.Application, host: str, port: int, limits: Limits, *, shutdown_s: float
) -> AsyncIterator[int]:
    """Serve an application that is not started yet.

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
    connections = Connections(within_descriptors(limits))
    app[CONNECTIONS].append(connections)
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=shutdown_s, keepalive_timeout=KEEPALIVE_S
    )
    await runner.setup()
    accepting: list[asyncio.Task[None]] = []
    sockets: list[socket.socket] = []
    try:
        assert runner.server is not None
        sockets = await listening(host, port)
        for listener in sockets:
            work = accept_all(listener, runner.server, connections)
            accepting.append(asyncio.create_task(work))
        yield int(sockets[0].getsockname()[1])
    finally:
        for task in accepting:
            task.cancel()
        await asyncio.gather(*accepting, return_exceptions=True)
        for listener in sockets:
            listener.close()
        await runner.cleanup()


async def listening(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on every address of a host. Raises OSError."""
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


async def accept_all(listener: socket.socket, server: web.Server, connections: Connections) -> None:
    """Accept connections until cancelled. Each turn of the event loop takes one."""
    loop = asyncio.get_running_loop()
    warned_at = float("-inf")
    refusals = Refusals()
    try:
        while True:
            try:
                accepted, peer = await loop.sock_accept(listener)
                address = str(peer[0]) if peer else ""
                if connections.admit(address):
                    await _connect(accepted, server, connections, address)
                else:
                    refusals.turn_away(accepted)
                    await asyncio.sleep(0)
            except OSError as error:
                if error.errno not in SHORT:  # it was gone before it was accepted
                    await asyncio.sleep(GONE_WAIT_S)
                    continue
                if loop.time() - warned_at >= REPORT_EVERY_S:
                    warned_at = loop.time()
                    log.warning("the page accepts nobody just now: %s", os.strerror(error.errno))
                connections.make_room()
                await asyncio.sleep(SHORT_WAIT_S)
            except Exception:  # a bug: it must not end the page
                log.exception("a connection to the page could not be accepted")
                await asyncio.sleep(SHORT_WAIT_S)
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


class Refusals:
    """Turns connections away with a sentence, without waiting for anybody.

    A socket that is closed while something that was sent to it is still unread takes back what it
    said, so some stay a moment; where many are turned away at once, the others are just closed.
    """

    def __init__(self) -> None:
        self._told: set[socket.socket] = set()

    def turn_away(self, accepted: socket.socket) -> None:
        """Say that there is no room, as far as the socket takes it at once, and close it."""
        if len(self._told) >= TOLD_AT_ONCE:
            accepted.close()
            return
        with suppress(OSError):
            accepted.setblocking(False)
            accepted.send(_no_room())
            accepted.shutdown(socket.SHUT_WR)
        self._told.add(accepted)
        asyncio.get_running_loop().call_later(TOLD_S, self._close, accepted)

    def close(self) -> None:
        """Close what still stays."""
        for accepted in list(self._told):
            self._close(accepted)

    def _close(self, accepted: socket.socket) -> None:
        self._told.discard(accepted)
        accepted.close()


def _no_room() -> bytes:
    body = json.dumps({"error": "Too many connections are open here: please come again later."})
    return (
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nRetry-After: 10\r\nConnection: close\r\n\r\n{body}"
    ).encode()


def within_descriptors(limits: Limits) -> Limits:
    """The limits, with as few connections as this process has descriptors for."""
    most = descriptors()
    if most is None:
        return limits
    room = max(LEAST, most - in_use() - max(RESERVED, most // 16))
    if room >= limits.total:
        return limits
    log.warning(
        "this system allows %d descriptors, so the page takes %d connections instead of %d",
        most,
        room,
        limits.total,
    )
    return Limits(room, min(limits.per_address, room), limits.exempt)


def descriptors() -> int | None:
    """How many descriptors this process may have, raised where it may be; None is not known."""
    try:
        import resource  # noqa: PLC0415  # there is none on Windows
    except ImportError:
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    wanted = WANTED_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, WANTED_DESCRIPTORS)
    if soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return wanted
    return soft


def in_use() -> int:
    """Descriptors that are open now, or a guess where the system does not tell."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            return sum(1 for _ in Path(folder).iterdir())
    return 32
