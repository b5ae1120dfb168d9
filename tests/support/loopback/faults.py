"""Misfortunes on demand: the next requests to a route fail the way they do on a bad day."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

from aiohttp import web

from tests.support.loopback.errors import ApiError, LoopbackFailure
from tests.support.loopback.ratelimits import Limited

Scope = Literal["user", "global", "shared"]


@dataclass(frozen=True)
class Fault:
    """What befalls one request.

    Attributes:
        status: answered instead of the truth; None lets the request through.
        code, message: of a 4xx answer.
        limited: answer 429 so.
        delay_s: wait before anything else.
        cut: close the connection instead of answering.
        after: the request takes effect first, only its answer is lost.
    """

    status: int | None = None
    code: int = 0
    message: str = ""
    limited: Limited | None = None
    delay_s: float = 0.0
    cut: bool = False
    after: bool = False


class Faults:
    """The faults that are still to come, by route name."""

    def __init__(self) -> None:
        self.route_names: set[str] = set()
        self._planned: defaultdict[str, list[Fault]] = defaultdict(list)

    def plan(self, route: str, fault: Fault, times: int) -> None:
        """Queue a fault for the next `times` requests to the route called `route`."""
        if route not in self.route_names:
            raise LoopbackFailure(f"no route {route!r}; there are {sorted(self.route_names)}")
        self._planned[route] += [fault] * times

    def next(self, route: str) -> Fault | None:
        """The fault that befalls this request."""
        waiting = self._planned[route]
        return waiting.pop(0) if waiting else None

    @property
    def left(self) -> dict[str, int]:
        """Faults that nobody has met yet."""
        return {route: len(planned) for route, planned in self._planned.items() if planned}


async def strike(fault: Fault, request: web.Request) -> web.Response | None:
    """Let the fault happen; a response is to be sent instead of the real one.

    Raises:
        ApiError: the 4xx that was asked for.
    """
    if fault.delay_s:
        await asyncio.sleep(fault.delay_s)
    if fault.cut:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)
    if fault.status is None:
        return None
    if fault.status >= 500:
        return web.Response(status=fault.status, text="upstream connect error")
    raise ApiError(fault.status, fault.code, fault.message or "as the test asked")
