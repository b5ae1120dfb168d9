"""A jam without a clock: the same planner and joins, as fast as the machine can.

Wishes come at set times instead of from members. The same script gives the same samples.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np

from audio.arrays import Floats
from audio.stream import BLOCK
from riffbot.jam.prompt_path import Walk
from riffbot.jam.synthesizer import COLUMN_SAMPLES, Performance
from riffbot.jam.timeline import Chunk, Entry, Meter, Score

MakeChunk = Callable[[Walk], Awaitable[Chunk]]

LAG = COLUMN_SAMPLES
"""Samples by which a performance's sound lags behind its columns (the limiter looks ahead)."""


@dataclass(frozen=True)
class Change:
    """A wish at a time.

    Attributes:
        at_s: seconds from the beginning; heard from the first beat on that is not earlier.
        prompt: what to hear from then on.
    """

    at_s: float
    prompt: str


class Rehearsal:
    """Plays a script from its beginning to its end.

    Args:
        make: makes the next chunk of a walk.
        walk: where to begin.
        meter: what the seed image locks it to.
        changes: the script.
        seconds: how long.
        loudness_lufs: of the sound.
        on_entry: told every chunk as it comes in.
    """

    def __init__(
        self,
        make: MakeChunk,
        walk: Walk,
        meter: Meter,
        *,
        changes: Sequence[Change] = (),
        seconds: float,
        loudness_lufs: float = -14.0,
        on_entry: Callable[[Entry], None] = lambda _: None,
    ) -> None:
        self._make = make
        self._walk = walk
        self._score = Score(meter)
        self._changes = sorted(changes, key=lambda change: change.at_s)
        self._length = round(seconds * 100) * COLUMN_SAMPLES
        self._performance = Performance(self._score, loudness_lufs=loudness_lufs)
        self._on_entry = on_entry

    async def blocks(self) -> AsyncIterator[Floats]:
        """The samples, float32 mono at 48 kHz, exactly `seconds` of them in all."""
        given, skipped = 0, 0
        while given < self._length:
            # The first block takes half of the next one, too; to look further ahead is never wrong.
            while self._sure() < self._performance.written + 2 * BLOCK:
                await self._one_more()
            block = self._performance.block()
            skip = min(LAG - skipped, len(block))
            skipped += skip
            block = block[skip : skip + self._length - given]
            given += len(block)
            yield block

    async def samples(self) -> Floats:
        """All of them at once."""
        parts = [block async for block in self.blocks()]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _due(self) -> int | None:
        """The column of the next wish."""
        if not self._changes:
            return None
        return self._score.meter.beat_from(round(self._changes[0].at_s * 100))

    def _sure(self) -> int:
        """The column up to which the score will not change any more."""
        due = self._due()
        end = self._score.end
        return end if due is None else min(end, due)

    async def _one_more(self) -> None:
        due, at, walk = self._due(), self._score.end, self._walk
        changes: list[Change] = []
        while due is not None and due <= self._score.end:
            changes.append(self._changes.pop(0))
            at, following = due, self._due()
            if following != due:  # of several wishes at one beat the last one counts
                break
            due = following
        if changes:
            # Bent from the chunk that is on by then, as a session does it.
            on = self._score.on(max(0, at - 1))
            base = on.chunk.walk.onwards() if on and at > 0 else walk
            walk = base.steered(prompt=changes[-1].prompt)
        chunk = await self._make(walk)
        self._on_entry(self._score.enter(chunk, at))
        self._walk = walk.onwards()
        self._score.forget(self._performance.written)
