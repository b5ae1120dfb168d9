"""A score becomes steady sound, block by block; where it is, is a value.

    score (pictures at columns) → audio.stream (one continuing phase) → audio.leveller → samples

No clock, no thread and no model here: the same chunks at the same columns give the same samples,
whether they are written to a file as fast as they can be or played in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from audio import codec
from audio.arrays import Floats
from audio.leveller import Leveller, LevellerState
from audio.stream import BLOCK, Stream, StreamState
from riffbot.jam.score import Score

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


class Performance:
    """Plays a score.

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
        self._stream = Stream(
            SAMPLE_RATE,
            seed=seed,
            state=sound.stream if sound else StreamState.silence(SAMPLE_RATE, columns=first),
        )
        self._leveller = Leveller(
            SAMPLE_RATE, target_lufs=loudness_lufs, state=sound.leveller if sound else None
        )
        self._prepared = sound is not None
        self.looping = False

    @property
    def written(self) -> int:
        """Columns that went into the sound: what is before this cannot be changed any more."""
        return self._stream.seen

    @property
    def given(self) -> int:
        """Columns that came out as sound (the limiter's 10 ms excepted)."""
        return self._stream.columns

    @property
    def sound(self) -> Sound:
        """Where the sound is; valid between two blocks."""
        return Sound(self._stream.state, self._leveller.state)

    def block(self) -> Floats:
        """The next 160 ms.

        Returns:
            float32[7680], mono at 48 kHz.

        Raises:
            LookupError: the score is still empty.
        """
        self._prepare()
        sound = np.zeros(0, np.float32)
        while not len(sound):  # the first time the stream also wants to see what comes after
            columns, self.looping = self.score.columns(self.written, self.written + BLOCK)
            sound = self._stream.push(columns)
        return self._leveller.push(sound)

    def _prepare(self) -> None:
        """Find the first gain from the first chunk as a whole: it need not be found by ear."""
        if self._prepared:
            return
        self._prepared = True
        entry = self.score.on(self.written)
        if entry is not None:
            clip = codec.image_to_audio(entry.chunk.picture, loop=True, sample_rate=SAMPLE_RATE)
            self._leveller.expect(self._leveller.power_of(clip))
