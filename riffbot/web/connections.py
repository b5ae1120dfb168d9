"""Who may hold a connection to the page: how many in all, how many a network (an IPv4 address, or
the /64 that one line of IPv6 has), and how long one may take to say what it wants.

    socket ─► accept (serving.py) ─► Connections.admit ─► Connection ─► aiohttp's RequestHandler

A connection is *half-open* until the head of its first request is complete. Half-open connections
cost their sender nothing, so they have a deadline, and the oldest one gives way to whoever comes
next when the page is full. Later requests of a connection are aiohttp's to time (its
`keepalive_timeout`), and a body that does not arrive is `bodies_in_time`'s.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from riffbot.settings import Network
from riffbot.web.addresses import is_in, network_of

log = logging.getLogger(__name__)

HEAD_S = 10.0
"""Seconds from the connection to the end of the first request's head."""

BODY_LOOK_S = 10.0
BODY_BYTES = 10 * 1024
"""A body that has grown by less than so many bytes since the last look is given up: who sends
slower than 1 kB/s holds a connection and a handler for nothing."""

BODY_S = 300.0
"""No body may take longer than this, in seconds."""

REPORT_EVERY_S = 60.0
"""Refusals are logged at most so often, as a number."""

LOOPBACK = (ipaddress.ip_network("127.0.0.1"), ipaddress.ip_network("::1"))
"""A reverse proxy beside RiffBot, or its owner."""

TOO_SLOW = "That took too long to arrive; please send it again."


@dataclass(frozen=True)
class Limits:
    """How many connections there may be.

    Attributes:
        total: at a time, all addresses together.
        per_address: at a time, from one IPv4 address or one /64 of IPv6; loopback and `exempt` are
            not counted.
        exempt: reverse proxies, behind which many visitors share one address.
    """

    total: int
    per_address: int
    exempt: tuple[Network, ...] = ()

    def counts(self, address: str) -> bool:
        """Whether an address has a limit of its own."""
        return not is_in(address, (*LOOPBACK, *self.exempt))

    def group(self, address: str) -> str:
        """What the connections of an address are counted under: its network, or the address itself
        where it has no limit, which a neighbour's then is not spent by."""
        return network_of(address) if self.counts(address) else address


class Connections:
    """All connections of the page; everything happens on the page's event loop.

    Args:
        limits: see `Limits`.

    Attributes:
        refused: connections that were turned away or gave way, since the start.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[str, int] = {}  # by `Limits.group`, those without a limit included
        self._half_open: dict[Connection, None] = {}  # the oldest first
        self._by_transport: dict[asyncio.BaseTransport, Connection] = {}
        self._unreported = 0
        self._reported_at = float("-inf")
        self.refused = 0

    def __len__(self) -> int:
        return sum(self._open.values())

    @property
    def half_open(self) -> int:
        """How many have not asked for anything yet."""
        return len(self._half_open)

    def admit(self, address: str) -> bool:
        """Whether one more connection from this address may be opened.

        A half-open connection gives way to it where the network or the page is full.
        """
        group = self.group(address)
        mine = self._open.get(group, 0)
        if mine >= self._limits.per_address and self._limits.counts(address):
            oldest = next((one for one in self._half_open if one.group == group), None)
        elif len(self) >= self._limits.total:
            oldest = next(iter(self._half_open), None)
        else:
            return True
        self._count_refusal()
        if oldest is None:
            return False
        oldest.abort()
        return True

    def group(self, address: str) -> str:
        """What an address's connections are counted under; see `Limits.group`."""
        return self._limits.group(address)

    def make_room(self, count: int = 16) -> int:
        """Let go of the oldest half-open connections, where descriptors ran out; how many."""
        chosen = list(self._half_open)[:count]
        for connection in chosen:
            self._count_refusal()
            connection.abort()
        return len(chosen)

    def opened(self, connection: Connection, transport: asyncio.BaseTransport) -> None:
        """A connection was made."""
        self._open[connection.group] = self._open.get(connection.group, 0) + 1
        self._half_open[connection] = None
        self._by_transport[transport] = connection

    def lost(self, connection: Connection, transport: asyncio.BaseTransport | None) -> None:
        """A connection is gone; a second call does nothing."""
        if transport is None or self._by_transport.pop(transport, None) is None:
            return
        self._half_open.pop(connection, None)
        left = self._open.get(connection.group, 0) - 1
        if left > 0:
            self._open[connection.group] = left
        else:
            self._open.pop(connection.group, None)

    def requested(self, transport: asyncio.BaseTransport | None) -> None:
        """The head of a request is complete."""
        connection = self._by_transport.get(transport) if transport is not None else None
        if connection is not None:
            self._half_open.pop(connection, None)
            connection.requested()

    def _count_refusal(self) -> None:
        self.refused += 1
        self._unreported += 1
        now = time.monotonic()
        if now - self._reported_at >= REPORT_EVERY_S:
            log.warning(
                "the page is crowded (%d connections, %d of them half-open): turned %d away",
                len(self),
                self.half_open,
                self._unreported,
            )
            self._reported_at, self._unreported = now, 0


