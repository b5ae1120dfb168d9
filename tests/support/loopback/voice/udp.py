"""A voice server's UDP port."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import time
from collections.abc import Callable

Receive = Callable[[bytes, tuple[str, int], float], None]
"""Takes a datagram, its sender and its time of arrival in seconds."""

TIMESTAMP_NS = 35 if sys.platform == "linux" else None
"""SO_TIMESTAMPNS: the kernel notes when a datagram came, however busy this process is."""

BUFFER = 4 * 1024 * 1024


class Port:
    """An open port on 127.0.0.1 that hands every datagram on."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        if TIMESTAMP_NS is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, TIMESTAMP_NS, 1)
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1", 0))
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    @property
    def number(self) -> int:
        """Where clients send."""
        return int(self._socket.getsockname()[1])

    def send(self, datagram: bytes, address: tuple[str, int]) -> None:
        """Send to a client."""
        self._socket.sendto(datagram, address)

    def close(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        while True:
            try:
                datagram, notes, _, address = self._socket.recvmsg(2048, 64)
            except BlockingIOError:
                return
            self._receive(datagram, address, _arrival(notes))


def _arrival(notes: list[tuple[int, int, bytes]]) -> float:
    for level, kind, data in notes:
        if (level, kind) == (socket.SOL_SOCKET, TIMESTAMP_NS):
            seconds, nanoseconds = struct.unpack("qq", data[:16])
            return float(seconds + nanoseconds / 1e9)
    return time.time()
