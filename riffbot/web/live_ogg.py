"""`live.ogg`: one jam's sound as an Ogg Opus stream, encoded once for all its readers.

The pages of a stream carry a serial, a number and a check sum, so all readers share them: a reader
that comes later gets the stream's two head pages and then joins in the middle, as listeners of any
Ogg radio do. For each reader there is one bounded queue, and one write for eight packets.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque

from riffbot.jam.ogg import OggOpus
from riffbot.jam.session import JamSession

log = logging.getLogger(__name__)

BACKLOG = 48
"""Packets that a reader gets at once (0.96 s): a player stores some before it begins."""

PACKETS = 8
"""Packets of a message (160 ms): a hundred readers are 625 writes a second."""

WAITING = 32
"""Messages that may wait for one reader (5 s); a slower reader misses the oldest ones."""


class OggQueue:
    """One reader's bounded queue of messages; everything happens on the page's event loop."""

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque(maxlen=WAITING)
        self._changed = asyncio.Event()
        self._ended = False

    def put(self, message: bytes) -> None:
        """Add a message; where the queue is full, the oldest one is dropped."""
        self._messages.append(message)
        self._changed.set()

    def end(self) -> None:
        """End the stream after what waits."""
        self._ended = True
        self._changed.set()

    async def next(self) -> bytes | None:
        """Wait for messages, and join all that wait; None is the end."""
        while not self._messages:
            if self._ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        message = b"".join(self._messages)
        self._messages.clear()
        return message


class OggBroadcast:
    """Sends one jam's stream to its readers; runs from the first of them to the last.

    Args:
        session: the jam.

    Attributes:
        readers: their queues.
        has_ended: whether the stream has ended.
    """

    def __init__(self, session: JamSession) -> None:
        self.readers: set[OggQueue] = set()
        self.has_ended = False
        self._session = session
        self._ogg = OggOpus(secrets.randbelow(2**31))
        self._head = self._ogg.header_pages()
        self._recent: deque[bytes] = deque(maxlen=BACKLOG // PACKETS)
        self._task = asyncio.create_task(self._run())

    def add(self) -> OggQueue:
        """Add a reader, which gets the stream's head and the last second at once."""
        reader = OggQueue()
        self.readers.add(reader)
        reader.put(b"".join((self._head, *self._recent)))
        return reader

    def remove(self, reader: OggQueue) -> None:
        """Remove a reader."""
        self.readers.discard(reader)

    def close(self) -> None:
        """End the stream for all readers."""
        self._task.cancel()
        self._end()

    def _end(self) -> None:
        self.has_ended = True
        for reader in self.readers:
            reader.end()

    async def _run(self) -> None:
        pages: list[bytes] = []
        try:
            with self._session.ring.listen(backlog=BACKLOG) as packets:
                # A pause is sent as silence: a player would disconnect, and only a write notices
                # that a reader has disconnected.
                async for packet in packets.continuous():
                    pages.append(self._ogg.packet_page(packet))
                    if len(pages) == PACKETS:
                        self._send(b"".join(pages))
                        pages = []
            self._send(b"".join((*pages, self._ogg.end_page())))
        except Exception:
            log.exception("live.ogg of jam %s broke", self._session.id)
        finally:
            self._end()

    def _send(self, message: bytes) -> None:
        self._recent.append(message)
        for reader in self.readers:
            reader.put(message)
