"""What was heard of a jam on the page: the last half an hour of Opus packets.

The packets are those that the listeners got, kept once a jam however many listen; nothing is
encoded anew. They are kept while the jam plays.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator

from riffbot.jam.ring import PACKET_SAMPLES
from riffbot.jam.synthesizer import SAMPLE_RATE
from riffbot.web import protocol

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
        """First packet and message (`protocol.encode_opus`), in order."""

    def add(self, message: bytes) -> None:
        """Add a message of Opus packets; what is older than the limit is dropped."""
        first, last = _extent(message)
        self._messages.append((first, message))
        oldest = last - round(self.limit_s * SAMPLE_RATE / PACKET_SAMPLES)
        while _extent(self._messages[0][1])[1] <= oldest:
            self._messages.popleft()

    def packets(self, first: int = 0) -> Iterator[list[bytes]]:
        """The packets from one on, a message's at a time; there are gaps where nobody listened."""
        for begins, message in list(self._messages):
            packets = _packets(message)[max(0, first - begins) :]
            if packets:
                yield packets

    def seconds(self, first: int = 0) -> float:
        """How many seconds of sound `packets` holds."""
        counts = (
            last - max(first, begins)
            for begins, message in list(self._messages)
            if (last := _extent(message)[1]) > first
        )
        return sum(counts) * PACKET_SAMPLES / SAMPLE_RATE


def _extent(message: bytes) -> tuple[int, int]:
    _, _, count, _, place = protocol.HEADER.unpack_from(message)
    first = round(place / PACKET_SAMPLES)
    return first, first + count


def _packets(message: bytes) -> list[bytes]:
    count = protocol.HEADER.unpack_from(message)[2]
    lengths = struct.unpack_from(f"<{count}H", message, protocol.HEADER.size)
    packets, at = [], protocol.HEADER.size + 2 * count
    for length in lengths:
        packets.append(message[at : at + length])
        at += length
    return packets
