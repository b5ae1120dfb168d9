"""Who reads a jam's ring: a voice channel, or the clock where only the page listens."""

from __future__ import annotations

import threading
import time

# By name: a local Discord puts a simulated clock at `time.monotonic` for the bot's own tasks.
from time import monotonic
from typing import Literal

from riffbot.jam.ring import PACKET_S, PacketRing

Pace = Literal["voice", "clock"]

ALONE_S = 60.0
"""A jam that only the clock reads and nobody listens to pauses after this long."""


class Pacemaker:
    """Reads the ring where nobody else does, and knows whether anybody listens.

    Args:
        ring: the packets.
        pace: `voice` when somebody else reads them, `clock` to have them read in real time.
        pause_alone: whether a jam that nobody listens to is to pause at all.

    Attributes:
        pace: who reads from the next `follow` on.
    """

    def __init__(self, ring: PacketRing, pace: Pace, *, pause_alone: bool) -> None:
        self.pace = pace
        self._ring = ring
        self._pause_alone = pause_alone
        self._ticker: Ticker | None = None
        self._alone_since: float | None = None

    def follow(self, *, alive: bool) -> None:
        """Read, or let be, as the pace says; a jam that is not alive is read by nobody."""
        wanted = self.pace == "clock" and alive
        if wanted and self._ticker is None:
            self._ticker = Ticker(self._ring)
        elif not wanted and self._ticker is not None:
            self._ticker.stop()
            self._ticker = None

    @property
    def waits(self) -> bool:
        """Whether nobody listens, as far as was looked: who comes now is waited for."""
        return self._alone_since is not None

    def forget(self) -> None:
        """Begin to count anew, and wait for nobody."""
        self._alone_since = None

    def left_alone(self) -> bool:
        """Look; whether only the clock reads and nobody has listened for a while."""
        if not self._pause_alone or self.pace != "clock" or self._ring.stats().listeners:
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = monotonic()
        return self._alone_since is not None and monotonic() - self._alone_since > ALONE_S


class Ticker:
    """Reads a ring every 20 ms on a thread of its own, where no voice channel sets the pace.

    Time is kept from the start, as discord.py's player keeps it, so nothing drifts; after a stall
    (a suspended laptop) it goes on from now instead of catching up in a burst.
    """

    _STALL_S = 1.0

    def __init__(self, ring: PacketRing) -> None:
        self._ring = ring
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="riffbot-jam-ticker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop reading; returns when the last read is over."""
        self._stop.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        due = time.perf_counter()
        while not self._stop.is_set():
            if not self._ring.read():
                return
            due += PACKET_S
            wait = due - time.perf_counter()
            if wait > 0:
                self._stop.wait(wait)
            elif wait < -self._STALL_S:
                due = time.perf_counter()
