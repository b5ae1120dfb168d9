"""A ring buffer of Opus packets between the thread that makes them and their readers.

One reader sets the pace (`read`, a packet every 20 ms): the voice channel's player, or the clock
(`pacing.py`) where there is none. All other readers are `Listener`s: each gets the packets that the
reader has read, and a listener that is too slow misses some, never the others.

Packet indices count since the jam's beginning, so packet p holds samples 960·p … 960·p + 959
of the jam at 48 kHz. The beat stays where it is whatever happens: a packet that was not ready in
time is replaced by the one that was heard a measure before, and dropped when it arrives late.

Threads: every method may be called from any thread; one lock guards the state and is held for
microseconds. A `Listener` belongs to the event loop that created it.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

SILENCE = b"\xf8\xff\xfe"
"""20 ms of silence in Opus (full band, CELT)."""

PACKET_S = 0.02
PACKET_SAMPLES = 960

MAX_LISTENER_PACKETS = 250
"""A listener that lags further behind than this (5 s) misses packets."""

SILENCE_AFTER_S = 1.0
"""How long a continuous stream waits for packets before it sends silence."""


@dataclass(frozen=True)
class RingStats:
    """The counters of a ring.

    Attributes:
        head: index of the packet that is read next.
        ready: packets waiting to be read.
        played: packets of the jam that were read, replacements not counted.
        underruns: packets that were not ready in time and were replaced.
        late: packets that were put after their time and dropped.
        listeners: how many listeners there are.
    """

    head: int
    ready: int
    played: int
    underruns: int
    late: int
    listeners: int


class PacketRing:
    """A bounded, thread-safe ring of Opus packets (48 kHz, stereo, 20 ms each).

    Args:
        capacity: packets that should wait to be read.
        measure_packets: packets of one measure, the age of the packets that replace missing ones.
        head: index of the first packet (a resumed jam begins where it was).
    """

    def __init__(self, capacity: int, *, measure_packets: int = 100, head: int = 0) -> None:
        self._capacity = capacity
        self._changed = threading.Condition(threading.Lock())
        self._ready: deque[bytes] = deque()  # indices head, head + 1, …
        self._heard: deque[bytes] = deque(maxlen=max(1, measure_packets))
        self._head = self._first = head
        self._started = False
        self._closed = False
        self._silent = False
        self._played = self._underruns = self._late = 0
        self._listeners: set[Listener] = set()

    # -- the reader's side ------------------------------------------------------------------------

    def read(self) -> bytes:
        """The next packet. Never waits: takes a lock for a few microseconds.

        Before the first packet is ready, and while the ring is silenced, this is silence and the
        index does not advance. Later, a packet that is not ready is replaced by the one that was
        heard a measure before. When the ring is closed, empty bytes end the stream, as
        `discord.AudioSource.read` has it.
        """
        with self._changed:
            if self._closed:
                return b""
            if self._silent or not (self._started or self._ready):
                return SILENCE
            self._started = True
            if self._ready:
                packet = self._ready.popleft()
                self._played += 1
            else:
                self._underruns += 1
                # The deque rotates: its oldest packet is the one of a measure ago.
                packet = self._heard[0] if self._heard else SILENCE
            self._heard.append(packet)
            packet_index = self._head
            self._head += 1
            listeners = list(self._listeners)
            self._changed.notify_all()
        for listener in listeners:
            listener.push(packet, packet_index)
        return packet

    def listen(self, *, backlog: int = 0) -> Listener:
        """Add a listener; use it as a context manager or call its `close`.

        Args:
            backlog: how many of the packets that were read last come first, for players that fill
                a buffer before they begin.
        """
        listener = Listener(self)
        with self._changed:
            heard = list(self._heard)[-backlog:] if backlog else []
            for packet_index, packet in enumerate(heard, self._head - len(heard)):
                listener.push(packet, packet_index)
            self._listeners.add(listener)
            closed = self._closed
        if closed:
            listener.end()
        return listener

    def remove(self, listener: Listener) -> None:
        """Remove a listener (`Listener.close` calls this)."""
        with self._changed:
            self._listeners.discard(listener)

    # -- the maker's side -------------------------------------------------------------------------

    def put(self, packet: bytes, packet_index: int) -> bool:
        """Add the packet of an index; the indices come in order.

        A packet whose time has passed is dropped, so that the beat stays where it is. There is
        always room for what is put: `free_slots` says how much should be.

        Returns:
            Whether it was taken.
        """
        with self._changed:
            end = self._head + len(self._ready)
            if packet_index < end:
                # Packets before the beginning were heard before a restart of the jam.
                self._late += packet_index >= self._first
                return False
            if packet_index > end and self._ready:
                raise ValueError(f"packet {packet_index} does not follow {end - 1}")
            if packet_index > end:
                self._head = packet_index
            self._ready.append(packet)
            self._changed.notify_all()
            return True

    def free_slots(self) -> int:
        """How many more packets should be put now."""
        with self._changed:
            return max(0, self._capacity - len(self._ready))

    def wait_for_slots(self, packets: int, timeout_s: float) -> bool:
        """Wait until `packets` more should be put; whether they should (False when closed)."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or self._capacity - len(self._ready) >= packets, timeout_s
            )
            return not self._closed and self._capacity - len(self._ready) >= packets

    def resize(self, capacity: int) -> None:
        """Keep more or fewer packets ready from now on; none that is ready is lost."""
        with self._changed:
            self._capacity = capacity
            self._changed.notify_all()

    def set_silent(self, silent: bool) -> None:
        """While silent, `read` returns silence and the index does not advance (a paused jam)."""
        with self._changed:
            self._silent = silent
            self._changed.notify_all()

    def close(self) -> None:
        """End the stream for everybody. A second call does nothing."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.end_listeners()

    def end_listeners(self) -> None:
        """End the stream for all listeners; the reader that sets the pace reads on."""
        with self._changed:
            listeners = list(self._listeners)
        for listener in listeners:
            listener.end()

    # -- status -----------------------------------------------------------------------------------

    @property
    def head(self) -> int:
        """Index of the packet that is read next."""
        return self._head

    @property
    def closed(self) -> bool:
        """Whether the stream has ended."""
        return self._closed

    def stats(self) -> RingStats:
        """The present counters."""
        with self._changed:
            return RingStats(
                head=self._head,
                ready=len(self._ready),
                played=self._played,
                underruns=self._underruns,
                late=self._late,
                listeners=len(self._listeners),
            )


class Listener:
    """An asynchronous iterator over the packets that the reader of a ring has read.

        with ring.listen() as packets:
            async for packet in packets:
                ...

    Create it on the event loop that will iterate over it.
    """

    def __init__(self, ring: PacketRing) -> None:
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._wakeup = asyncio.Event()
        self._packets: deque[tuple[int, bytes]] = deque(maxlen=MAX_LISTENER_PACKETS)
        self._ended = False

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def push(self, packet: bytes, packet_index: int) -> None:
        """Queue a packet, from any thread; the oldest is dropped when too many wait."""
        self._packets.append((packet_index, packet))
        self._wake()

    def end(self) -> None:
        """End the iteration after the queued packets, from any thread."""
        self._ended = True
        self._wake()

    def close(self) -> None:
        """Stop listening."""
        self._ring.remove(self)
        self.end()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._packets_only()

    async def _packets_only(self) -> AsyncIterator[bytes]:
        async for _, packet in self.with_positions():
            yield packet

    async def with_positions(self) -> AsyncIterator[tuple[int, bytes]]:
        """The packets, each with its index."""
        while True:
            while self._packets:
                yield self._packets.popleft()
            if self._ended:
                return
            await self._wait(None)

    async def continuous(self) -> AsyncIterator[bytes]:
        """The packets, and as much silence as the time in which none come.

        A stream that forwards them writes all the time, and so notices a closed connection.
        """
        while True:
            while self._packets:
                yield self._packets.popleft()[1]
            if self._ended:
                return
            if not await self._wait(SILENCE_AFTER_S):
                for _ in range(round(SILENCE_AFTER_S / PACKET_S)):
                    yield SILENCE

    async def _wait(self, timeout_s: float | None) -> bool:
        """Wait for a packet or the end; whether it came in time."""
        self._wakeup.clear()
        if self._packets or self._ended:
            return True
        try:
            async with asyncio.timeout(timeout_s):
                await self._wakeup.wait()
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._wakeup.set)
        except RuntimeError:  # the loop is closed, so nobody listens any more
            self._ring.remove(self)
