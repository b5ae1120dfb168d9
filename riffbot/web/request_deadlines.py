"""Deadlines for the two parts of a request: its head and its body."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler

from riffbot.web.connections import CONNECTIONS
from riffbot.web.errors import error_response

BODY_CHECK_S = 10.0
MIN_BODY_BYTES = 10 * 1024
"""A body that has grown by less than this since the last check is given up: a sender that is
slower than 1 kB/s holds a connection and a handler for nothing."""

MAX_BODY_S = 300.0
"""No body may take longer than this, in seconds."""

TOO_SLOW = "That took too long to arrive; please send it again."


@web.middleware
async def head_deadline(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Meet the connection's deadline: the head of a request is complete."""
    for connections in request.app[CONNECTIONS]:
        connections.on_request(request.transport)
    return await handler(request)


@web.middleware
async def body_deadline(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Respond with 408 where a body does not arrive. What the handler does after that may take as
    long as it needs."""
    if not request.can_read_body:
        return await handler(request)
    loop = asyncio.get_running_loop()
    began = loop.time()
    timer: asyncio.TimerHandle | None = None
    try:
        async with asyncio.timeout(None) as limit:

            def check(before: int) -> None:
                nonlocal timer
                if request.content.is_eof():
                    return
                arrived = request.content.total_bytes
                late = loop.time() - began + BODY_CHECK_S > MAX_BODY_S
                if arrived - before < MIN_BODY_BYTES or late:
                    limit.reschedule(loop.time())
                else:
                    timer = loop.call_later(BODY_CHECK_S, check, arrived)

            timer = loop.call_later(BODY_CHECK_S, check, 0)
            return await handler(request)
    except TimeoutError:
        if not limit.expired():  # the handler's own
            raise
        response = error_response(TOO_SLOW, 408)
        response.force_close()
        return response
    finally:
        if timer is not None:
            timer.cancel()
