"""The bounded queue of messages for one browser that listens to a jam over a WebSocket."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from riffbot.web.schema import Codec

QUEUE = 64
"""Messages that may wait for one browser, about six seconds; a slower one is disconnected."""

Message = bytes | str


@dataclass(eq=False)
class BrowserQueue:
    """One browser's queue; everything happens on the page's event loop.

    Attributes:
        codec: what the browser can play.
        overflowed: set when the browser was too slow.
    """

    codec: Codec
    overflowed: asyncio.Event = field(default_factory=asyncio.Event)
    _messages: asyncio.Queue[Message | None] = field(default_factory=lambda: asyncio.Queue(QUEUE))

    def put(self, message: Message | None) -> None:
        """Add a message, or None for the end; never waits."""
        try:
            self._messages.put_nowait(message)
        except asyncio.QueueFull:
            self.overflowed.set()

    async def next(self) -> Message | None:
        """Wait for the next message; None is the end."""
        return await self._messages.get()

    @property
    def waiting(self) -> int:
        """Messages that wait."""
        return self._messages.qsize()
