"""The thread that keeps a jam's ring filled: chunks → sound → Opus packets, a little ahead.

Threads: `Player` runs `riffbot-jam-player`, one a jam, which alone uses the synthesizer and the
encoder. The timeline is shared: the jams' event loop inserts and reads through `Player`'s methods,
under a lock that the player's thread holds only while it copies columns, never while it renders.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from time import perf_counter

from audio.arrays import Floats, Pixels
from audio.stream import BLOCK
from riffbot.jam.history import AudioHistory
from riffbot.jam.opus import OpusEncoder
from riffbot.jam.ring import PACKET_S, PACKET_SAMPLES, PacketRing
from riffbot.jam.synthesizer import COLUMN_SAMPLES, Synthesizer, SynthesizerState
from riffbot.jam.timeline import Chunk, Placement

log = logging.getLogger(__name__)

BLOCK_SAMPLES = BLOCK * COLUMN_SAMPLES
BLOCK_PACKETS = BLOCK_SAMPLES // PACKET_SAMPLES

RELAXED_LEAD = 4 * BLOCK_PACKETS
"""Packets kept ready at least, while nobody waits for a change: 0.64 s."""

MIN_LEAD = 2 * BLOCK_PACKETS + 4
"""Packets kept ready at least, while a change is pending: later sound can still be changed."""

MAX_LEAD = 100
"""Packets kept ready at most: 2 s, so that even a very busy machine may stall for a second."""

_STALL_FACTOR = 3.0
"""How many times the slowest recent block must fit into what is ready."""

_DECAY = 0.99
"""The slowest block's time shrinks by this with every block: to a half in eleven seconds."""

_WAIT_S = 0.25
_POLL_S = 0.02

BlockCallback = Callable[[int, Floats], None]


