"""One running jam: what members do to it, and how it begins and ends.

    votes ─► ballot ─► path ─► Engine.submit ─► Player.insert ─► ring ─► voice channel, page
                        ▲          │
                        └─ Planner ┘ one loop cycle ahead; a change replaces what is planned

All of this runs on the event loop of the jam thread (`LoopThread`). Every public method may be
called from any thread or event loop: the asynchronous ones run on the jam thread's event loop,
`reader` only reads.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from riffbot.errors import BadRequest, Refused, RiffBotError, describe_for_log
from riffbot.harmony import HarmonyText, find_harmony
from riffbot.jam.assembly import assemble_jam
from riffbot.jam.config import JamConfig, JamHost
from riffbot.jam.excerpt import Excerpt, select_excerpt
from riffbot.jam.outcomes import ChunkPlaced, Outcome, PlanningFailed, PromptRefused
from riffbot.jam.pacing import PaceSource, RingPacer
from riffbot.jam.phase import JamPhase
from riffbot.jam.planner import BROKEN, MAX_FAILURES
from riffbot.jam.player import BLOCK_PACKETS
from riffbot.jam.prompt_path import (
    DENOISING_STEP,
    MAX_STEERED_DENOISING,
    MIN_STEERED_DENOISING,
    PromptPath,
)
from riffbot.jam.snapshot import JamSnapshot
from riffbot.jam.types import JamStatus, Participant
from riffbot.library.jam_record import GuildJam, StoredJamStatus

log = logging.getLogger(__name__)

_POLL_S = 0.01

HARMONY_UNKNOWN = "This RiffBot's model does not know keys and chords: the jam plays without them."


class JamSession:
    """A jam that plays.

    Args:
        host: what all jams share.
        snapshot: where to begin or resume.
        config: the settings of this jam.
        on_change: called on the jam thread's event loop when the snapshot should be stored; it must
            not wait.
        load_of_others: the share of the machine's time that the other jams need.

    Attributes:
        id, key: from `config`.
        channels: where it is heard and where its panel is.
        ring: the packets; `ring.read` is what a voice channel plays.
        loop_grid: the loop's width, beats and tempo.
        seed_image: what every chunk starts from.
        reader: reads the status, sound and snapshot of the jam.
    """

    def __init__(
        self,
        host: JamHost,
        snapshot: JamSnapshot,
        config: JamConfig,
        *,
        on_change: Callable[[JamSession], None] = lambda _: None,
        load_of_others: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.reader = reader = assemble_jam(
            host, snapshot, config, on_block=self._tick_soon, load_of_others=load_of_others
        )
        self.id = config.id
        self.key = config.key
        self.channels = config.channels
        self.seed_image = reader.seed_image
        self.loop_grid = reader.loop_grid
        self.ring = reader.ring
        self._engine = host.engine
        self._loop = host.loop
        self._on_change = on_change
        self._initial = snapshot
        self._lifecycle = reader.lifecycle
        self._steering = reader.steering
        self._capacity = reader.capacity
        self._synthesizer = reader.synthesizer
        self._player = reader.player
        self._planner = reader.planner
        self._pacer = RingPacer(self.ring, config.paced_by, pause_when_idle=config.pause_when_idle)
        self._tasks: set[asyncio.Task[None]] = set()
        self._waking: asyncio.Task[None] | None = None
        self._saved_chunk = -1

    @property
    def guild_id(self) -> int | None:
        """The id of the jam's server; None for a jam of the page or of this machine."""
        return self.key.guild_id if isinstance(self.key, GuildJam) else None

    @property
    def is_ended(self) -> bool:
        """Whether the jam is over."""
        return self._lifecycle.is_ended

    @property
    def stored_status(self) -> StoredJamStatus:
        """The status that the library stores."""
        return self._lifecycle.stored_status

    def status(self) -> JamStatus:
        """The jam's status for the panel and the page."""
        return self.reader.status()

    # -- what members do --------------------------------------------------------------------------

    async def start(self) -> None:
        """Generate the first chunk and begin; returns when the first packets are ready.

        Raises:
            Refused: this machine is too slow for one more jam; the message says how slow.
            BadRequest: the prompt or a setting is invalid for this model, or the jam was stopped.
            ModelError, GenerationFailed: there is no chunk to begin with.
            RiffBotError: its sound cannot be made.
        """
        await self._loop.run(self._start())

    async def vote_for_prompt(self, prompt: str, participant: Participant) -> None:
        """Vote for a prompt, which need not be on the ballot yet; the jam plays the votes' blend.

        Raises:
            BadRequest: the prompt cannot be read.
        """
        await self._loop.run(self._vote(prompt, participant, listed=False))

    async def vote_for_listed_prompt(self, prompt: str, participant: Participant) -> None:
        """Vote for a prompt that is on the ballot. Raises NotFound."""
        await self._loop.run(self._vote(prompt, participant, listed=True))

    async def new_seed(self, participant: Participant) -> None:
        """Play another variation of the same prompt."""
        seed = _distant_seed(self._planner.next_path)
        await self._loop.run(self._change(participant, seed=seed))

    async def set_harmony(
        self, participant: Participant, *, key: str | None = None, chords: str | None = None
    ) -> HarmonyText:
        """Set the key, the chords or both, which hold until something else is said.

        Args:
            key, chords: see `ChunkOptions`; `ANY` leaves one open again.

        Returns:
            What holds then.

        Raises:
            BadRequest: one of them cannot be read, there is none, or the model does not know them.
        """
        if self._engine.knows_harmony is False:
            raise BadRequest(HARMONY_UNKNOWN)
        if key is None and chords is None:
            raise BadRequest("Say a key or chords, for example key: A minor, chords: Am7 D7.")
        told = {"key": key, "chords": chords}
        await self._loop.run(self._change(participant, **{n: t for n, t in told.items() if t}))
        return self._planner.target_harmony

    async def set_denoising(self, value: float, participant: Participant) -> float:
        """Set how far chunks may leave the seed image, 0 … 1; returns it. Raises BadRequest."""
        await self._loop.run(self._change(participant, denoising=value))
        return value

    async def increase_denoising(self, participant: Participant) -> float:
        """Increase the denoising a little; returns the new value."""
        value = min(MAX_STEERED_DENOISING, self._planner.target_denoising + DENOISING_STEP)
        return await self.set_denoising(value, participant)

    async def decrease_denoising(self, participant: Participant) -> float:
        """Decrease the denoising a little; returns the new value."""
        value = max(MIN_STEERED_DENOISING, self._planner.target_denoising - DENOISING_STEP)
        return await self.set_denoising(value, participant)

    async def pause(self) -> None:
        """Pause: silence is read, nothing is generated, the position is kept."""
        await self._loop.run(self._pause())

    async def resume(self) -> None:
        """End a pause. Raises Refused when other jams need the machine by now."""
        await self._loop.run(self._resume())

    async def stop(self, reason: str | None = None) -> None:
        """End the jam; `reason` is a message for the panel where nobody asked for the end."""
        await self._loop.run(self._end(reason))

    async def park(self) -> JamSnapshot:
        """End the jam so that it can be resumed; returns its snapshot."""
        await self._loop.run(self._pause())
        snapshot = self.reader.snapshot()
        self._lifecycle.is_parked = True
        await self._loop.run(self._end(None))
        return snapshot

    async def take_excerpt(self, seconds: float = 30.0) -> Excerpt:
        """Take what was heard last, up to a minute. Raises BadRequest if nothing was heard yet."""

        async def select() -> Excerpt:
            began_at = self._initial.column
            return select_excerpt(self._player, self.loop_grid, seconds=seconds, began_at=began_at)

        return await self._loop.run(select())

    async def forget_member(self, user_id: int) -> None:
        """Remove a member's votes and name from the jam; what plays stays."""

        async def forget() -> None:
            self._steering.forget_member(user_id)
            self._planner.pending.forget_member(user_id)
            self._on_change(self)

        await self._loop.run(forget())

    # -- who listens ------------------------------------------------------------------------------

    def set_pace(self, pace: PaceSource) -> None:
        """Set who reads the ring from now on: a voice channel, or the clock."""
        self._pacer.pace = pace
        self._loop.call(self._update_pacer)

    def notify_listener(self) -> None:
        """Report a new listener: a jam that paused because nobody listened resumes."""
        self._loop.call(self._wake)

    # -- on the jam thread's event loop -----------------------------------------------------------

    async def _start(self) -> None:
        chunk = await self._planner.generate_first()
        self._check_not_ended()  # it may have been stopped meanwhile
        self._synthesizer.timeline.insert(chunk, self._initial.current.start)
        self._lifecycle.transition(JamPhase.PLAYING)
        self._player.start()
        self._spawn(self._plan())
        # A thread fills it, which has no asyncio.Event to set.
        while self.ring.free_slots() >= BLOCK_PACKETS and not self.ring.closed:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        if self._lifecycle.error is not None:
            raise RiffBotError(self._lifecycle.error)
        self._update_pacer()
        self._tick()

    async def _plan(self) -> None:
        """Handle the outcome of each chunk until the jam ends."""
        try:
            async for outcome in self._planner.outcomes():
                self._handle(outcome)
                self._planner.finish_change()
                self._tick()
        except Exception:
            log.exception("jam %s: planning broke", self.id)
            self._end_soon(BROKEN)

    def _handle(self, outcome: Outcome | None) -> None:
        match outcome:
            case ChunkPlaced(change) if change is not None:
                self._steering.steered_by = change.last_author
                self._on_change(self)
            case PromptRefused(author) if author is not None:
                # The model cannot take the member's prompt, so there is no vote for it.
                self._steering.remove_vote(author.user_id)
                self._planner.pending.replace_prompt(self._blend())
            case PlanningFailed(reason):
                self._end_soon(reason)

    def _blend(self) -> str | None:
        return self._steering.ballot.blend(self.reader.played_s)

    async def _vote(self, prompt: str, participant: Participant, *, listed: bool) -> None:
        self._check_not_ended()
        self._steering.cast(participant, prompt, self.reader.played_s, listed=listed)
        blend = self._blend()
        changes = self._find_harmony_changes(prompt)
        if blend is not None and blend != self._planner.target_prompt:
            changes["prompt"] = blend
        if changes:
            self._request_change(participant, **changes)
        self._on_change(self)

    def _find_harmony_changes(self, prompt: str) -> dict[str, str]:
        """What a prompt that is voted for says of key and chords, where that is new.

        The jam keeps both through all other prompts.
        """
        held = self._planner.target_harmony
        told = find_harmony(prompt, has_key=held.key is not None)
        if told.keep(held) == held:
            return {}
        return {name: text for name, text in told._asdict().items() if text is not None}

    async def _change(self, participant: Participant, **changes: Any) -> None:
        self._check_not_ended()
        # Invalid values are refused here, not when the change is applied.
        self._planner.next_path.steer(**{**self._planner.pending_harmony, **changes})
        self._request_change(participant, **changes)
        self._on_change(self)

    def _request_change(self, participant: Participant, **changes: Any) -> None:
        self._planner.request_change(participant, **changes)
        self._tick()

    async def _pause(self) -> None:
        if self._lifecycle.is_playing:
            self._enter_pause(idle=False)

    def _enter_pause(self, *, idle: bool) -> None:
        self._lifecycle.pause(idle=idle)
        self.ring.set_silent(True)
        self._on_change(self)

    async def _resume(self) -> None:
        if self._lifecycle.is_paused:
            await self._admit_again()
            if self._lifecycle.is_paused:
                self._leave_pause()
                self._on_change(self)

    async def _admit_again(self) -> None:
        """Raise Refused where other jams need the machine by now."""
        try:
            self._capacity.check_resume()
        except Refused:
            if not self._capacity.is_outdated:
                raise
            await self._planner.measure()
            self._capacity.check_resume()

    def _leave_pause(self) -> None:
        self._lifecycle.transition(JamPhase.PLAYING)
        self._pacer.reset_idle()
        self.ring.set_silent(False)
        self._tick()

    def _wake(self) -> None:
        if self._lifecycle.is_idle_pause and self._waking is None:
            self._waking = self._spawn(self._end_idle_pause())

    async def _end_idle_pause(self) -> None:
        try:
            await self._admit_again()
        except RiffBotError as error:  # the next listener asks again
            log.info("jam %s stays paused: %s", self.id, describe_for_log(error))
        else:
            if self._lifecycle.is_idle_pause:
                self._leave_pause()
        finally:
            self._waking = None

    async def _end(self, reason: str | None) -> None:
        if self._lifecycle.is_ended:
            return
        self._lifecycle.end(reason)
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()
        self.ring.close()
        self._update_pacer()
        await asyncio.to_thread(self._player.stop)
        self._on_change(self)

    # -- ticks ------------------------------------------------------------------------------------

    def _tick_soon(self) -> None:
        self._loop.call(self._tick)

    def _tick(self) -> None:
        """Update phase, pause, lead and planner; runs after every block and after every change."""
        if not self._lifecycle.is_playing:
            return
        if self._player.failures >= MAX_FAILURES:  # or one bar would repeat for ever
            self._end_soon(BROKEN)
            return
        self._follow_player()
        self._save_new_chunk()
        if self._pacer.check_idle():
            self._enter_pause(idle=True)
            return
        # Many packets are ready while no change is pending, few while one is.
        waiting, chunk_s = self._planner.pending.has_any, self._capacity.chunk_s or 0.0
        self.ring.resize(self._player.min_lead() if waiting else self._player.relaxed_lead(chunk_s))
        self._planner.wake()

    def _follow_player(self) -> None:
        phase = JamPhase.CATCHING_UP if self._player.looping else JamPhase.PLAYING
        if phase is not self._lifecycle.phase:
            self._lifecycle.transition(phase)

    def _save_new_chunk(self) -> None:
        placement = self._player.placement_at(self._player.heard_column)
        if placement is not None and placement.chunk.path.chunk_number != self._saved_chunk:
            self._saved_chunk = placement.chunk.path.chunk_number
            self._on_change(self)

    def _check_not_ended(self) -> None:
        if self._lifecycle.is_ended:
            raise BadRequest("This jam is over: start another with /jam start.")

    def _update_pacer(self) -> None:
        starting = self._lifecycle.phase is JamPhase.STARTING
        self._pacer.update(alive=not starting and not self._lifecycle.is_ended)

    def _end_soon(self, reason: str) -> None:
        self._spawn(self._end(reason))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _distant_seed(path: PromptPath) -> int:
    """A seed far from those that the path would come to by itself, the same every time."""
    return (path.end.seed * 2_654_435_761 + 97) % 2**32
