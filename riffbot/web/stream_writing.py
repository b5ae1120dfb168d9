"""Writes long or endless responses to browsers that may never read them."""

from __future__ import annotations

import asyncio
from socket import SO_SNDBUF, SOL_SOCKET

from aiohttp import web

WRITE_TIMEOUT_S = 20.0
"""How long one write may take: a browser that reads nothing for so long is disconnected."""

SEND_BUFFER = 128 * 1024
"""Bytes that the system may hold for one browser. By itself it would hold megabytes, a minute of
sound for each of two hundred browsers, before a write could notice that one does not read."""


def limit_send_buffer(request: web.Request) -> None:
    """Limit what may wait in the buffers to a browser; call it once the response is prepared."""
    if request.transport is None:  # disconnected already
        return
    request.transport.set_write_buffer_limits(high=SEND_BUFFER // 2)
    connection = request.transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(SOL_SOCKET, SO_SNDBUF, SEND_BUFFER)


async def write_or_abort(request: web.Request, stream: web.StreamResponse, data: bytes) -> None:
    """Write some bytes; abort the connection where that takes longer than `WRITE_TIMEOUT_S`.

    Raises:
        ConnectionError: the browser is disconnected.
    """
    try:
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            await stream.write(data)
        # A write to a fast reader never waits, and then no other task would have a turn.
        await asyncio.sleep(0)
    except TimeoutError as error:
        if request.transport is not None:
            request.transport.abort()  # drops what still waits in the send buffer, too
        raise ConnectionResetError("The reader does not read.") from error