class Player:
    """Renders a timeline into a ring of packets.

    The timeline is changed only through `insert`, which knows what is rendered already.

    Args:
        synthesizer: renders the timeline; used by the player only from now on.
        ring: where the packets go; it has room for `RELAXED_LEAD`.
        encoder: makes the packets.
        on_block: called after every block, on this thread.

    Attributes:
        history: the last minute of sound.
        block_callbacks: called on this thread with every block's first sample index and samples.
        expects_chunk: whether a chunk is being generated, which is worth waiting for before the
            last bar loops.
        late_chunks: how often the last bar had to loop.
        failures: blocks in a row that could not be rendered.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        ring: PacketRing,
        encoder: OpusEncoder,
        *,
        on_block: Callable[[], None],
    ) -> None:
        self._synthesizer = synthesizer
        self._ring = ring
        self._encoder = encoder
        self._on_block = on_block
        self._timeline_lock = threading.Lock()
        self._stop = threading.Event()
        self._column = synthesizer.rendered
        self.history = AudioHistory(self._column * COLUMN_SAMPLES)
        self.block_callbacks: list[BlockCallback] = []
        self.expects_chunk: Callable[[], bool] = lambda: False
        self.late_chunks = 0
        self.failures = 0
        self._looping = False
        self._slowest_s = 0.0
        self._warm = False
        self._samples: Floats | None = None  # rendered, not in packets yet
        # The synthesizer's state at the beginning of each block that is not heard yet.
        self._states: deque[tuple[int, SynthesizerState]] = deque(
            maxlen=2 * MAX_LEAD // BLOCK_PACKETS
        )
        self._thread = threading.Thread(target=self._run, name="riffbot-jam-player", daemon=True)

    def start(self) -> None:
        """Begin; the timeline must have its first chunk."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stop.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()

    # -- the timeline, from other threads ---------------------------------------------------------

    @property
    def looping(self) -> bool:
        """Whether the last bar loops, because a chunk is late."""
        return self._looping

    @property
    def heard_column(self) -> int:
        """The column that is read from the ring next."""
        return self._ring.head * PACKET_SAMPLES // COLUMN_SAMPLES

    def min_lead(self) -> int:
        """Packets that must be ready on this machine, judged by how long its blocks take."""
        stalls = round(_STALL_FACTOR * self._slowest_s / PACKET_S)
        return min(MAX_LEAD // 2, max(MIN_LEAD, BLOCK_PACKETS + stalls))

    def relaxed_lead(self, chunk_s: float) -> int:
        """Packets to keep ready while nobody waits for a change.

        As many more as are heard while a chunk is generated: when the chunk of a change is there,
        no more are left than `min_lead`.
        """
        more = round(chunk_s / PACKET_S)
        return min(MAX_LEAD, max(RELAXED_LEAD, self.min_lead() + more))

    def insert(self, chunk: Chunk, *, at_next_beat: bool, planned: int | None = None) -> Placement:
        """Place a chunk where the present loop cycle ends, or at the next beat.

        Args:
            at_next_beat: at the next beat that is not rendered yet; a late chunk goes there, too.
            planned: place it at this column instead, if that is not rendered yet.
        """
        with self._timeline_lock:
            timeline = self._synthesizer.timeline
            consumed = self._synthesizer.consumed
            column = self._start_after(consumed, at_next_beat=at_next_beat)
            if planned is not None and planned >= consumed:
                column = planned
            return timeline.insert(chunk, column)

    def next_start(self, *, at_next_beat: bool, after: int) -> int:
        """Where a chunk would start that is ready after so many columns more are rendered."""
        with self._timeline_lock:
            consumed = self._synthesizer.consumed + after
            return self._start_after(consumed, at_next_beat=at_next_beat)

    def _start_after(self, consumed: int, *, at_next_beat: bool) -> int:
        timeline = self._synthesizer.timeline
        beat = timeline.loop_grid.next_beat(consumed)
        return beat if at_next_beat else max(timeline.end, beat)

    def columns_ahead(self) -> int:
        """Columns of chunks that are not rendered yet."""
        with self._timeline_lock:
            return max(0, self._synthesizer.timeline.end - self._synthesizer.consumed)

    def placement_at(self, column: int) -> Placement | None:
        """The placement that sounds at a column."""
        with self._timeline_lock:
            return self._synthesizer.timeline.placement_at(column)

    def rendering(self) -> Placement | None:
        """The placement that is being rendered."""
        with self._timeline_lock:
            return self._synthesizer.timeline.placement_at(max(0, self._synthesizer.consumed - 1))

    def placement_after(self, placement: Placement) -> Placement | None:
        """The placement that follows another."""
        with self._timeline_lock:
            return self._synthesizer.timeline.placement_after(placement.start)

    def placements(self) -> list[Placement]:
        """All placements that are remembered or planned, in order."""
        with self._timeline_lock:
            return list(self._synthesizer.timeline)

    def read_pixels(self, first: int, last: int) -> tuple[Pixels, list[Placement]]:
        """Columns, uint8[512, last − first], and the placements that sound in them.

        Raises:
            LookupError: no chunk was ever placed there, or it is discarded by now.
        """
        with self._timeline_lock:
            timeline = self._synthesizer.timeline
            pixels, _ = timeline.read_pixels(first, last)
            opening = timeline.placement_at(first)
            assert opening is not None
            return pixels, [each for each in timeline if opening.start <= each.start < last]

    def state_at(self, column: int) -> tuple[int, SynthesizerState | None]:
        """The first column of the block that a column is in, and the synthesizer's state there."""
        begins = column // BLOCK * BLOCK
        return begins, next((state for at, state in list(self._states) if at == begins), None)

    # -- the thread -------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set() and not self._ring.closed:
            if not self._ring.wait_for_slots(BLOCK_PACKETS, _WAIT_S):
                continue
            if self._would_loop_too_early():
                self._stop.wait(_POLL_S)
                continue
            began = perf_counter()
            try:
                self._render_next()
                # The first block also finds the first gain, which no other does.
                spent = perf_counter() - began if self._warm else 0.0
                self._slowest_s = max(spent, _DECAY * self._slowest_s)
                self._warm = True
                self.failures = 0
            except Exception:
                log.exception("a jam's block could not be played")
                self.failures += 1
                self._stop.wait(_WAIT_S)
            self._on_block()

    def _would_loop_too_early(self) -> bool:
        """Whether the last bar would loop in the next block although enough is ready for a while: a
        chunk that is ready by then can still start where it was planned."""
        if self._samples is not None or self._ring.stats().ready < self.min_lead():
            return False
        with self._timeline_lock:
            synthesizer = self._synthesizer
            covered = synthesizer.consumed + BLOCK <= synthesizer.timeline.end
        return not covered and self.expects_chunk()

    def _render_next(self) -> None:
        """Render the next 160 ms. What fails is tried again, and neither lost nor played twice."""
        if self._samples is None:
            self._samples = self._synthesize()
        samples = self._samples
        packets = self._encoder.encode(samples)
        self._samples = None
        sample_index = self._column * COLUMN_SAMPLES
        self._column += BLOCK
        self.history.append(samples)
        try:
            for callback in self.block_callbacks:
                callback(sample_index, samples)
        finally:  # a callback that fails is no reason for a gap
            for number, packet in enumerate(packets):
                self._ring.put(packet, sample_index // PACKET_SAMPLES + number)

    def _synthesize(self) -> Floats:
        """The next block's samples. Only its columns are read under the lock: rendering takes a
        while, and an event loop may want to read the timeline."""
        if not self._states or self._states[-1][0] != self._column:
            self._states.append((self._column, self._synthesizer.state))
        with self._timeline_lock:
            block = self._synthesizer.read_block()
            self._synthesizer.timeline.discard_before(self._column)
        if block.looping and not self._looping:
            self.late_chunks += 1
        self._looping = block.looping
        return self._synthesizer.render_block()
