"""A score becomes steady sound, block by block; where it is, is a value.

    score (pictures at columns) → audio.stream (one continuing phase) → audio.leveller → samples

No clock, no thread and no model here: the same chunks at the same columns give the same samples,
whether they are written to a file as fast as they can be or played in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from audio import codec
from audio.arrays import Floats, Pixels
from audio.leveller import Leveller, LevellerState
from audio.stream import AHEAD, BLOCK, Stream, StreamState
from riffbot.jam.timeline import Score

SAMPLE_RATE = 48000
"""What Opus wants."""

COLUMN_SAMPLES = SAMPLE_RATE // 100


@dataclass(frozen=True, eq=False)
class Sound:
    """Where the sound of a performance is.

    Attributes:
        stream, leveller: their states.
    """

    stream: StreamState
    leveller: LevellerState

    @property
    def seen(self) -> int:
        """Columns that went in."""
        return self.stream.seen

    def to_json(self) -> dict[str, Any]:
        """Plain values, about 40 kB."""
        return {"stream": self.stream.to_json(), "leveller": self.leveller.to_json()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` wrote. Raises AudioError."""
        return cls(
            StreamState.from_json(value.get("stream", {})),
            LevellerState.from_json(value.get("leveller", {})),
        )


@dataclass(frozen=True, eq=False)
class Passage:
    """What a block is made of, taken from the score.

    Attributes:
        columns: uint8[512, n].
        looping: whether the last bar loops in it.
        opening: uint8[512, W], the chunk that the very first gain is found from; None later.
    """

    columns: Pixels
    looping: bool
    opening: Pixels | None = None


class Performance:
    """Plays a score.

    `take` reads the score and is quick, `block` makes the sound and is not: whoever shares the
    score with others locks them out for the first only.

    Args:
        score: read block by block; it may grow and change beyond `written`.
        loudness_lufs: of the sound.
        seed: decides what the pictures leave open.
        first: the column to begin at, a multiple of `BLOCK`, where there is no `sound`.
        sound: go on from here.
    """

    def __init__(
        self,
        score: Score,
        *,
        loudness_lufs: float = -14.0,
        seed: int = 0,
        first: int = 0,
        sound: Sound | None = None,
    ) -> None:
        self.score = score
        self._seed = seed
        self._stream = Stream(
            SAMPLE_RATE,
            seed=seed,
            state=sound.stream if sound else StreamState.silence(SAMPLE_RATE, columns=first),
        )
        self._leveller = Leveller(
            SAMPLE_RATE, target_lufs=loudness_lufs, state=sound.leveller if sound else None
        )
        self._written = self._stream.seen
        self._passage: Passage | None = None
        self._prepared = sound is not None

    @property
    def written(self) -> int:
        """Columns that were taken for the sound: what is before this cannot be changed any more."""
        return self._written

    @property
    def given(self) -> int:
        """Columns that came out as sound (the limiter's 10 ms excepted)."""
        return self._stream.columns

    @property
    def sound(self) -> Sound:
        """Where the sound is; valid between two blocks."""
        return Sound(self._stream.state, self._leveller.state)

    def take(self) -> Passage:
        """The next block's columns; the same ones again until `block` has played them.

        Raises:
            LookupError: the score is still empty.
        """
        if self._passage is None:
            begin = self._written
            # No more than the stream must see: what is taken cannot follow a wish any more.
            count = BLOCK + AHEAD - (begin - self.given)
            columns, looping = self.score.columns(begin, begin + count)
            on = None if self._prepared else self.score.on(begin)
            self._passage = Passage(columns, looping, on.chunk.picture if on else None)
            self._written += count
        return self._passage

    def block(self) -> Floats:
        """The sound of what was taken, or is taken now.

        Where that fails, all is as it was before, and the same block can be made again.

        Returns:
            float32[7680], mono at 48 kHz: 160 ms.

        Raises:
            LookupError: the score is still empty.
        """
        passage, before = self.take(), self.sound
        try:
            self._prepare(passage)
            samples = self._leveller.push(self._stream.push(passage.columns))
        except BaseException:
            self._stream = Stream(SAMPLE_RATE, seed=self._seed, state=before.stream)
            self._leveller.state = before.leveller
            raise
        self._prepared, self._passage = True, None
        return samples

    def _prepare(self, passage: Passage) -> None:
        """Find the first gain from the first chunk as a whole: it need not be found by ear."""
        if passage.opening is not None:
            clip = codec.image_to_audio(passage.opening, loop=True, sample_rate=SAMPLE_RATE)
            self._leveller.expect(self._leveller.power_of(clip))
