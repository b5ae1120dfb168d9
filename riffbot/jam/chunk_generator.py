"""Generates a jam's chunks, with as many steps as the machine sustains, and times them."""

from __future__ import annotations

import asyncio

from riffbot.clock import monotonic
from riffbot.harmony import ChordLayout
from riffbot.inference.engine.engine import Engine
from riffbot.inference.job import GeneratedRiff
from riffbot.jam.capacity import Capacity
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.step_choice import StepChooser
from riffbot.jam.timeline import Chunk, LoopGrid
from riffbot.request import RiffRequest


def build_chunk_request(path: PromptPath, loop_grid: LoopGrid) -> RiffRequest:
    """The request of a path's next chunk, with the chords of the loop cycle it is meant for."""
    request = path.build_request()
    layout = ChordLayout(request.find_harmony(), loop_grid.bpm, loop_grid.beats_per_measure)
    chords = layout.chords_of(path.cycle * loop_grid.width, loop_grid.width)
    return request if chords is None else request.with_changes(chords=chords)


class ChunkGenerator:
    """Asks the engine for the next chunk of a path.

    Args:
        engine: generates the chunks.
        capacity: records how long each took.
        loop_grid: the loop that the chunks share.

    Attributes:
        engine_s: seconds of the engine's time that the chunks so far took.
    """

    def __init__(self, engine: Engine, capacity: Capacity, loop_grid: LoopGrid) -> None:
        self._engine = engine
        self._loop_grid = loop_grid
        self._capacity = capacity
        self._steps = StepChooser(engine.resolve, capacity)
        self.engine_s = 0.0

    async def generate(
        self, path: PromptPath, *, deadline: float, steps: int | None = None
    ) -> Chunk:
        """Generate the next chunk of a path.

        Args:
            deadline: when it must be there, in seconds of `monotonic`.
            steps: the steps that the chunk had before a restart; None chooses them.

        Raises:
            RiffBotError: it cannot be generated.
        """
        if steps is None:
            request = await self._choose_steps(path)
        else:
            request = build_chunk_request(path, self._loop_grid).with_changes(steps=steps)
        return await self._submit(path, request, deadline=deadline)

    async def measure_anew(self, path: PromptPath) -> Chunk:
        """Generate a chunk with the steps that the measurements so far allow, and forget those."""
        request = await self._choose_steps(path)
        self._capacity.real_time_factor = None
        return await self._submit(path, request, deadline=monotonic())

    async def _choose_steps(self, path: PromptPath) -> RiffRequest:
        # In a thread, because the seed image may have to be read.
        request = build_chunk_request(path, self._loop_grid)
        return await asyncio.to_thread(self._steps.choose, request)

    async def _submit(self, path: PromptPath, request: RiffRequest, *, deadline: float) -> Chunk:
        riff: GeneratedRiff = await self._engine.submit(request, deadline=deadline, promised=True)
        seconds = riff.timings.get("generate_s", 0.0)
        self._steps.record(riff.request, seconds)
        self.engine_s += seconds / riff.batch
        return Chunk(
            path,
            riff.request,
            riff.image,
            riff.model_name,
            riff.model_hash,
            chosen_steps=None if request.steps == path.steps else request.steps,
        )
