"""Has a jam's chunks made: one turn of the loop ahead, and at once where a member wishes something.

Everything here happens on the jams' own loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

# By name: a local Discord puts a simulated clock at `time.monotonic` for the bot's own tasks.
from time import monotonic
from typing import Any

from riffbot.errors import BadRequest, Cancelled, ModelError, Refused, RiffBotError
from riffbot.inference.engine.engine import Engine
from riffbot.inference.job import Riff
from riffbot.jam.attempts import FailedAttempts
from riffbot.jam.capacity import Capacity
from riffbot.jam.pending_changes import PendingChange, PendingChanges
from riffbot.jam.player import Player
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.snapshot import PlannedChunk
from riffbot.jam.timeline import Chunk
from riffbot.jam.types import Participant
from riffbot.request import RiffRequest

log = logging.getLogger(__name__)

TRIES = 3
"""A chunk or a block of sound that fails so often in a row ends the jam."""

BROKEN = "Something broke; the log has the details."

IN_STORE = 3.0
"""A chunk is begun so many times earlier than its making takes."""

EARLIEST = 250
"""Columns ahead below which a chunk is begun however fast the machine is."""

PAUSE_BETWEEN_TRIES_S = 1.0


@dataclass(frozen=True)
class Events:
    """Whom a planner tells what.

    Attributes:
        look: something may have to be done; calls `Planner.look` while the jam plays.
        entered: a chunk came in, and whose wish it was, if it was one.
        void: this model cannot take a prompt, and whose vote it was, unless they are forgotten.
        end: it cannot go on, and why.
    """

    look: Callable[[], None]
    entered: Callable[[PendingChange | None], None]
    void: Callable[[Participant | None], None]
    end: Callable[[str], Awaitable[None]]


class Planner:
    """Decides which chunk is made when, and lets it in.

    Args:
        engine: makes the chunks.
        player: plays them.
        capacity: told how long each took.
        attempts: those that failed, of all jams.
        jam_id: for the log.
        width: columns of a chunk.
        walk: the next chunk.
        upcoming: the chunk after the first and its place, where a restart has to keep them.
        events: see `Events`.

    Attributes:
        pending: the changes that members asked for.
        next: the walk whose chunk is next while nobody wishes anything.
        response_times: seconds from each of the last hundred changes to its sound.
        chunk_count: how many were placed after the first.
    """

    def __init__(
        self,
        engine: Engine,
        player: Player,
        capacity: Capacity,
        attempts: FailedAttempts,
        *,
        jam_id: str,
        width: int,
        path: PromptPath,
        upcoming: PlannedChunk | None,
        events: Events,
    ) -> None:
        self._engine = engine
        self._player = player
        self._capacity = capacity
        self._attempts = attempts
        self._jam_id = jam_id
        self._width = width
        self._upcoming = upcoming
        self._events = events
        self._making: asyncio.Task[None] | None = None
        self._failures = 0
        self.pending = PendingChanges()
        self.next_path = path
        self.response_times: list[float] = []
        self.chunk_count = 0

    async def generate_first(self) -> Chunk:
        """Make the chunk that the jam begins with.

        Raises:
            Refused: this machine is too slow, as measured now or in an attempt of late.
            RiffBotError: there is none.
        """
        request = self.next_path.build_request()
        if (lately := self._attempts.find(request)) is not None:
            self._capacity.check_failed_attempt(*lately)
        chunk = await self._chunk(self.next_path, deadline=monotonic())
        try:
            self._capacity.check()
        except Refused:  # a first chunk pays for first uses, so a second one may judge
            chunk = await self._judged(request, took_s=self._capacity.chunk_s or 0.0)
        self.next_path = self._upcoming.path if self._upcoming is not None else chunk.path.advance()
        return chunk

    async def _judged(self, request: RiffRequest, *, took_s: float) -> Chunk:
        self._capacity.factor = None
        chunk = await self._chunk(self.next_path, deadline=monotonic())
        try:
            self._capacity.check()
        except Refused:
            took_s += self._capacity.chunk_s or 0.0
            self._attempts.record(request, factor=self._capacity.factor or 0.0, took_s=took_s)
            raise
        return chunk

    async def measure(self) -> None:
        """Make a chunk for nothing but to see how long it takes. Raises RiffBotError."""
        self._capacity.factor = None
        await self._chunk(self.next_path, deadline=monotonic())

    def request_change(self, who: Participant, **changes: Any) -> None:
        """Have the next chunk made as a member wishes. See `PromptPath.steered`."""
        self.pending.add(who, changes)
        # What is being made as planned is in the way; another wish is let finish, or members who
        # keep wishing would never hear anything.
        if self._making is not None and self.pending.in_progress is None:
            self._making.cancel()
            self._making = None
        self._events.look()

    def look(self) -> None:
        """See whether something is to be made, and make it."""
        if self._making is not None:
            return
        if (
            wish := self.pending.take()
        ) is not None or self._player.columns_ahead() <= self._in_store():
            self._making = asyncio.get_running_loop().create_task(self._make(wish))

    def cancel(self) -> None:
        """Stop what is being made."""
        if self._making is not None and self._making is not asyncio.current_task():
            self._making.cancel()

    @property
    def is_busy(self) -> bool:
        """Whether a chunk is being made."""
        return self._making is not None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is being made, and nothing has to be."""
        return not self.is_busy and self._player.columns_ahead() > self._in_store()

    @property
    def target_prompt(self) -> str:
        """The prompt that the jam moves to, as far as was wished."""
        return str(self.pending.find("prompt") or self.next_path.end.prompt)

    @property
    def target_denoising(self) -> float:
        """The denoising that it moves to."""
        wanted = self.pending.find("denoising")
        return float(self.next_path.end.denoising if wanted is None else wanted)

    def _in_store(self) -> float:
        """Columns that should be planned ahead: more than a chunk takes, at most one turn.

        What is made early is thrown away when somebody wishes something, and keeps riffs waiting.
        """
        chunk_s = self._capacity.chunk_s
        chunk = self._width if chunk_s is None else 100 * chunk_s
        return min(self._width, max(EARLIEST, IN_STORE * chunk))

    async def _make(self, wish: PendingChange | None) -> None:
        me = asyncio.current_task()
        try:
            path, start = self._planned(wish)
            due = monotonic() if wish else monotonic() + self._player.columns_ahead() / 100
            chunk = await self._chunk(path, deadline=due)
            if self._making is me:
                self._enter(chunk, wish, start)
        except asyncio.CancelledError:
            return
        except RiffBotError as error:
            await self._failed(error, wish)
        except Exception:
            log.exception("jam %s: a chunk could not be made", self._jam_id)
            await self._failed(RiffBotError(BROKEN), wish)
        else:
            self._failures = 0
        finally:
            if self._making is me:
                self._making = self.pending.in_progress = None
                self._events.look()

    def _planned(self, wish: PendingChange | None) -> tuple[PromptPath, int | None]:
        """The path whose next chunk is to be made, and its planned column from before a restart."""
        if wish is None:
            upcoming = self._upcoming
            planned = upcoming.start if upcoming and upcoming.path == self.next_path else None
            return self.next_path, planned
        last = self._player.rendering()
        path = last.chunk.path.advance() if last else self.next_path
        return self.pending.apply(wish, path, last.start if last else None), None

    def _enter(self, chunk: Chunk, wish: PendingChange | None, start: int | None) -> None:
        entry = self._player.insert(chunk, at_next_beat=wish is not None, planned=start)
        self.chunk_count += 1
        self.next_path = chunk.path.advance()
        if wish is not None:
            self.pending.mark_placed(wish, entry.start)
            # When the change is heard, from what is heard now.
            heard = (entry.start - self._player.heard_column) / 100
            self.response_times = [
                *self.response_times[-99:],
                monotonic() + heard - wish.requested_at,
            ]
        self._events.entered(wish)

    async def _chunk(self, path: PromptPath, *, deadline: float) -> Chunk:
        riff: Riff = await self._engine.submit(
            path.build_request(), deadline=deadline, promised=True
        )
        self._capacity.record(riff.timings.get("generate_s", 0.0))
        return Chunk(path, riff.request, riff.image, riff.model_name, riff.model_hash)

    async def _failed(self, error: RiffBotError, wish: PendingChange | None) -> None:
        log.warning("jam %s: %s", self._jam_id, error)
        if wish is not None and isinstance(error, BadRequest):
            self._refused(wish)  # the jam is well, whoever wished it
            return
        self._failures += 1
        hopeless = isinstance(error, ModelError | Cancelled)
        if self._failures >= TRIES or hopeless:
            # The state stays as it is: a jam that was ended by a stop goes on after it.
            await self._events.end(str(error))
        else:
            if wish is not None:
                self.pending.requeue(wish)
            await asyncio.sleep(PAUSE_BETWEEN_TRIES_S)

    def _refused(self, wish: PendingChange) -> None:
        """The model cannot take a wish: its prompt is void, what else was wished with it is not."""
        if "prompt" not in wish.changes:
            return
        whose = wish.authors.get("prompt")
        wish.drop("prompt")
        if wish.changes:
            self.pending.requeue(wish)
        self._events.void(whose)
