"""Turns a timeline into continuous sound, block by block; its state is a value.

    timeline (pixels at columns) → audio.stream (one continuing phase) → audio.leveller → samples

No clock, no thread and no model here: the same chunks at the same columns give the same samples,
whether they are written to a file as fast as they can be or played in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from audio import codec
from audio.arrays import Floats, Pixels
from audio.columns import COLUMNS_PER_SECOND
from audio.leveller import Leveller, LevellerState
from audio.stream import AHEAD, BLOCK, Stream, StreamState
from riffbot.jam.timeline import Timeline

SAMPLE_RATE = 48000
"""Opus works at this rate."""

COLUMN_SAMPLES = SAMPLE_RATE // COLUMNS_PER_SECOND


@dataclass(frozen=True, eq=False)
class SynthesizerState:
    """The state of a synthesizer between two blocks.

    Attributes:
        stream, leveller: the states of the stream and of the leveller.
    """

    stream: StreamState
    leveller: LevellerState

    @property
    def consumed(self) -> int:
        """Columns that were read from the timeline."""
        return self.stream.consumed

    def to_json(self) -> dict[str, Any]:
        """The state as plain JSON values, about 80 kB."""
        return {"stream": self.stream.to_json(), "leveller": self.leveller.to_json()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` wrote. Raises AudioError."""
        return cls(
            StreamState.from_json(value.get("stream", {})),
            LevellerState.from_json(value.get("leveller", {})),
        )


@dataclass(frozen=True, eq=False)
class PixelBlock:
    """The columns that the next block of sound needs, read from the timeline.

    Attributes:
        columns: uint8[512, n].
        looping: whether the last bar of a chunk repeats in the block.
        first_chunk: uint8[512, W], the chunk that the very first gain is found from; None later.
    """

    columns: Pixels
    looping: bool
    first_chunk: Pixels | None = None


class Synthesizer:
    """Renders a timeline as sound.

    `read_block` reads the timeline and is quick, `render_block` makes the sound and is not: where a
    lock guards the timeline, it need only be held for the former.

    Args:
        timeline: read block by block; it may grow and change beyond `consumed`.
        loudness_lufs: the target loudness.
        seed: decides the phases, which pixels leave open.
        first: the column to begin at, a multiple of `BLOCK`, where there is no `state`.
        state: continue from here.
    """

    def __init__(
        self,
        timeline: Timeline,
        *,
        loudness_lufs: float = -14.0,
        seed: int = 0,
        first: int = 0,
        state: SynthesizerState | None = None,
    ) -> None:
        self.timeline = timeline
        self._seed = seed
        self._stream = Stream(
            SAMPLE_RATE,
            seed=seed,
            state=state.stream if state else StreamState.silence(SAMPLE_RATE, columns=first),
        )
        self._leveller = Leveller(
            SAMPLE_RATE, target_lufs=loudness_lufs, state=state.leveller if state else None
        )
        self._consumed = self._stream.consumed
        self._block: PixelBlock | None = None
        self._has_gain = state is not None

    @property
    def consumed(self) -> int:
        """Columns that were read from the timeline: nothing before this can be changed any more."""
        return self._consumed

    @property
    def rendered(self) -> int:
        """Columns that came out as sound (the limiter's 10 ms excepted)."""
        return self._stream.columns

    @property
    def state(self) -> SynthesizerState:
        """The state; valid between two blocks."""
        return SynthesizerState(self._stream.state, self._leveller.state)

    def read_block(self) -> PixelBlock:
        """The next block's columns; the same ones again until `render_block` has rendered them.

        Raises:
            LookupError: the timeline is still empty.
        """
        if self._block is None:
            begin = self._consumed
            # No more than the stream must see: what was read cannot follow a change any more.
            count = BLOCK + AHEAD - (begin - self.rendered)
            columns, looping = self.timeline.read_pixels(begin, begin + count)
            first = None if self._has_gain else self.timeline.placement_at(begin)
            self._block = PixelBlock(columns, looping, first.chunk.pixels if first else None)
            self._consumed += count
        return self._block

    def render_block(self) -> Floats:
        """The sound of the block that was read, or is read now.

        Where that fails, the state is as it was before, and the same block can be rendered again.

        Returns:
            float32[7680], mono at 48 kHz: 160 ms.

        Raises:
            LookupError: the timeline is still empty.
        """
        block, before = self.read_block(), self.state
        try:
            self._find_gain(block)
            samples = self._leveller.push(self._stream.push(block.columns))
        except BaseException:
            self._stream = Stream(SAMPLE_RATE, seed=self._seed, state=before.stream)
            self._leveller.state = before.leveller
            raise
        self._has_gain, self._block = True, None
        return samples

    def _find_gain(self, block: PixelBlock) -> None:
        """Set the first gain from the first chunk as a whole, so that no fade-in is heard."""
        if block.first_chunk is not None:
            clip = codec.image_to_audio(block.first_chunk, loop=True, sample_rate=SAMPLE_RATE)
            self._leveller.expect(self._leveller.power_of(clip))
