"""What was heard of a jam on the page, to be downloaded: the last half an hour, as Ogg Opus.

| | |
| --- | --- |
| `GET /api/jams/<id>/recording?from=` | how much there is from a sample on, and the limit |
| `GET /api/jams/<id>/recording.ogg?from=` | the same as a file |

The packets are those that the listeners got, kept once a jam however many listen; nothing is
encoded anew. They are there while the jam is.
"""

from __future__ import annotations

import contextlib
import secrets
import struct
from collections import deque
from collections.abc import Iterator

from aiohttp import web

from riffbot.errors import NotFound
from riffbot.jam.ogg import OggOpus
from riffbot.jam.ring import PACKET_SAMPLES
from riffbot.jam.synthesizer import SAMPLE_RATE
from riffbot.web import protocol
from riffbot.web.request_reader import query_whole
from riffbot.web.security import HEADERS
from riffbot.web.streams import bound, write

LIMIT_S = 1800.0
"""What is remembered of a jam: 22 MB at 96 kbit/s."""


class Recording:
    """The last messages of sound of one jam.

    Args:
        limit_s: seconds that are remembered.
    """

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self.limit_s = limit_s
        self._messages: deque[tuple[int, bytes]] = deque()
        """First packet and `wire.opus` message, in order."""

    def add(self, message: bytes) -> None:
        """Remember a message of Opus packets; what is older than the limit goes."""
        first, last = _extent(message)
        self._messages.append((first, message))
        oldest = last - round(self.limit_s * SAMPLE_RATE / PACKET_SAMPLES)
        while _extent(self._messages[0][1])[1] <= oldest:
            self._messages.popleft()

    def packets(self, first: int = 0) -> Iterator[list[bytes]]:
        """The packets from a place on, a message's at a time; where nobody listened is a gap."""
        for begins, message in list(self._messages):
            packets = _packets(message)[max(0, first - begins) :]
            if packets:
                yield packets

    def seconds(self, first: int = 0) -> float:
        """How long they sound."""
        counts = (
            last - max(first, begins)
            for begins, message in list(self._messages)
            if (last := _extent(message)[1]) > first
        )
        return sum(counts) * PACKET_SAMPLES / SAMPLE_RATE


def _extent(message: bytes) -> tuple[int, int]:
    _, _, count, _, place = protocol.HEAD.unpack_from(message)
    first = round(place / PACKET_SAMPLES)
    return first, first + count


def _packets(message: bytes) -> list[bytes]:
    count = protocol.HEAD.unpack_from(message)[2]
    lengths = struct.unpack_from(f"<{count}H", message, protocol.HEAD.size)
    packets, at = [], protocol.HEAD.size + 2 * count
    for length in lengths:
        packets.append(message[at : at + length])
        at += length
    return packets


def first_packet(request: web.Request) -> int:
    """The packet that the query's sample lies in. Raises BadRequest."""
    sample = query_whole(
        request,
        "from",
        "0",
        (0, 10**15),
        "“from” is a sample of the jam, at 48 kHz, as its messages count them.",
    )
    return sample // PACKET_SAMPLES


async def as_file(request: web.Request, recording: Recording) -> web.StreamResponse:
    """Send what was heard as one file.

    Raises:
        NotFound: nothing was heard on the page.
        BadRequest: the place is none.
    """
    first = first_packet(request)
    if recording.seconds(first) == 0:
        raise NotFound("Nothing of this jam was heard on the page yet: listen a little first.")
    stream = web.StreamResponse(
        headers={
            **HEADERS,
            "Cache-Control": "no-store",
            "Content-Disposition": 'attachment; filename="riffbot-jam.ogg"',
        }
    )
    stream.content_type = "audio/ogg"
    await stream.prepare(request)
    bound(request)
    ogg = OggOpus(secrets.randbelow(2**31))
    with contextlib.suppress(ConnectionError):
        await write(request, stream, ogg.header_pages())
        for packets in recording.packets(first):
            # A write waits for a slow reader and lets the others have their turn.
            await write(request, stream, b"".join(map(ogg.packet_page, packets)))
        await write(request, stream, ogg.end_page())
    return stream
