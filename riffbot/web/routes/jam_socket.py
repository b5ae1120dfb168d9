"""`GET /api/jams/<id>/socket?codec=opus`: sound, tiles and status of a jam over WebSocket.

The messages are described in `protocol.py` and `schema.py`. Browsers send none; votes and changes
are HTTP requests (`jam_controls.py`).
"""

from __future__ import annotations

import asyncio
import contextlib

from aiohttp import WSCloseCode, web

from riffbot.errors import BadRequest
from riffbot.web.access import is_cross_site
from riffbot.web.browser_queue import BrowserQueue
from riffbot.web.errors import error_response
from riffbot.web.jam_requests import get_jam
from riffbot.web.keys import BROADCASTER, JAM_START_LIMITER
from riffbot.web.query import query_text
from riffbot.web.stream_writing import limit_send_buffer

CLOSE_TIMEOUT_S = 2.0
"""How long a slow browser may take to receive the close message."""

routes = web.RouteTableDef()


@routes.get("/api/jams/{id}/socket", allow_head=False)
async def socket(request: web.Request) -> web.StreamResponse:
    """Send a jam's sound, tiles and status while it plays."""
    if is_cross_site(request):
        return error_response("Only RiffBot's own page may ask for that.", 403)
    session = get_jam(request)
    codec = query_text(request, "codec", "opus")
    if codec not in ("opus", "pcm"):
        raise BadRequest("The codec is opus or pcm.")
    broadcaster = request.app[BROADCASTER]
    # May raise, so before the upgrade: browsers can read the response of a failed request.
    browser = broadcaster.join(session, "opus" if codec == "opus" else "pcm")
    request.app[JAM_START_LIMITER].mark_heard(session.id)
    try:
        session.notify_listener()
        ws = web.WebSocketResponse(
            compress=False, heartbeat=20, max_msg_size=4096, timeout=CLOSE_TIMEOUT_S
        )
        await ws.prepare(request)
        limit_send_buffer(request)
        await _serve(request, ws, browser)
        return ws
    finally:
        broadcaster.leave(session, browser)


async def _serve(request: web.Request, ws: web.WebSocketResponse, browser: BrowserQueue) -> None:
    """Send until the jam ends, the browser leaves, or the browser is too slow; then close."""
    tasks = [
        asyncio.create_task(work)
        for work in (_send_messages(ws, browser), _read_until_closed(ws), browser.overflowed.wait())
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    code, reason = WSCloseCode.GOING_AWAY, b"The jam is over here."
    if browser.overflowed.is_set():
        code, reason = WSCloseCode.TRY_AGAIN_LATER, b"Your connection is too slow; come again."
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await ws.close(code=code, message=reason)
    if browser.overflowed.is_set() and request.transport is not None:
        request.transport.abort()  # discards the send buffer, too


async def _send_messages(ws: web.WebSocketResponse, browser: BrowserQueue) -> None:
    with contextlib.suppress(ConnectionError):
        while (message := await browser.next()) is not None:
            if isinstance(message, bytes):
                await ws.send_bytes(message)
            else:
                await ws.send_str(message)


async def _read_until_closed(ws: web.WebSocketResponse) -> None:
    """Ignore a browser's messages until it closes the connection."""
    async for _ in ws:
        pass
