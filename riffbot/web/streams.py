"""Sending what has no end, or a long one, to readers who may never read."""

from __future__ import annotations

import asyncio
from socket import SO_SNDBUF, SOL_SOCKET

from aiohttp import web

PATIENCE_S = 20.0
"""How long one write may take: who reads nothing for so long is gone, and listens no more."""

SEND_BUFFER = 128 * 1024
"""Bytes that the system may hold for one browser: by itself it would take megabytes, a minute of
sound for each of two hundred, before anybody noticed that one does not read."""


def bound(request: web.Request) -> None:
    """Let little wait on the way to a reader; once the answer is prepared."""
    if request.transport is None:  # gone already
        return
    request.transport.set_write_buffer_limits(high=SEND_BUFFER // 2)
    connection = request.transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(SOL_SOCKET, SO_SNDBUF, SEND_BUFFER)


async def write(request: web.Request, stream: web.StreamResponse, data: bytes) -> None:
    """Send some bytes.

    Raises:
        ConnectionError: the reader is gone, or as good as gone.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            await stream.write(data)
        # To who reads as fast as is written a write never waits, and nobody else would have a turn.
        await asyncio.sleep(0)
    except TimeoutError as error:
        if request.transport is not None:
            request.transport.abort()  # what still waits there is let go of, too
        raise ConnectionResetError("The reader does not read.") from error
