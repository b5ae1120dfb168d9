"""Pointing discord.py at the loopback, without a touch to the product's code.

All that the library derives its addresses from is `Route.BASE` and the gateway's URL; the latter
comes from `GET /gateway/bot`, except after an invalid session, when it starts at its default.
Voice servers are dialled with TLS whatever the endpoint says, and the loopback has no certificate:
for 127.0.0.1 the scheme is taken back to plain websockets.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yarl
from discord.gateway import DiscordWebSocket
from discord.http import HTTPClient, Route

from tests.support.loopback.rest.router import PREFIX


@contextmanager
def discord_py_at(base_url: str) -> Iterator[None]:
    """Let every client of this process speak to `base_url` (`http://127.0.0.1:PORT`)."""
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE = base_url + PREFIX
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(base_url.replace("http", "ws", 1) + "/gateway")
    dial = HTTPClient.ws_connect

    async def plain(self: HTTPClient, url: str, **options: Any) -> Any:
        return await dial(self, url.replace("wss://127.0.0.1:", "ws://127.0.0.1:", 1), **options)

    HTTPClient.ws_connect = plain  # type: ignore[method-assign]
    try:
        yield
    finally:
        HTTPClient.ws_connect = dial  # type: ignore[method-assign]
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before
