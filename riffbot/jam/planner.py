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
from riffbot.jam.attempts import Attempts
from riffbot.jam.capacity import Capacity
from riffbot.jam.pending_changes import Wish, Wishes
from riffbot.jam.player import Player
from riffbot.jam.prompt_path import Walk
from riffbot.jam.snapshot import Planned
from riffbot.jam.timeline import Chunk
from riffbot.jam.types import Steerer
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
    entered: Callable[[Wish | None], None]
    void: Callable[[Steerer | None], None]
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
        coming: the chunk after the first and its place, where a restart has to keep them.
        events: see `Events`.

    Attributes:
        wishes: what members wish.
        next: the walk whose chunk is next while nobody wishes anything.
        answers: seconds from the last hundred wishes to the sound that changed.
        chunks: how many came in after the first.
        start_s: seconds of the engine's time that `first` took.
    """

    def __init__(
        self,
        engine: Engine,
        player: Player,
        capacity: Capacity,
        attempts: Attempts,
        *,
        jam_id: str,
        width: int,
        walk: Walk,
        coming: Planned | None,
        events: Events,
    ) -> None:
        self._engine = engine
        self._player = player
        self._capacity = capacity
        self._attempts = attempts
        self._jam_id = jam_id
        self._width = width
        self._coming = coming
        self._events = events
        self._making: asyncio.Task[None] | None = None
        self._failures = 0
        self.wishes = Wishes()
        self.next = walk
        self.answers: list[float] = []
        self.chunks = 0
        self.start_s = 0.0
        self._engine_s = 0.0

    async def first(self) -> Chunk:
        """Make the chunk that the jam begins with.

        Raises:
            Refused: this machine is too slow, as measured now or in an attempt of late.
            RiffBotError: there is none.
        """
        request = self.next.request()
        if (lately := self._attempts.lately(request)) is not None:
            self._capacity.check_attempt(*lately)
        chunk = await self._chunk(self.next, deadline=monotonic())
        try:
            self._capacity.check()
        except Refused:  # a first chunk pays for first uses, so a second one may judge
            chunk = await self._judged(request, took_s=self._capacity.chunk_s or 0.0)
        self.next = self._coming.walk if self._coming is not None else chunk.walk.onwards()
        self.start_s = self._engine_s
        return chunk

    async def _judged(self, request: RiffRequest, *, took_s: float) -> Chunk:
        self._capacity.factor = None
        chunk = await self._chunk(self.next, deadline=monotonic())
        try:
            self._capacity.check()
        except Refused:
            took_s += self._capacity.chunk_s or 0.0
            self._attempts.failed(request, factor=self._capacity.factor or 0.0, took_s=took_s)
            raise
        return chunk

    async def measure(self) -> None:
        """Make a chunk for nothing but to see how long it takes. Raises RiffBotError."""
        self._capacity.factor = None
        await self._chunk(self.next, deadline=monotonic())

    def wish(self, who: Steerer, **changes: Any) -> None:
        """Have the next chunk made as a member wishes. See `Walk.steered`."""
        self.wishes.add(who, changes)
        # What is being made as planned is in the way; another wish is let finish, or members who
        # keep wishing would never hear anything.
        if self._making is not None and self.wishes.making is None:
            self._making.cancel()
            self._making = None
        self._events.look()

    def look(self) -> None:
        """See whether something is to be made, and make it."""
        if self._making is not None:
            return
        if (wish := self.wishes.take()) is not None or self._player.ahead() <= self._in_store():
            self._making = asyncio.get_running_loop().create_task(self._make(wish))

    def cancel(self) -> None:
        """Stop what is being made."""
        if self._making is not None and self._making is not asyncio.current_task():
            self._making.cancel()

    @property
    def busy(self) -> bool:
        """Whether a chunk is being made."""
        return self._making is not None

    @property
    def content(self) -> bool:
        """Whether nothing is being made, and nothing has to be."""
        return not self.busy and self._player.ahead() > self._in_store()

    @property
    def goal(self) -> str:
        """The prompt that the jam moves to, as far as was wished."""
        return str(self.wishes.wanted("prompt") or self.next.there.prompt)

    @property
    def denoising(self) -> float:
        """The denoising that it moves to."""
        wanted = self.wishes.wanted("denoising")
        return float(self.next.there.denoising if wanted is None else wanted)

    def _in_store(self) -> float:
        """Columns that should be planned ahead: more than a chunk takes, at most one turn.

        What is made early is thrown away when somebody wishes something, and keeps riffs waiting.
        """
        chunk_s = self._capacity.chunk_s
        chunk = self._width if chunk_s is None else 100 * chunk_s
        return min(self._width, max(EARLIEST, IN_STORE * chunk))

    async def _make(self, wish: Wish | None) -> None:
        me = asyncio.current_task()
        try:
            walk, start = self._planned(wish)
            due = monotonic() if wish else monotonic() + self._player.ahead() / 100
            chunk = await self._chunk(walk, deadline=due)
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
                self._making = self.wishes.making = None
                self._events.look()

    def _planned(self, wish: Wish | None) -> tuple[Walk, int | None]:
        """The walk whose next chunk is to be made, and where it was to come in before a restart."""
        if wish is None:
            coming = self._coming
            planned = coming.start if coming and coming.walk == self.next else None
            return self.next, planned
        last = self._player.last()
        walk = last.chunk.walk.onwards() if last else self.next
        return self.wishes.steered(wish, walk, last.start if last else None), None

    def _enter(self, chunk: Chunk, wish: Wish | None, start: int | None) -> None:
        entry = self._player.enter(chunk, at_once=wish is not None, planned=start)
        self.chunks += 1
        self.next = chunk.walk.onwards()
        if wish is not None:
            self.wishes.followed(wish, entry.start)
            # When the change is heard, from what is heard now.
            heard = (entry.start - self._player.heard_column) / 100
            self.answers = [*self.answers[-99:], monotonic() + heard - wish.since]
        self._events.entered(wish)

    async def _chunk(self, walk: Walk, *, deadline: float) -> Chunk:
        riff: Riff = await self._engine.submit(walk.request(), deadline=deadline, promised=True)
        seconds = riff.timings.get("generate_s", 0.0)
        self._capacity.measured(seconds)
        self._engine_s += seconds / riff.batch
        return Chunk(walk, riff.request, riff.image, riff.model_name, riff.model_hash)

    async def _failed(self, error: RiffBotError, wish: Wish | None) -> None:
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
                self.wishes.take_back(wish)
            await asyncio.sleep(PAUSE_BETWEEN_TRIES_S)

    def _refused(self, wish: Wish) -> None:
        """The model cannot take a wish: its prompt is void, what else was wished with it is not."""
        if "prompt" not in wish.changes:
            return
        whose = wish.whose.get("prompt")
        wish.drop("prompt")
        if wish.changes:
            self.wishes.take_back(wish)
        self._events.void(whose)
