"""The connections of the page: how many at a time, in all and for each network (an IPv4 address,
or a /64 of IPv6), and how long each may take to send its first request.

    socket ─► accept (serving.py) ─► Connections.admit ─► Connection ─► aiohttp's RequestHandler

A connection is *half-open* until the head of its first request is complete. Half-open connections
cost their sender nothing, so they have a deadline, and the oldest one is closed for the next one
when the page is full. For later requests of a connection there is aiohttp's `keepalive_timeout`,
for bodies `request_deadlines.py`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
from dataclasses import dataclass, field

from aiohttp import web

from riffbot.settings import Network
from riffbot.web.ip_addresses import get_network, is_in_networks

log = logging.getLogger(__name__)

HEAD_S = 10.0
"""Seconds from the connection to the end of the first request's head."""

REPORT_EVERY_S = 60.0
"""Refusals are logged at most so often, as a number."""

LOOPBACK_NETWORKS = (ipaddress.ip_network("127.0.0.1"), ipaddress.ip_network("::1"))
"""A reverse proxy on this computer, or its owner."""


@dataclass(frozen=True)
class ConnectionLimits:
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

    def is_limited(self, address: str) -> bool:
        """Whether the limit for each network holds for an address."""
        return not is_in_networks(address, (*LOOPBACK_NETWORKS, *self.exempt))

    def group(self, address: str) -> str:
        """What the connections of an address are counted under: its network, or the address itself
        where it has no limit, so that it takes nothing of its neighbours' limit."""
        return get_network(address) if self.is_limited(address) else address


class Connections:
    """All connections of the page; everything happens on the page's event loop.

    Args:
        limits: see `ConnectionLimits`.

    Attributes:
        refused: connections that were refused or closed for others, since the start.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits = limits
        self._open: dict[
            str, int
        ] = {}  # by `ConnectionLimits.group`, those without a limit included
        self._half_open: dict[Connection, None] = {}  # the oldest first
        self._by_transport: dict[asyncio.BaseTransport, Connection] = {}
        self._unreported = 0
        self._reported_at = float("-inf")
        self.refused = 0

    def __len__(self) -> int:
        return sum(self._open.values())

    @property
    def half_open(self) -> int:
        """How many connections have not sent a request yet."""
        return len(self._half_open)

    def admit(self, address: str) -> bool:
        """Whether one more connection from this address may be opened.

        Where the network or the page is full, a half-open connection is closed for it.
        """
        group = self.group(address)
        count = self._open.get(group, 0)
        if count >= self._limits.per_address and self._limits.is_limited(address):
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
        """What an address's connections are counted under; see `ConnectionLimits.group`."""
        return self._limits.group(address)

    def evict_half_open(self, count: int = 16) -> int:
        """Close the oldest half-open connections, when descriptors ran out; returns how many."""
        chosen = list(self._half_open)[:count]
        for connection in chosen:
            self._count_refusal()
            connection.abort()
        return len(chosen)

    def on_opened(self, connection: Connection, transport: asyncio.BaseTransport) -> None:
        """Count a new connection."""
        self._open[connection.group] = self._open.get(connection.group, 0) + 1
        self._half_open[connection] = None
        self._by_transport[transport] = connection

    def on_lost(self, connection: Connection, transport: asyncio.BaseTransport | None) -> None:
        """Stop counting a connection; a second call does nothing."""
        if transport is None or self._by_transport.pop(transport, None) is None:
            return
        self._half_open.pop(connection, None)
        left = self._open.get(connection.group, 0) - 1
        if left > 0:
            self._open[connection.group] = left
        else:
            self._open.pop(connection.group, None)

    def on_request(self, transport: asyncio.BaseTransport | None) -> None:
        """Note that the head of a request is complete."""
        connection = self._by_transport.get(transport) if transport is not None else None
        if connection is not None:
            self._half_open.pop(connection, None)
            connection.meet_deadline()

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
    """One connection: counted, with a deadline; aiohttp's protocol does everything else.

    Args:
        connections: where it is counted.
        handler: aiohttp's protocol.
        address: of the other side.

    Attributes:
        group: what it is counted under (`ConnectionLimits.group`).
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
        self.connections.on_opened(self, transport)
        self._deadline = asyncio.get_running_loop().call_later(HEAD_S, self.abort)
        self.handler.connection_made(transport)

    def meet_deadline(self) -> None:
        """Cancel the deadline: the head of the first request is complete."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def abort(self) -> None:
        """Close it at once; it is not counted any more."""
        self.meet_deadline()
        if self._transport is not None:
            self.connections.on_lost(self, self._transport)
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting it."""
        self.meet_deadline()
        self.connections.on_lost(self, self._transport)
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
