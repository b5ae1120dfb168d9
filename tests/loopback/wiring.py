"""Pointing discord.py at the loopback, without a touch to the product's code.

All that the library derives its addresses from is `Route.BASE` and the gateway's URL; the latter
comes from `GET /gateway/bot`, except after an invalid session, when it starts at its default.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.loopback.rest.router import PREFIX


@contextmanager
def discord_py_at(base_url: str) -> Iterator[None]:
    """Let every client of this process speak to `base_url` (`http://127.0.0.1:PORT`)."""
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE = base_url + PREFIX
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(base_url.replace("http", "ws", 1) + "/gateway")
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before
