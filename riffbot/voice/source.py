"""The audio source that discord.py's player reads: one Opus packet each 20 ms, without waiting."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import discord

from riffbot.jam.ring import SILENCE

STALL_S = 0.2
"""A player that did not read for longer than ten packets restarts its clock: see `RingSource`."""


class PacketReader(Protocol):
    """A reader of packets: `PacketRing` in production."""

    def read(self) -> bytes:
        """Return the next packet without waiting; empty at the end."""


class RingSource(discord.AudioSource):
    """Reads a jam's ring on the player's thread. The packets are Opus already, so no system
    library is needed.

    discord.py's player counts packets from its start, so after a stall (a suspended process, a busy
    machine) it would send everything it missed at once, and a listener's client throws most of such
    a burst away. `on_stall` is called instead, to let the player count from now.

    Args:
        ring: where to read packets.
        can_send: while this returns False no packet is read, so that none is lost.
        on_stall: called on the player's thread.

    Attributes:
        stalls: number of stalls so far.
        ended: the ring is at its end, and so is this source.
    """

    def __init__(
        self, ring: PacketReader, can_send: Callable[[], bool], on_stall: Callable[[], None]
    ) -> None:
        self._ring = ring
        self._can_send = can_send
        self._on_stall = on_stall
        self._last_read: float | None = None
        self.stalls = 0
        self.ended = False

    def read(self) -> bytes:
        """Return the next packet; silence without a connection; empty when the jam is over."""
        now = time.perf_counter()
        if not self._can_send():
            self._last_read = None  # the player waits for the connection and restarts its clock
            return SILENCE
        if self._last_read is not None and now - self._last_read > STALL_S:
            self.stalls += 1
            self._on_stall()
        self._last_read = now
        packet = self._ring.read()
        self.ended = not packet
        return packet

    def is_opus(self) -> bool:
        """Return True: discord.py need not encode."""
        return True
