"""A stretch of a jam as its recipe: which chunks, and where each came in.

    {"width": 512, "beats": 8, "measure": 4, "phase": 192, "columns": 3000,
     "chunks": [{"from": -64, "request": {…}}, {"from": 320, "request": {…}}, …]}

The chunks' requests are resolved, so the pictures come out the same to the byte. The sound begins
anew at the stretch's beginning: its first tenth of a second is not the same, its phases are not,
and nobody hears it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Self

from audio.arrays import Floats, Pixels
from audio.stream import BLOCK
from riffbot.errors import BadRequest
from riffbot.jam.prompt_path import Walk
from riffbot.jam.synthesizer import COLUMN_SAMPLES, Performance
from riffbot.jam.timeline import Chunk, Meter, Score
from riffbot.request import RiffRequest

MOST_CHUNKS = 200
MOST_COLUMNS = 60_000

Draw = Callable[[RiffRequest], Awaitable[Pixels]]

_TURNS = 3
"""Turns that the stretch is moved to the right, so that chunks may begin before it."""


@dataclass(frozen=True)
class Stretch:
    """What was on from one column of a jam to another.

    Attributes:
        meter: the loop that the jam was locked to.
        phase: the column of the loop at which the stretch begins.
        columns: how long it is.
        chunks: where each came in, in columns from the stretch's beginning (the first may have
            come before it), and its resolved request.
    """

    meter: Meter
    phase: int
    columns: int
    chunks: tuple[tuple[int, RiffRequest], ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "width": self.meter.width,
            "beats": self.meter.beats,
            "measure": self.meter.measure,
            "phase": self.phase,
            "columns": self.columns,
            "chunks": [
                {"from": start, "request": request.model_dump(mode="json", exclude_none=True)}
                for start, request in self.chunks
            ],
        }

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read what `to_json` wrote. Raises BadRequest on anything else."""
        try:
            numbers = [value[name] for name in ("width", "beats", "measure", "phase", "columns")]
            width, beats, measure, phase, columns = map(int, numbers)
            chunks = tuple(
                (int(chunk["from"]), RiffRequest.build(**chunk["request"]))
                for chunk in value["chunks"]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadRequest("That is no recipe of a jam: it cannot be read.") from error
        sane = (
            64 <= width <= 2048
            and 1 <= beats <= width
            and 1 <= measure <= 64
            and 0 <= phase < width
            and 1 <= columns <= MOST_COLUMNS
            and 1 <= len(chunks) <= MOST_CHUNKS
            and -_TURNS * width < chunks[0][0] <= 0
        )
        if not sane:
            raise BadRequest("That is no recipe of a jam: its numbers cannot be right.")
        return cls(Meter(width, beats, measure), phase, columns, chunks)

    async def score(self, draw: Draw) -> tuple[Score, int]:
        """Make every chunk again; the score, and the column at which the stretch begins in it.

        Raises:
            BadRequest: a chunk is not as wide as the loop.
        """
        score = Score(self.meter, remembered=MOST_COLUMNS * 2)
        first = _TURNS * self.meter.width + self.phase
        for start, request in self.chunks:
            picture = await draw(request)
            if picture.shape[1] != self.meter.width:
                raise BadRequest("That is no recipe of a jam: its chunks do not fit its loop.")
            score.enter(Chunk(_walk(request), request, picture), first + start)
        return score, first

    async def play(self, draw: Draw, *, loudness_lufs: float = -14.0) -> AsyncIterator[Floats]:
        """The sound, float32 mono at 48 kHz, 480 samples a column."""
        score, first = await self.score(draw)
        begin = first // BLOCK * BLOCK
        performance = Performance(score, loudness_lufs=loudness_lufs, first=begin)
        # The limiter looks a column ahead, so the sound lags a column behind.
        skip = (first - begin + 1) * COLUMN_SAMPLES
        left = self.columns * COLUMN_SAMPLES
        while left > 0:
            block = performance.block()
            block, skip = block[skip:], max(0, skip - len(block))
            yield block[:left]
            left -= len(block)


def _walk(request: RiffRequest) -> Walk:
    """A walk that says what the chunk is called; it is not gone on from."""
    near = request.target if request.target is not None and request.alpha >= 0.5 else request
    return Walk.begin(near.prompt, seed_image=request.seed_image or "none", seed=near.seed)
