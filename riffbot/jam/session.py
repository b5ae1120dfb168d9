"""One living jam: what members do to it, and how it begins and ends.

    votes ─► ballot ─► path ─► Engine.submit ─► Player.insert ─► ring ─► voice channel, page
                        ▲          │
                        └─ Planner ┘ one turn of the loop ahead; a change overtakes what is planned

Everything here happens on the jams' own loop (`LoopThread`), and every method may be called from
any other: the asynchronous ones are run on it, the others only read (`JamReader`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from riffbot.errors import BadRequest, Refused, RiffBotError
from riffbot.images import Images
from riffbot.inference.engine.engine import Engine
from riffbot.inference.job import new_id
from riffbot.jam.attempts import FailedAttempts
from riffbot.jam.ballot import Ballot
from riffbot.jam.capacity import Capacity
from riffbot.jam.excerpt import Excerpt, select_excerpt
from riffbot.jam.loop_thread import LoopThread
from riffbot.jam.opus import OpusEncoder
from riffbot.jam.pacing import PaceSource, RingPacer
from riffbot.jam.pending_changes import PendingChange
from riffbot.jam.planner import BROKEN, TRIES, Events, Planner
from riffbot.jam.player import BLOCK_PACKETS, RELAXED_LEAD, Player
from riffbot.jam.prompt_path import (
    DENOISING_STEP,
    MAX_STEERED_DENOISING,
    MIN_STEERED_DENOISING,
    PromptPath,
)
from riffbot.jam.ring import PacketRing
from riffbot.jam.snapshot import JamSnapshot
from riffbot.jam.synthesizer import Synthesizer
from riffbot.jam.tempo_lock import meter_of
from riffbot.jam.timeline import Timeline
from riffbot.jam.types import JamChannels, JamPhase, Participant
from riffbot.jam.view import PACKET_COLUMNS, JamReader

log = logging.getLogger(__name__)

_GLANCE_S = 0.01


class JamSession(JamReader):
    """A jam that plays.

    Args:
        engine: makes the chunks.
        images: knows the seed image.
        state: where to begin or go on.
        loop: the jams' loop.
        id: its name; a new one by default.
        guild_id: the server; None outside of Discord.
        channels: where it is heard and shown.
        bitrate: of the packets.
        loudness_lufs: of the sound.
        paced_by: `voice` when somebody else reads `ring`, `clock` to have it read in real time.
        pause_when_idle: pause when the clock sets the pace and nobody listens.
        on_change: called on the jams' loop when the state is worth storing; must not wait.
        load_of_others: the share of the machine's time that the other jams need.
        attempts: to begin jams, those of other sessions included.
    """

    def __init__(
        self,
        engine: Engine,
        images: Images,
        state: JamSnapshot,
        *,
        loop: LoopThread,
        id: str | None = None,
        guild_id: int | None = None,
        channels: JamChannels | None = None,
        bitrate: int = 96_000,
        loudness_lufs: float = -14.0,
        paced_by: PaceSource = "voice",
        pause_when_idle: bool = True,
        on_change: Callable[[JamSession], None] = lambda _: None,
        load_of_others: Callable[[], float] = lambda: 0.0,
        attempts: FailedAttempts | None = None,
    ) -> None:
        self.id = id or new_id()
        self.guild_id = guild_id
        self.channels = channels or JamChannels()
        self._loop = loop
        self._state = state
        self._on_change = on_change
        self.meter = meter_of(images, state.current.path.seed_image)
        self.seed_image = state.current.path.seed_image
        self._encoder = OpusEncoder(bitrate)
        sound = state.synthesizer_state()
        first = state.column
        self._synthesizer = Synthesizer(
            Timeline(self.meter), loudness_lufs=loudness_lufs, first=first, state=sound
        )
        bar = self.meter.bar // PACKET_COLUMNS
        self.ring = PacketRing(
            RELAXED_LEAD, measure=bar, head=first // PACKET_COLUMNS + state.packets_heard
        )
        self._player = Player(
            self._synthesizer, self.ring, self._encoder, on_block=self._after_block
        )
        self._began_at = first
        self._pacer = RingPacer(self.ring, paced_by, pause_when_idle=pause_when_idle)
        self._ballot = state.ballot
        self._steered_by = Participant(*state.steered_by) if state.steered_by else None
        self._capacity = Capacity(self.meter.width / 100, load_of_others)
        self._planner = Planner(
            engine,
            self._player,
            self._capacity,
            attempts or FailedAttempts(),
            jam_id=self.id,
            width=self.meter.width,
            path=state.current.path,
            upcoming=state.upcoming,
            events=Events(self._look, self._entered, self._void, self._end),
        )
        self._player.expects_chunk = lambda: self._planner.is_busy
        self._phase: JamPhase = "starting"
        self._error: str | None = None
        self._ending: asyncio.Task[None] | None = None
        self._waking: asyncio.Task[None] | None = None
        self._saved_chunk = -1
        self._parked = False

    # -- what members do --------------------------------------------------------------------------

    async def start(self) -> None:
        """Make the first chunk and begin; returns when the first packets are ready.

        Raises:
            Refused: this machine is too slow for one more jam; the sentence says how slow.
            BadRequest: the prompt or a setting is nonsense for this model.
            ModelError, GenerationFailed: there is no chunk to begin with.
            RiffBotError: its sound cannot be made.
        """
        await self._loop.run(self._start())

    async def steer(self, text: str, who: Participant) -> None:
        """Vote for a prompt, which need not be on the ballot yet; what plays is the votes' blend.

        Raises:
            BadRequest: the prompt cannot be read.
        """
        await self._loop.run(
            self._voted(lambda: self._ballot.cast(who.user_id, who.name, text, self.played_s), who)
        )

    async def vote(self, text: str, who: Participant) -> None:
        """Vote for a prompt that is on the ballot. Raises NotFound."""
        await self._loop.run(
            self._voted(
                lambda: self._ballot.cast_for_listed(who.user_id, who.name, text, self.played_s),
                who,
            )
        )

    async def new_seed(self, who: Participant) -> None:
        """Another take of the same prompt."""
        await self._loop.run(self._wished(who, seed=_far(self._planner.next_path)))

    async def set_denoising(self, value: float, who: Participant) -> float:
        """How far chunks may leave the seed image, 0 … 1; returns the value. Raises BadRequest."""
        await self._loop.run(self._wished(who, denoising=value))
        return value

    async def increase_denoising(self, who: Participant) -> float:
        """A little more denoising; returns the new one."""
        return await self.set_denoising(
            min(MAX_STEERED_DENOISING, self._planner.target_denoising + DENOISING_STEP), who
        )

    async def decrease_denoising(self, who: Participant) -> float:
        """A little less denoising; returns the new one."""
        return await self.set_denoising(
            max(MIN_STEERED_DENOISING, self._planner.target_denoising - DENOISING_STEP), who
        )

    async def pause(self) -> None:
        """Stand still: silence is read, nothing is made, the place is kept."""
        await self._loop.run(self._pause())

    async def resume(self) -> None:
        """Go on where it stood still. Raises Refused when other jams need the machine by now."""
        await self._loop.run(self._resume())

    async def stop(self, reason: str | None = None) -> None:
        """End the jam; `reason` is a sentence for the panel where nobody asked for the end."""
        await self._loop.run(self._end(reason))

    async def park(self) -> JamSnapshot:
        """End the jam in such a way that it can be gone on with; returns where it is."""
        await self._loop.run(self._pause())
        state = self.snapshot()
        self._parked = True
        await self._loop.run(self._end(None))
        return state

    async def take_excerpt(self, seconds: float = 30.0) -> Excerpt:
        """What was heard last, up to a minute. Raises BadRequest when nothing was heard yet."""
        return await self._loop.run(self._take_excerpt(seconds))

    async def forget_member(self, user_id: int) -> None:
        """Take a member's votes and name out of the jam; what plays stays."""

        async def forget() -> None:
            self._ballot = self._ballot.without_member(user_id)
            if self._steered_by is not None and self._steered_by.user_id == user_id:
                self._steered_by = None
            self._planner.pending.forget_member(user_id)
            self._on_change(self)

        await self._loop.run(forget())

    # -- who listens ------------------------------------------------------------------------------

    def set_pace(self, pace: PaceSource) -> None:
        """Who reads the ring from now on: a voice channel, or the clock."""
        self._pacer.pace = pace
        self._loop.call(self._set_pace)

    def notify_listener(self) -> None:
        """A listener has come: a jam that paused because nobody listened goes on."""
        self._loop.call(self._wake)

    # -- on the jams' loop ------------------------------------------------------------------------

    async def _start(self) -> None:
        chunk = await self._planner.generate_first()
        self._synthesizer.timeline.insert(chunk, self._state.current.start)
        self._phase = "playing"
        self._player.start()
        # A thread fills it, which has no asyncio.Event to set.
        while self.ring.free_slots() >= BLOCK_PACKETS and not self.ring.closed:  # noqa: ASYNC110
            await asyncio.sleep(_GLANCE_S)
        if self._error is not None:
            raise RiffBotError(self._error)
        self._set_pace()
        self._look()

    async def _voted(self, vote: Callable[[], Ballot], who: Participant) -> None:
        self._check_alive()
        self._ballot = vote()
        blend = self._ballot.blend(self.played_s)
        if blend is not None and blend != self._planner.target_prompt:
            self._planner.request_change(who, prompt=blend)
        self._on_change(self)

    async def _wished(self, who: Participant, **changes: Any) -> None:
        self._check_alive()
        # Invalid values are refused here, not when the change is applied.
        self._planner.next_path.steer(**changes)
        self._planner.request_change(who, **changes)
        self._on_change(self)

    async def _pause(self) -> None:
        if self._phase in ("playing", "catching up"):
            self._phase = "paused"
            self._pacer.reset_idle()  # whoever comes to listen does not undo what a member did
            self.ring.set_silent(True)
            self._on_change(self)

    async def _resume(self) -> None:
        if self._phase == "paused":
            await self._admit_again()
            if self._phase == "paused":
                self._go_on()
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

    def _go_on(self) -> None:
        self._phase = "playing"
        self._pacer.reset_idle()
        self.ring.set_silent(False)
        self._look()

    async def _end(self, reason: str | None) -> None:
        if self._phase == "ended":
            return
        self._phase = "ended"
        self._error = reason
        self._planner.cancel()
        if self._waking is not None:
            self._waking.cancel()
        self.ring.close()
        self._set_pace()
        await asyncio.to_thread(self._player.stop)
        self._on_change(self)

    async def _take_excerpt(self, seconds: float) -> Excerpt:
        return select_excerpt(self._player, self.meter, seconds=seconds, began_at=self._began_at)

    # -- looking after it -------------------------------------------------------------------------

    def _after_block(self) -> None:
        self._loop.call(self._look)

    def _look(self) -> None:
        """See how it is doing, after every block and whenever something has changed."""
        if self._phase not in ("playing", "catching up"):
            return
        if self._player.failures >= TRIES:  # better an end in words than one bar for ever
            self._ending = self._ending or asyncio.create_task(self._end(BROKEN))
            return
        if self._phase == "playing" and self._player.looping:
            self._phase = "catching up"
        elif self._phase == "catching up" and not self._player.looping:
            self._phase = "playing"
        self._save_now_and_then()
        if self._pauses_alone():
            return
        self._set_lead()
        self._planner.look()

    def _set_lead(self) -> None:
        """Much is kept ready while nobody waits for a change, little while somebody does."""
        player = self._player
        chunk_s = self._capacity.chunk_s or 0.0
        self.ring.resize(
            player.min_lead() if self._planner.pending.has_any else player.relaxed_lead(chunk_s)
        )

    def _entered(self, wish: PendingChange | None) -> None:
        if wish is not None:
            self._steered_by = wish.last_author
            self._on_change(self)

    def _void(self, who: Participant | None) -> None:
        """This model cannot take a member's prompt, so there is no vote for it."""
        if who is not None:
            self._ballot = self._ballot.without_member(who.user_id)
            self._planner.pending.replace_prompt(self._ballot.blend(self.played_s))

    # -- small things -----------------------------------------------------------------------------

    def _check_alive(self) -> None:
        if self._phase == "ended":
            raise BadRequest("This jam is over: start another with /jam start.")

    def _set_pace(self) -> None:
        self._pacer.update(alive=self._phase not in ("starting", "ended"))

    def _pauses_alone(self) -> bool:
        """Pause where nobody has listened for a while; whether it does."""
        if not self._pacer.check_idle():
            return False
        self._phase = "paused"
        self.ring.set_silent(True)
        self._on_change(self)
        return True

    def _wake(self) -> None:
        if self._phase == "paused" and self._pacer.is_idle and self._waking is None:
            self._waking = asyncio.create_task(self._wake_up())

    async def _wake_up(self) -> None:
        try:
            await self._admit_again()
        except RiffBotError as error:  # the next to come asks again
            log.info("jam %s stays paused: %s", self.id, error)
        else:
            if self._phase == "paused" and self._pacer.is_idle:
                self._go_on()
        finally:
            self._waking = None

    def _save_now_and_then(self) -> None:
        entry = self._player.placement_at(self._player.heard_column)
        if entry is not None and entry.chunk.path.chunk_number != self._saved_chunk:
            self._saved_chunk = entry.chunk.path.chunk_number
            self._on_change(self)


def _far(path: PromptPath) -> int:
    """A seed far from those that the walk would come to by itself, the same every time."""
    return (path.end.seed * 2_654_435_761 + 97) % 2**32
