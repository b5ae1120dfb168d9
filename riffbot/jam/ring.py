"""Ready Opus packets between the thread that makes them and those who play them.

One reader sets the pace (`read`, a packet every 20 ms): the voice channel's player, or the clock
(`pace.py`) where there is none. Everybody else listens along (`listen`): each gets the packets
that the pace has passed, and whoever is too slow misses some, never the others.

Positions count packets since the jam's beginning, so packet p holds samples 960·p … 960·p + 959
of the jam at 48 kHz. The beat stays where it is whatever happens: a packet that was not ready in
time is replaced by the one that was heard a measure before, and dropped when it comes after all.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

SILENCE = b"\xf8\xff\xfe"
"""20 ms of nothing, in Opus (full band, CELT)."""

PACKET_S = 0.02
PACKET_SAMPLES = 960

LISTENER_PACKETS = 250
"""A listener who lags further behind than this (5 s) misses packets."""

PATIENCE_S = 1.0
"""How long a stream waits for packets before it sends silence."""


@dataclass(frozen=True)
class RingStats:
    """How the ring is doing.

    Attributes:
        head: position of the packet that is read next.
        ready: packets waiting to be read.
        played: packets of the jam that were read, fillers not counted.
        underruns: packets that were not ready when they were wanted; a measure-old one stood in.
        late: packets that came after their time and were dropped.
        listeners: how many listen along.
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
        capacity: packets that may wait to be read; `put` waits when there is no room.
        measure: packets of one measure, the age of the packets that stand in for missing ones.
        head: position of the first packet (a jam that goes on begins where it was).
    """

    def __init__(self, capacity: int, *, measure: int = 100, head: int = 0) -> None:
        self._capacity = capacity
        self._changed = threading.Condition(threading.Lock())
        self._ready: deque[bytes] = deque()  # positions head, head + 1, …
        self._heard: deque[bytes] = deque(maxlen=max(1, measure))
        self._head = self._first = head
        self._started = False
        self._closed = False
        self._silent = False
        self._played = self._underruns = self._late = 0
        self._listeners: set[Listener] = set()

    # -- the reader's side ------------------------------------------------------------------------

    def read(self) -> bytes:
        """The next packet. Never waits: takes a lock for a few microseconds.

        Before the first packet is ready, and while the ring is hushed, this is silence and the
        position stands still. Later, a packet that is not ready is replaced by the one that was
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
                # The deque turns: the oldest packet is the one of a measure ago.
                packet = self._heard[0] if self._heard else SILENCE
            self._heard.append(packet)
            position = self._head
            self._head += 1
            listeners = list(self._listeners)
            self._changed.notify_all()
        for listener in listeners:
            listener.offer(packet, position)
        return packet

    def listen(self, *, backlog: int = 0) -> Listener:
        """Listen along from now on; use it as a context manager or call its `close`.

        Args:
            backlog: give so many of the packets that were heard last first, for players that
                want something in store before they begin.
        """
        listener = Listener(self)
        with self._changed:
            heard = list(self._heard)[-backlog:] if backlog else []
            for position, packet in enumerate(heard, self._head - len(heard)):
                listener.offer(packet, position)
            self._listeners.add(listener)
            closed = self._closed
        if closed:
            listener.end()
        return listener

    def leave(self, listener: Listener) -> None:
        """Forget a listener (`Listener.close` calls this)."""
        with self._changed:
            self._listeners.discard(listener)

    # -- the maker's side -------------------------------------------------------------------------

    def put(self, packet: bytes, position: int) -> bool:
        """Add the packet of a position; positions come in order.

        A packet whose time has passed is dropped, so that the beat stays where it is. There is
        always room for what is put: `room` says how much should be.

        Returns:
            Whether it was taken.
        """
        with self._changed:
            end = self._head + len(self._ready)
            if position < end:
                # What lies before the beginning was heard in an earlier life of the jam.
                self._late += position >= self._first
                return False
            if position > end and self._ready:
                raise ValueError(f"packet {position} does not follow {end - 1}")
            if position > end:
                self._head = position
            self._ready.append(packet)
            self._changed.notify_all()
            return True

    def room(self) -> int:
        """How many more packets should be made now."""
        with self._changed:
            return max(0, self._capacity - len(self._ready))

    def wait_for_room(self, packets: int, timeout_s: float) -> bool:
        """Wait until there is room for so many packets; whether there is (False when closed)."""
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

    def hush(self, silent: bool) -> None:
        """While hushed, `read` gives silence and the position stands still (a paused jam)."""
        with self._changed:
            self._silent = silent
            self._changed.notify_all()

    def close(self) -> None:
        """End the stream for everybody. A second call does nothing."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.send_listeners_home()

    def send_listeners_home(self) -> None:
        """End the stream for those who listen along; whoever sets the pace reads on."""
        with self._changed:
            listeners = list(self._listeners)
        for listener in listeners:
            listener.end()

    # -- looking on -------------------------------------------------------------------------------

    @property
    def head(self) -> int:
        """Position of the packet that is read next."""
        return self._head

    @property
    def closed(self) -> bool:
        """Whether the stream has ended."""
        return self._closed

    def stats(self) -> RingStats:
        """A snapshot."""
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
    """Somebody on an event loop who hears what the pace has passed.

        with ring.listen() as packets:
            async for packet in packets:
                ...

    Make it on the loop that will iterate over it.
    """

    def __init__(self, ring: PacketRing) -> None:
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._packets: deque[tuple[int, bytes]] = deque(maxlen=LISTENER_PACKETS)
        self._ended = False

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def offer(self, packet: bytes, position: int) -> None:
        """Take a packet, from any thread; the oldest is forgotten when too many wait."""
        self._packets.append((position, packet))
        self._wake()

    def end(self) -> None:
        """There is no more, from any thread."""
        self._ended = True
        self._wake()

    def close(self) -> None:
        """Stop listening."""
        self._ring.leave(self)
        self.end()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._packets_as_they_come()

    async def _packets_as_they_come(self) -> AsyncIterator[bytes]:
        async for _, packet in self.placed():
            yield packet

    async def placed(self) -> AsyncIterator[tuple[int, bytes]]:
        """The packets, each with its position."""
        while True:
            while self._packets:
                yield self._packets.popleft()
            if self._ended:
                return
            await self._more(None)

    async def without_a_pause(self) -> AsyncIterator[bytes]:
        """The packets, and as much silence as the time in which none come.

        Whoever streams them on writes all the time, and so notices when nobody is there any more.
        """
        while True:
            while self._packets:
                yield self._packets.popleft()[1]
            if self._ended:
                return
            if not await self._more(PATIENCE_S):
                for _ in range(round(PATIENCE_S / PACKET_S)):
                    yield SILENCE

    async def _more(self, patience_s: float | None) -> bool:
        """Wait for a packet or the end; whether it came in time."""
        self._news.clear()
        if self._packets or self._ended:
            return True
        try:
            async with asyncio.timeout(patience_s):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:  # the loop is gone, and with it whoever listened
            self._ring.leave(self)
