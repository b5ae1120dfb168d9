"""The jam as discord.py's player sees it: Opus packets, one each 20 ms, never waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import discord

from riffbot.jam.ring import SILENCE

STALL_S = 0.2
"""A player that was away for longer than ten packets goes on from now: see `RingSource`."""


class Packets(Protocol):
    """What can be read: a `PacketRing`."""

    def read(self) -> bytes:
        """The next packet, at once; empty at the end."""


class RingSource(discord.AudioSource):
    """Reads a jam's ring on the player's thread. No library of the system is needed: the packets
    are Opus already.

    discord.py's player keeps time from its start, so after a stall (a suspended process, a busy
    machine) it would send everything it missed at once, and a listener's client throws most of such
    a burst away. `on_stall` is called instead, to let the player count from now.

    Args:
        ring: where the packets lie.
        is_connected: while this is False nothing is taken, so that the jam stands still.
        on_stall: told on the player's thread.

    Attributes:
        stalls: how often the player was away.
        ended: the jam is over, and so is this.
    """

    def __init__(
        self, ring: Packets, is_connected: Callable[[], bool], on_stall: Callable[[], None]
    ) -> None:
        self._ring = ring
        self._is_connected = is_connected
        self._on_stall = on_stall
        self._last: float | None = None
        self.stalls = 0
        self.ended = False

    def read(self) -> bytes:
        """The next packet; silence while there is no connection; empty when the jam is over."""
        now = time.perf_counter()
        if not self._is_connected():
            self._last = None  # the player waits for the connection and starts its clock anew
            return SILENCE
        if self._last is not None and now - self._last > STALL_S:
            self.stalls += 1
            self._on_stall()
        self._last = now
        packet = self._ring.read()
        self.ended = not packet
        return packet

    def is_opus(self) -> bool:
        """They are."""
        return True