@dataclass(eq=False)
class Connection(asyncio.Protocol):
    """Counts one connection and passes everything on to the handler of its requests.

    Args:
        connections: where it is counted.
        handler: aiohttp's protocol.
        address: of the other side.

    Attributes:
        group: what it is counted under.
    """

    connections: Connections
    handler: web.RequestHandler
    address: str
    group: str = field(init=False)
    _transport: asyncio.Transport | None = field(default=None, init=False)
    _deadline: asyncio.TimerHandle | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.group = self.connections.group(self.address)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it and start its deadline."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.connections.opened(self, transport)
        self._deadline = asyncio.get_running_loop().call_later(HEAD_S, self.abort)
        self.handler.connection_made(transport)

    def requested(self) -> None:
        """It has asked for something: the deadline is met."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def abort(self) -> None:
        """End it at once; its place is free from now on."""
        self.requested()
        if self._transport is not None:
            self.connections.lost(self, self._transport)
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Its place is free."""
        self.requested()
        self.connections.lost(self, self._transport)
        self._transport = None
        self.handler.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        self.handler.data_received(data)

    def eof_received(self) -> None:
        """Pass it on."""
        self.handler.eof_received()

    def pause_writing(self) -> None:
        """Pass it on."""
        self.handler.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self.handler.resume_writing()


CONNECTIONS = web.AppKey("connections", list[Connections])
"""The page's connections; empty where something else than `serving.py` serves the application."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def heads_in_time(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell the connection that the head of a request is complete."""
    for connections in request.app[CONNECTIONS]:
        connections.requested(request.transport)
    return await handler(request)


@web.middleware
async def bodies_in_time(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer 408 where a body does not arrive; only the time of its arrival is limited."""
    if not request.can_read_body:
        return await handler(request)
    loop = asyncio.get_running_loop()
    began = loop.time()
    look: asyncio.TimerHandle | None = None
    try:
        async with asyncio.timeout(None) as limit:

            def check(before: int) -> None:
                nonlocal look
                if request.content.is_eof():
                    return
                arrived = request.content.total_bytes
                late = loop.time() - began + BODY_LOOK_S > BODY_S
                if arrived - before < BODY_BYTES or late:
                    limit.reschedule(loop.time())
                else:
                    look = loop.call_later(BODY_LOOK_S, check, arrived)

            look = loop.call_later(BODY_LOOK_S, check, 0)
            return await handler(request)
    except TimeoutError:
        if not limit.expired():  # the handler's own
            raise
        response = web.json_response({"error": TOO_SLOW}, status=408)
        response.force_close()
        return response
    finally:
        if look is not None:
            look.cancel()
