"""A jam without a clock: the same prompt path and joins, rendered as fast as the machine can.

Prompts change at set times instead of by members. The same script gives the same samples.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np

from audio.arrays import Floats
from audio.columns import columns_of
from audio.stream import BLOCK
from riffbot.harmony import find_harmony
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.synthesizer import COLUMN_SAMPLES, Synthesizer
from riffbot.jam.timeline import Chunk, LoopGrid, Placement, Timeline

GenerateChunk = Callable[[PromptPath], Awaitable[Chunk]]

LIMITER_DELAY = COLUMN_SAMPLES
"""Samples by which a synthesizer's sound lags behind its columns (the limiter looks ahead)."""


@dataclass(frozen=True)
class ScheduledPrompt:
    """A prompt that is to be heard from a certain time on.

    Attributes:
        at_s: seconds from the beginning; heard from the first beat on that is not earlier.
        prompt: what to hear from then on.
    """

    at_s: float
    prompt: str


class OfflineRenderer:
    """Renders a jam with scheduled prompts from beginning to end.

    Args:
        generate: generates the next chunk of a path.
        path: where to begin.
        loop_grid: what the seed image locks it to.
        changes: the scheduled prompts.
        seconds: how long.
        loudness_lufs: of the sound.
        on_placement: called with every chunk as it is placed.
    """

    def __init__(
        self,
        generate: GenerateChunk,
        path: PromptPath,
        loop_grid: LoopGrid,
        *,
        changes: Sequence[ScheduledPrompt] = (),
        seconds: float,
        loudness_lufs: float = -14.0,
        on_placement: Callable[[Placement], None] = lambda _: None,
    ) -> None:
        self._generate = generate
        self._path = path
        self._timeline = Timeline(loop_grid)
        self._changes = sorted(changes, key=lambda change: change.at_s)
        self._length = columns_of(seconds) * COLUMN_SAMPLES
        self._synthesizer = Synthesizer(self._timeline, loudness_lufs=loudness_lufs)
        self._on_placement = on_placement

    async def blocks(self) -> AsyncIterator[Floats]:
        """The samples, float32 mono at 48 kHz, exactly `seconds` of them in all."""
        emitted, skipped = 0, 0
        while emitted < self._length:
            # The first block reads half of the next one, too; to look further ahead is never wrong.
            while self._final_column() < self._synthesizer.consumed + 2 * BLOCK:
                await self._place_next()
            block = self._synthesizer.render_block()
            skip = min(LIMITER_DELAY - skipped, len(block))
            skipped += skip
            block = block[skip : skip + self._length - emitted]
            emitted += len(block)
            yield block

    async def samples(self) -> Floats:
        """All of them at once."""
        parts = [block async for block in self.blocks()]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _next_change(self) -> int | None:
        """The column of the next scheduled prompt."""
        if not self._changes:
            return None
        return self._timeline.loop_grid.next_beat(columns_of(self._changes[0].at_s))

    def _final_column(self) -> int:
        """The column up to which the timeline will not change any more."""
        due = self._next_change()
        end = self._timeline.end
        return end if due is None else min(end, due)

    async def _place_next(self) -> None:
        due, column, path = self._next_change(), self._timeline.end, self._path
        changes: list[ScheduledPrompt] = []
        while due is not None and due <= self._timeline.end:
            changes.append(self._changes.pop(0))
            column, following = due, self._next_change()
            if following != due:  # of several changes at one beat the last one counts
                break
            due = following
        if changes:
            # Steered from the chunk that plays by then, as a session does it.
            playing = self._timeline.placement_at(max(0, column - 1))
            base = playing.chunk.path.advance() if playing and column > 0 else path
            path = _steer_to_prompt(base, changes[-1].prompt)
        if path.chords is not None:
            cycle = self._timeline.loop_grid.cycle_of(column)
            path = path.model_copy(update={"cycle": cycle})
        chunk = await self._generate(path)
        self._on_placement(self._timeline.insert(chunk, column))
        self._path = path.advance()
        self._timeline.discard_before(self._synthesizer.consumed)


def _steer_to_prompt(path: PromptPath, prompt: str) -> PromptPath:
    """The path towards a prompt, with the key and the chords that its words say."""
    told = find_harmony(prompt, has_key=path.key is not None)
    return path.steer(prompt=prompt, **told._asdict())
