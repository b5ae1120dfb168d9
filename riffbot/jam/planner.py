"""Schedules chunk generation: one loop cycle ahead, or immediately on a change.

A planner is one task on the jams' event loop. It waits for an event (`wake`), decides whether a
chunk is to be generated, waits for that chunk, places it on the timeline, and yields the outcome to
the session that iterates over `outcomes`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from audio.columns import COLUMNS_PER_SECOND, seconds_of
from riffbot.clock import monotonic
from riffbot.errors import (
    BadRequest,
    Cancelled,
    ModelError,
    Refused,
    RiffBotError,
    describe_for_log,
)
from riffbot.harmony import HarmonyText
from riffbot.inference.engine.engine import Engine
from riffbot.jam.attempts import FailedAttempts
from riffbot.jam.capacity import Capacity
from riffbot.jam.chunk_generator import ChunkGenerator
from riffbot.jam.outcomes import ChunkPlaced, Outcome, PlanningFailed, PromptRefused
from riffbot.jam.pending_changes import PendingChange, PendingChanges
from riffbot.jam.phase import JamLifecycle
from riffbot.jam.player import Player
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.snapshot import PlannedChunk
from riffbot.jam.timeline import Chunk, LoopGrid
from riffbot.jam.types import Participant
from riffbot.request import RiffRequest

log = logging.getLogger(__name__)

MAX_FAILURES = 3
"""A chunk or a block of sound that fails so often in a row ends the jam."""

BROKEN = "Something broke; the log has the details."

SAFETY_FACTOR = 3.0
"""Generation begins this many times earlier than it takes."""

MIN_COLUMNS_AHEAD = 250
"""With fewer columns ahead than this, generation begins however fast the machine is."""

PAUSE_BETWEEN_TRIES_S = 1.0


@dataclass(frozen=True)
class _Generated:
    """A chunk, and its planned column from before a restart."""

    chunk: Chunk
    column: int | None


class Planner:
    """Decides which chunk is generated when, and places it.

    Args:
        engine: generates the chunks.
        player: plays them.
        capacity: records how long each took.
        attempts: starts that failed, of all jams.
        lifecycle: nothing is planned unless it is playing.
        jam_id: for the log.
        loop_grid: the loop that the chunks share.
        first: the chunk that the jam begins or resumes with.
        upcoming: the chunk after the first and its column, which a restart has to keep.

    Attributes:
        pending: the changes that members requested.
        next_path: the path of the next chunk while no change is requested.
        response_times: seconds from each of the last hundred changes to its sound.
        chunk_count: how many chunks were placed after the first.
        start_engine_s: seconds of the engine's time that `generate_first` took.
    """

    def __init__(
        self,
        engine: Engine,
        player: Player,
        capacity: Capacity,
        attempts: FailedAttempts,
        lifecycle: JamLifecycle,
        *,
        jam_id: str,
        loop_grid: LoopGrid,
        first: PlannedChunk,
        upcoming: PlannedChunk | None,
    ) -> None:
        self._player = player
        self._capacity = capacity
        self._generator = ChunkGenerator(engine, capacity, loop_grid)
        self._attempts = attempts
        self._lifecycle = lifecycle
        self._jam_id = jam_id
        self._loop_grid = loop_grid
        self._first = first
        self._upcoming = upcoming
        self._wakeup = asyncio.Event()
        self._generation: asyncio.Task[_Generated | Outcome | None] | None = None
        self._failures = 0
        self.pending = PendingChanges()
        self.next_path = first.path
        self.response_times: list[float] = []
        self.chunk_count = 0
        self.start_engine_s = 0.0

    # -- before the jam plays ---------------------------------------------------------------------

    async def generate_first(self) -> Chunk:
        """Generate the chunk that the jam begins with.

        Raises:
            Refused: this machine is too slow, as measured now or in a recent attempt.
            RiffBotError: it cannot be generated.
        """
        request = self.next_path.build_request()
        if (failed := self._attempts.find(request)) is not None:
            self._capacity.check_failed_attempt(*failed)
        chunk = await self._generator.generate(
            self.next_path, deadline=monotonic(), steps=self._first.chosen_steps
        )
        try:
            self._capacity.check()
        except Refused:
            # A first chunk includes the cost of first uses, so a second one decides; it has fewer
            # steps where the first was too slow.
            chunk = await self._generate_again(request, took_s=self._capacity.chunk_s or 0.0)
        upcoming = self._upcoming
        self.next_path = upcoming.path if upcoming is not None else chunk.path.advance()
        self.start_engine_s = self._generator.engine_s
        return chunk

    async def _generate_again(self, request: RiffRequest, *, took_s: float) -> Chunk:
        chunk = await self._generator.measure_anew(self.next_path)
        try:
            self._capacity.check()
        except Refused:
            took_s += self._capacity.chunk_s or 0.0
            self._attempts.record(
                request, factor=self._capacity.real_time_factor or 0.0, took_s=took_s
            )
            raise
        return chunk

    async def measure(self) -> None:
        """Generate a chunk only to measure how long it takes. Raises RiffBotError."""
        await self._generator.measure_anew(self.next_path)

    # -- while it plays ---------------------------------------------------------------------------

    def request_change(self, author: Participant, **changes: Any) -> None:
        """Queue a change of the next chunk, see `PromptPath.steer`; `wake` starts generation."""
        self.pending.add(author, changes)
        # A chunk that is generated ahead would delay it; an earlier change is let finish, or
        # members who keep steering would never hear anything.
        if self._generation is not None and self.pending.in_progress is None:
            self._generation.cancel()

    def wake(self) -> None:
        """Check soon whether a chunk is to be generated."""
        self._wakeup.set()

    def finish_change(self) -> None:
        """Forget the change that was in progress; its outcome is handled."""
        self.pending.in_progress = None

    async def outcomes(self) -> AsyncIterator[Outcome | None]:
        """Plan until the task is cancelled, and yield the outcome of each chunk.

        The outcome is None if a change cancelled the chunk, or if it failed and is tried again. The
        consumer calls `finish_change` and `wake` after each outcome.
        """
        while True:
            await self._wakeup.wait()
            self._wakeup.clear()
            if not self._lifecycle.is_playing:
                continue
            change = self.pending.take()
            if change is None and self._player.columns_ahead() > self._columns_wanted():
                continue
            yield await self._run_generation(change)

    async def _run_generation(self, change: PendingChange | None) -> Outcome | None:
        """Generate a chunk in a task that `request_change` may cancel, then place it."""
        self._generation = generation = asyncio.create_task(self._try_to_generate(change))
        try:
            await asyncio.wait([generation])
        finally:
            generation.cancel()
            self._generation = None
        if generation.cancelled():
            return None
        result = generation.result()
        return self._place(result, change) if isinstance(result, _Generated) else result

    @property
    def is_busy(self) -> bool:
        """Whether a chunk is being generated."""
        return self._generation is not None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is being generated, and nothing has to be."""
        enough = self._player.columns_ahead() > self._columns_wanted()
        return enough and not self.is_busy and not self.pending.has_any

    @property
    def target_prompt(self) -> str:
        """The prompt that the jam moves to, pending changes included."""
        return str(self.pending.find("prompt") or self.next_path.end.prompt)

    @property
    def target_harmony(self) -> HarmonyText:
        """The key and the chords that the jam moves to, pending changes included."""
        told = self.pending_harmony
        if not told:
            return self.next_path.harmony
        try:
            return self.next_path.steer(key=told.get("key"), chords=told.get("chords")).harmony
        except BadRequest:  # numerals whose key was taken away meanwhile
            return self.next_path.harmony

    @property
    def pending_harmony(self) -> dict[str, str]:
        """The key and the chords that members asked for and that are not heard yet."""
        found = {name: self.pending.find(name) for name in ("key", "chords")}
        return {name: text for name, text in found.items() if text is not None}

    @property
    def target_denoising(self) -> float:
        """The denoising that the jam moves to, pending changes included."""
        wanted = self.pending.find("denoising")
        return float(self.next_path.end.denoising if wanted is None else wanted)

    def _columns_wanted(self) -> float:
        """Columns that should be planned ahead: more than a chunk takes, at most one cycle.

        Chunks that are generated earlier are discarded on a change, and delay riffs.
        """
        chunk_s = self._capacity.chunk_s
        width = self._loop_grid.width
        chunk = width if chunk_s is None else COLUMNS_PER_SECOND * chunk_s
        return min(width, max(MIN_COLUMNS_AHEAD, SAFETY_FACTOR * chunk))

    async def _try_to_generate(self, change: PendingChange | None) -> _Generated | Outcome | None:
        """Generate the next chunk; the outcome if that failed, None if it is tried again."""
        try:
            path, column = self._choose_path(change)
            due = monotonic() if change else monotonic() + seconds_of(self._player.columns_ahead())
            stored = self._upcoming if column is not None else None
            steps = stored.chosen_steps if stored else None
            if stored is None:
                path = self._place_in_progression(path, at_next_beat=change is not None)
            chunk = await self._generator.generate(path, deadline=due, steps=steps)
        except RiffBotError as error:
            return await self._handle_failure(error, change)
        except Exception:
            log.exception("jam %s: a chunk could not be made", self._jam_id)
            return await self._handle_failure(RiffBotError(BROKEN), change)
        self._failures = 0
        return _Generated(chunk, column)

    def _choose_path(self, change: PendingChange | None) -> tuple[PromptPath, int | None]:
        """Choose the path to generate from; also the column if planned before a restart."""
        if change is None:
            upcoming = self._upcoming
            planned = upcoming.start if upcoming and upcoming.path == self.next_path else None
            return self.next_path, planned
        current = self._player.rendering()
        path = current.chunk.path.advance() if current else self.next_path
        return self.pending.apply(change, path, current.start if current else None), None

    def _place_in_progression(self, path: PromptPath, *, at_next_beat: bool) -> PromptPath:
        """The path with the loop cycle that its next chunk is likely to play in."""
        if path.chords is None:
            return path
        chunk_s = self._capacity.chunk_s or 0.0
        start = self._player.next_start(
            at_next_beat=at_next_beat, after=round(COLUMNS_PER_SECOND * chunk_s)
        )
        return path.model_copy(update={"cycle": self._loop_grid.cycle_of(start)})

    def _place(self, generated: _Generated, change: PendingChange | None) -> ChunkPlaced:
        placement = self._player.insert(
            generated.chunk, at_next_beat=change is not None, planned=generated.column
        )
        self.chunk_count += 1
        self.next_path = generated.chunk.path.advance()
        if change is not None:
            self.pending.mark_placed(change, placement.start)
            # When the change is heard, from what is heard now.
            heard_in = seconds_of(placement.start - self._player.heard_column)
            response = monotonic() + heard_in - change.requested_at
            self.response_times = [*self.response_times[-99:], response]
        return ChunkPlaced(change)

    async def _handle_failure(
        self, error: RiffBotError, change: PendingChange | None
    ) -> Outcome | None:
        log.warning("jam %s: %s", self._jam_id, describe_for_log(error))
        if change is not None and isinstance(error, BadRequest):
            return self._refuse(change)  # the jam itself is well
        self._failures += 1
        if self._failures >= MAX_FAILURES or isinstance(error, ModelError | Cancelled):
            # The snapshot stays as it is: a jam that was ended by a stop is resumed after it.
            return PlanningFailed(str(error))
        if change is not None:
            self.pending.requeue(change)
        await asyncio.sleep(PAUSE_BETWEEN_TRIES_S)
        return None

    def _refuse(self, change: PendingChange) -> Outcome | None:
        """The model cannot take a change: its prompt is dropped, other values of it are not."""
        if "prompt" not in change.changes:
            return None
        author = change.authors.get("prompt")
        change.drop("prompt")
        if change.changes:
            self.pending.requeue(change)
        return PromptRefused(author)
