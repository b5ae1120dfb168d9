"""Who reads a jam's ring: a voice channel, or a clock where only the page listens.

The clock is a thread of its own (`ClockReader`), one for each jam that no voice channel reads.
"""

from __future__ import annotations

import threading
import time
from typing import Literal

from riffbot.clock import monotonic
from riffbot.jam.ring import PACKET_S, PacketRing

PaceSource = Literal["voice", "clock"]
"""Who reads the ring every 20 ms and so sets the pace."""

IDLE_TIMEOUT_S = 60.0
"""A jam that only the clock reads and nobody listens to pauses after this long."""


class RingPacer:
    """Reads the ring if no voice channel does, and detects whether anybody listens.

    Args:
        ring: the packets.
        pace: `voice` when a voice channel reads them, `clock` to have them read in real time.
        pause_when_idle: whether a jam that nobody listens to is to pause at all.

    Attributes:
        pace: who reads from the next `update` on.
    """

    def __init__(self, ring: PacketRing, pace: PaceSource, *, pause_when_idle: bool) -> None:
        self.pace = pace
        self._ring = ring
        self._pause_when_idle = pause_when_idle
        self._clock: ClockReader | None = None
        self._idle_since: float | None = None

    def update(self, *, alive: bool) -> None:
        """Start or stop the clock as `pace` says; nobody reads a jam that is not alive."""
        wanted = self.pace == "clock" and alive
        if wanted and self._clock is None:
            self._clock = ClockReader(self._ring)
        elif not wanted and self._clock is not None:
            self._clock.stop()
            self._clock = None

    def reset_idle(self) -> None:
        """Count the idle time from zero."""
        self._idle_since = None

    def check_idle(self) -> bool:
        """Whether only the clock reads and nobody has listened for `IDLE_TIMEOUT_S`."""
        if not self._pause_when_idle or self.pace != "clock" or self._ring.stats().listeners:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = monotonic()
        return self._idle_since is not None and monotonic() - self._idle_since > IDLE_TIMEOUT_S


class ClockReader:
    """Reads a ring every 20 ms on a thread of its own, where no voice channel sets the pace.

    Time is kept from the start, as discord.py's player keeps it, so nothing drifts; after a stall
    (a suspended laptop) it continues from now instead of catching up in a burst.
    """

    _STALL_S = 1.0

    def __init__(self, ring: PacketRing) -> None:
        self._ring = ring
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="riffbot-jam-clock", daemon=True)
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
