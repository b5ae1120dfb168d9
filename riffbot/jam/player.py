"""The thread that keeps a jam's ring filled: pictures to sound to packets, a little ahead."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from time import perf_counter

from audio.arrays import Floats, Pixels
from audio.stream import BLOCK
from riffbot.jam.history import Heard
from riffbot.jam.opus import OpusEncoder
from riffbot.jam.ring import PACKET_S, PACKET_SAMPLES, PacketRing
from riffbot.jam.synthesizer import COLUMN_SAMPLES, Performance, Sound
from riffbot.jam.timeline import Chunk, Entry

log = logging.getLogger(__name__)

BLOCK_SAMPLES = BLOCK * COLUMN_SAMPLES
BLOCK_PACKETS = BLOCK_SAMPLES // PACKET_SAMPLES

LEAD = 4 * BLOCK_PACKETS
"""Packets kept ready at least, while nobody waits for a change: 0.64 s."""

SHORT_LEAD = 2 * BLOCK_PACKETS + 4
"""The same while a steered chunk is awaited: what is not ready yet can still be changed."""

LONGEST_LEAD = 100
"""Packets kept ready at most: 2 s, so that even a very busy machine may look away for a second."""

_STALLS = 3.0
"""How many times the slowest block of late must fit into what is ready."""

_FORGETTING = 0.99
"""The slowest block is forgotten by so much with every other: half of it in eleven seconds."""

_WAIT_S = 0.25
_GLANCE_S = 0.02

Tap = Callable[[int, Floats], None]


class Player:
    """Plays a performance into a ring.

    The score is changed only through `enter`, which knows what is written already.

    Args:
        performance: what is played; nobody else may touch it from now on.
        ring: where the packets go; it has room for `LEAD`.
        encoder: makes them.
        on_block: called after every block, on this thread.

    Attributes:
        heard: the last minute.
        late_chunks: how often the last bar had to loop.
        failures: blocks in a row that could not be played.
        awaits: whether a chunk is being made, which is worth waiting for before the last bar loops.
    """

    def __init__(
        self,
        performance: Performance,
        ring: PacketRing,
        encoder: OpusEncoder,
        *,
        on_block: Callable[[], None],
    ) -> None:
        self._performance = performance
        self._ring = ring
        self._encoder = encoder
        self._on_block = on_block
        self._score_lock = threading.Lock()
        self._stop = threading.Event()
        self._column = performance.given
        self.heard = Heard(self._column * COLUMN_SAMPLES)
        self.taps: list[Tap] = []
        self.awaits: Callable[[], bool] = lambda: False
        self.late_chunks = 0
        self.failures = 0
        self._looping = False
        self._slowest_s = 0.0
        self._warm = False
        self._solved: Floats | None = None  # sound that is not in packets yet
        # Where the sound was at the beginning of each block that is not heard yet.
        self._sounds: deque[tuple[int, Sound]] = deque(maxlen=2 * LONGEST_LEAD // BLOCK_PACKETS)
        self._thread = threading.Thread(target=self._run, name="riffbot-jam-player", daemon=True)

    def start(self) -> None:
        """Begin; the score must have its first chunk."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stop.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()

    # -- the score, from other threads ------------------------------------------------------------

    @property
    def looping(self) -> bool:
        """Whether the last bar loops, because a chunk is late."""
        return self._looping

    @property
    def heard_column(self) -> int:
        """The column that is read from the ring next."""
        return self._ring.head * PACKET_SAMPLES // COLUMN_SAMPLES

    def short_lead(self) -> int:
        """Packets that this machine must have ready, judged by how long its blocks take."""
        stalls = round(_STALLS * self._slowest_s / PACKET_S)
        return min(LONGEST_LEAD // 2, max(SHORT_LEAD, BLOCK_PACKETS + stalls))

    def lead(self, chunk_s: float) -> int:
        """Packets to keep ready while nobody waits for a change.

        As many more as are heard while a chunk is made: by the time a wish's chunk is there,
        no more are left than had to be.
        """
        more = round(chunk_s / PACKET_S)
        return min(LONGEST_LEAD, max(LEAD, self.short_lead() + more))

    def enter(self, chunk: Chunk, *, at_once: bool, planned: int | None = None) -> Entry:
        """Let a chunk in: when the present one's turn is over, or at the next beat.

        Args:
            at_once: at the next beat that is not written yet; so does a chunk that is late.
            planned: at this column, if it is not written yet.
        """
        with self._score_lock:
            score = self._performance.score
            written = self._performance.written
            beat = score.meter.beat_from(written)
            at = beat if at_once else max(score.end, beat)
            if planned is not None and planned >= written:
                at = planned
            return score.enter(chunk, at)

    def ahead(self) -> int:
        """Columns of chunks that are not written yet."""
        with self._score_lock:
            return max(0, self._performance.score.end - self._performance.written)

    def sounding(self, column: int) -> Entry | None:
        """What is on at a column."""
        with self._score_lock:
            return self._performance.score.on(column)

    def last(self) -> Entry | None:
        """What is on where the sound is written now."""
        with self._score_lock:
            return self._performance.score.on(max(0, self._performance.written - 1))

    def following(self, entry: Entry) -> Entry | None:
        """What comes in after an entry."""
        with self._score_lock:
            return self._performance.score.after(entry.start)

    def coming(self) -> Entry | None:
        """What comes in after what is heard."""
        with self._score_lock:
            return self._performance.score.after(self.heard_column)

    def entries(self) -> list[Entry]:
        """All that is remembered and planned, in order."""
        with self._score_lock:
            return list(self._performance.score)

    def pictures(self, first: int, last: int) -> tuple[Pixels, list[Entry]]:
        """The columns of a stretch that was heard, and what was on in it."""
        with self._score_lock:
            score = self._performance.score
            columns, _ = score.columns(first, last)
            begins = score.on(first)
            assert begins is not None
            return columns, [e for e in score if begins.start <= e.start < last]

    def sound_at(self, column: int) -> tuple[int, Sound | None]:
        """Where the block begins that a column is in, and where the sound was there."""
        begins = column // BLOCK * BLOCK
        return begins, next((sound for at, sound in list(self._sounds) if at == begins), None)

    # -- the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set() and not self._ring.closed:
            if not self._ring.wait_for_room(BLOCK_PACKETS, _WAIT_S):
                continue
            if self._loops_too_early():
                self._stop.wait(_GLANCE_S)
                continue
            began = perf_counter()
            try:
                self._block()
                # The first block also finds the first gain, which no other does.
                spent = perf_counter() - began if self._warm else 0.0
                self._slowest_s = max(spent, _FORGETTING * self._slowest_s)
                self._warm = True
                self.failures = 0
            except Exception:
                log.exception("a jam's block could not be played")
                self.failures += 1
                self._stop.wait(_WAIT_S)
            self._on_block()

    def _loops_too_early(self) -> bool:
        """Whether the last bar would loop in the next block although what is ready suffices for a
        while: a chunk that comes meanwhile can still come in at its own place."""
        if self._solved is not None or self._ring.stats().ready < self.short_lead():
            return False
        with self._score_lock:
            performance = self._performance
            covered = performance.written + BLOCK <= performance.score.end
        return not covered and self.awaits()

    def _block(self) -> None:
        """Play the next 160 ms. What fails is tried again, and neither lost nor played twice."""
        if self._solved is None:
            self._solved = self._sound()
        samples = self._solved
        packets = self._encoder.encode(samples)
        self._solved = None
        position = self._column * COLUMN_SAMPLES
        self._column += BLOCK
        self.heard.add(samples)
        try:
            for tap in self.taps:
                tap(position, samples)
        finally:  # whoever listens in and fails is no reason for a hole
            for number, packet in enumerate(packets):
                self._ring.put(packet, position // PACKET_SAMPLES + number)

    def _sound(self) -> Floats:
        """The next block's samples. Only what they are made of is looked up under the lock: to
        make them takes a while, and an event loop may want to look at the score."""
        if not self._sounds or self._sounds[-1][0] != self._column:
            self._sounds.append((self._column, self._performance.sound))
        with self._score_lock:
            passage = self._performance.take()
            self._performance.score.forget(self._column)
        if passage.looping and not self._looping:
            self.late_chunks += 1
        self._looping = passage.looping
        return self._performance.block()
