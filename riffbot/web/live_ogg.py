"""`live.ogg`: one jam's sound as an Ogg Opus stream, made once for all who read it.

The pages of a stream carry a serial, a number and a check sum, so they are shared as they are: who
comes later gets the stream's two head pages and then goes on in the middle, as listeners of any
Ogg radio do. A reader's own part is one bounded queue and one write for eight packets.
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
"""Messages that may wait for one reader (5 s); who is further behind misses the oldest."""


class OggReader:
    """One reader's bounded queue of messages; everything happens on the page's event loop."""

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque(maxlen=WAITING)
        self._news = asyncio.Event()
        self._ended = False

    def offer(self, message: bytes) -> None:
        """Put a message into the queue; the oldest is forgotten where it is full."""
        self._messages.append(message)
        self._news.set()

    def end(self) -> None:
        """There is no more."""
        self._ended = True
        self._news.set()

    async def next(self) -> bytes | None:
        """What to send next: all that waits, as one; None when there is no more."""
        while not self._messages:
            if self._ended:
                return None
            self._news.clear()
            await self._news.wait()
        message = b"".join(self._messages)
        self._messages.clear()
        return message


class OggBroadcast:
    """One jam's stream on its way to its readers; runs from the first of them to the last.

    Args:
        session: the jam.

    Attributes:
        readers: who reads.
        over: whether the stream has ended.
    """

    def __init__(self, session: JamSession) -> None:
        self.readers: set[OggReader] = set()
        self.over = False
        self._session = session
        self._ogg = OggOpus(secrets.randbelow(2**31))
        self._head = self._ogg.header_pages()
        self._recent: deque[bytes] = deque(maxlen=BACKLOG // PACKETS)
        self._task = asyncio.create_task(self._run())

    def add(self) -> OggReader:
        """A new reader, who gets the stream's head and the last second at once."""
        reader = OggReader()
        self.readers.add(reader)
        reader.offer(b"".join((self._head, *self._recent)))
        return reader

    def remove(self, reader: OggReader) -> None:
        """Forget a reader."""
        self.readers.discard(reader)

    def close(self) -> None:
        """End the stream for all readers."""
        self._task.cancel()
        self._end()

    def _end(self) -> None:
        self.over = True
        for reader in self.readers:
            reader.end()

    async def _run(self) -> None:
        pages: list[bytes] = []
        try:
            with self._session.ring.listen(backlog=BACKLOG) as packets:
                # A pause is silence here: a player would hang up, and a write is what tells that
                # a reader has gone.
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
            reader.offer(message)
