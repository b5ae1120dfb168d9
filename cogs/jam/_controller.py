"""A server's jam: its session, its voice connection, its panel, and what keeps them in step.

    JamSession ◄── ring ── VoiceConnection ──► voice channel
        └────────► Stage ────────► panel, channel status

A `Stage` is looked at every few seconds and after every click. It edits the panel when there is
something to read, pauses the jam while nobody listens, leaves when that lasts, and says in words
why anything ended.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

# Not `monotonic`: the clock of a simulated Discord stands still while nobody acts.
from time import perf_counter as now
from typing import TYPE_CHECKING

import discord

from audio.picture import picture
from cogs.common.cards import Card, CardFile
from cogs.common.delivery import DELIVERY_ERRORS, ReplyTarget
from cogs.common.formatting import format_duration
from cogs.common.markdown import sentence_to_markdown
from cogs.common.mentions import command_pattern
from cogs.jam._panel import PICTURE, Scene, panel_card
from riffbot.errors import Refused
from riffbot.jam.session import JamSession
from riffbot.jam.types import JamChannels, JamStatus, Participant
from riffbot.voice.connection import ConnectionState, EndReason, ReconnectPolicy, VoiceConnection

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

log = logging.getLogger(__name__)

GOODBYE = "I have to restart; the jam goes on in a moment, from the same place."

KEPT = "The jam is kept: `/jam resume` goes on from the same place."

EDIT_S = 4.0
"""The panel is edited at most so often …"""
PICTURE_S = 12.0
"""… with a new picture at most so often …"""
STATUS_S = 30.0
"""… and the line under the voice channel's name at most so often."""
STATUS_LENGTH = 500
CLEAR_S = 5.0
RECONNECT_POLICY = ReconnectPolicy()
"""How stubborn the voice links are."""


@dataclass(eq=False)
class Stage:
    """One server's jam.

    Attributes:
        session: what plays.
        panel: where its panel stands.
        connection: the voice channel; None in a simulated Discord, which has no sound.
        over: nothing more happens here; the panel stands as it should for ever.
        keeping: its last seconds are being made a riff.
    """

    bot: RiffBot
    session: JamSession
    panel: ReplyTarget
    connection: VoiceConnection | None = None
    began: float = field(default_factory=lambda: discord.utils.utcnow().timestamp())
    over: bool = field(default=False, init=False)
    keeping: bool = field(default=False, init=False)
    _news: str = field(default="", init=False)
    _parked: bool = field(default=False, init=False)
    _alone_since: float | None = field(default=None, init=False)
    _paused_for_nobody: bool = field(default=False, init=False)
    _held: str = field(default="", init=False)
    _shown: object = field(default=None, init=False)
    _edited_at: float = field(default=-EDIT_S, init=False)
    _drawn: object = field(default=None, init=False)
    _drawn_at: float = field(default=0.0, init=False)
    _drawn_prompt: str = field(default="", init=False)
    _picture: CardFile | None = field(default=None, init=False)
    _status_text: str | None = field(default=None, init=False)
    _status_channel: discord.VoiceChannel | None = field(default=None, init=False)
    _status_task: asyncio.Task[None] | None = field(default=None, init=False)
    _status_at: float = field(default=-STATUS_S, init=False)
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def join(self, channel: discord.VoiceChannel, on_end: Callable[[], None]) -> None:
        """Play in a voice channel.

        Args:
            on_end: told when the channel is lost for good, or the jam has ended.

        Raises:
            VoiceError: it cannot be joined.
        """
        self.connection = VoiceConnection(
            channel, self.session.ring, RECONNECT_POLICY, on_end=lambda _: on_end()
        )
        await self.connection.open()

    # -- who is there --------------------------------------------------------------------------

    @property
    def channel(self) -> discord.VoiceChannel | None:
        """Where it is heard: the link follows when a moderator drags the bot elsewhere.

        Asked for anew each time: a new gateway session brings new channels and members, and the
        old ones never change again.
        """
        if self.connection is None:
            return None
        known = self.bot.get_channel(self.connection.channel.id)
        return known if isinstance(known, discord.VoiceChannel) else self.connection.channel

    @property
    def starter(self) -> Participant | None:
        """Who began it; None when that is no longer known."""
        return self.bot.services.jams.get_starter(self.session)

    @property
    def where(self) -> str:
        """For a sentence."""
        return self.channel.mention if self.channel is not None else "the jam"

    def has(self, user: discord.User | discord.Member) -> bool:
        """Whether somebody is in the jam's channel; in a simulation everybody is."""
        channel = self.channel
        return channel is None or user.id in {member.id for member in channel.members}

    @property
    def hearers(self) -> int:
        """People who can hear it: in the channel and not deafened, or on the page."""
        channel = self.channel
        members = channel.members if channel is not None else ()
        return self.session.ring.stats().listeners + sum(map(_hears, members))

    # -- looking after it ----------------------------------------------------------------------

    async def look(self, *, at_once: bool = False) -> None:
        """See what changed and act on it; one look at a time, and the impatient one waits."""
        if self._busy.locked() and not at_once:
            return
        async with self._busy:
            if self.over:
                return
            status = self.session.status()
            if status.phase == "ended":
                await self._conclude(f"{status.error} {KEPT}" if status.error else "")
                return
            if self.connection is not None and self.connection.state is ConnectionState.ENDED:
                await self._park(self.connection.notice)
                return
            if self.connection is not None:
                await self._mind_the_audience(status)
            if not self.over:
                await self._show(self.session.status(), at_once=at_once)
                await self._tell_channel(status)

    async def _mind_the_audience(self, status: JamStatus) -> None:
        if self.hearers:
            self._alone_since = None
            if self._paused_for_nobody:
                await self._go_on()
            return
        self._held = ""
        if self._alone_since is None:
            self._alone_since = now()
        if status.phase in {"playing", "catching up"}:
            self._paused_for_nobody = True
            await self.session.pause()
        limit = self.bot.services.settings.jam_leave_s
        if now() - self._alone_since >= limit:
            await self._park(
                f"Nobody listened for {format_duration(limit)}, so I left. "
                "`/jam resume` goes on from the same place."
            )

    async def _go_on(self) -> None:
        """Somebody listens again. Where other jams need the machine by now, this one waits."""
        try:
            await self.session.resume()
        except Refused as error:
            self._held = str(error)
        else:
            self._paused_for_nobody, self._held = False, ""

    # -- ending --------------------------------------------------------------------------------

    async def stop(self) -> None:
        """End the jam because a member said so."""
        async with self._busy:
            if not self.over:
                await self.session.stop()
                await self._conclude("")

    async def goodbye(self) -> None:
        """RiffBot stops: leave the channel, and let the library go on believing that this plays."""
        async with self._busy:
            if self.over:
                return
            self._news = GOODBYE
            await self._take_down()

    async def _conclude(self, news: str) -> None:
        """The jam is over: somebody wanted it, or an error did it, and the library keeps it."""
        await self._part(news, parked=bool(news), aloud=bool(news))

    async def _park(self, news: str) -> None:
        """The channel is given up, the jam is kept."""
        failed = self.connection is not None and self.connection.end_reason is EndReason.FAILED
        await self.bot.services.jams.park(self.session)
        await self._part(news, parked=True, aloud=failed)

    async def _part(self, news: str, *, parked: bool, aloud: bool) -> None:
        """Take everything down with a word, which stands on the panel and may be posted, too."""
        self._news, self._parked = news, parked
        await self._take_down()
        if aloud:  # nobody looks at a panel that has scrolled away
            await self.panel.post(Card(content=sentence_to_markdown(news, command_pattern())))

    async def _take_down(self) -> None:
        try:
            await self._clear_channel()
            if self.connection is not None:
                await self.connection.leave()
            await self._show(self.session.status(), at_once=True)
        finally:
            self.over = True

    # -- showing it ----------------------------------------------------------------------------

    @property
    def scene(self) -> Scene:
        """What the panel shows beside the status."""
        connection = self.connection
        return Scene(
            where=connection.channel.mention if connection is not None else None,
            page=None if connection is not None else self.bot.services.jams.page_url(self.session),
            news=self._news or (connection.notice if connection is not None else "") or self._held,
            began=int(self.began),
            alone=self._paused_for_nobody and not self._held,
            parked=self._parked,
        )

    async def _show(self, status: JamStatus, *, at_once: bool) -> None:
        if not at_once and now() - self._edited_at < EDIT_S:
            return
        fresh = await self._draw(status)
        card = panel_card(self.session.id, status, self.scene, self._picture, fresh=fresh)
        shown = (card.embed.to_dict() if card.embed else None, status.phase)
        if not fresh and shown == self._shown:
            return
        self._shown, self._edited_at = shown, now()
        await self.panel.edit(card)

    async def _draw(self, status: JamStatus) -> bool:
        """Draw the spectrogram if there is a new one, off the event loop; whether there was."""
        pixels = status.spectrogram
        turned = self._picture is None or status.current_prompt != self._drawn_prompt
        if pixels is None or pixels is self._drawn:
            return False
        if not turned and now() - self._drawn_at < PICTURE_S:
            return False
        self._drawn, self._drawn_at, self._drawn_prompt = pixels, now(), status.current_prompt
        png = await asyncio.to_thread(
            picture, pixels, title=status.current_prompt, bpm=status.bpm, beats=status.beats
        )
        self._picture = CardFile(
            PICTURE, png, f"The spectrogram of what plays: {status.current_prompt}"
        )
        return True

    async def move_panel(self, place: ReplyTarget) -> None:
        """The panel now stands somewhere else; the old one goes."""
        async with self._busy:
            old, self.panel = self.panel, place
            self._shown, self._picture, self._drawn = None, None, None
            await self.remember()
        await old.delete()
        await self.look(at_once=True)

    async def remember(self) -> None:
        """Let the library know where this is, for after a restart."""
        channel = self.channel
        await self.bot.services.jams.update_channels(
            self.session,
            JamChannels(
                voice_channel_id=channel.id if channel is not None else None,
                text_channel_id=self.panel.channel_id,
                message_id=self.panel.message_id,
            ),
        )

    # -- the line under the channel's name -------------------------------------------------------

    async def _tell_channel(self, status: JamStatus) -> None:
        channel = self.channel
        if channel is None:
            return
        if self._status_channel not in (None, channel):
            await self._clear_channel()  # somebody dragged the bot elsewhere
            await self.remember()
            self._status_at = -STATUS_S
        writing = self._status_task is not None and not self._status_task.done()
        if writing or now() - self._status_at < STATUS_S:
            return
        text = f"🎶 {status.current_prompt}"[:STATUS_LENGTH]
        if text == self._status_text:
            return
        if channel.permissions_for(channel.guild.me).set_voice_channel_status:
            self._status_at, self._status_text, self._status_channel = now(), text, channel
            # On its own: discord.py sleeps on a rate limit, and Stop must not wait for that.
            self._status_task = asyncio.create_task(_set_status(channel, text))

    async def _clear_channel(self) -> None:
        channel, self._status_channel = self._status_channel, None
        if self._status_task is not None:
            self._status_task.cancel()
        if channel is not None and self._status_text is not None:
            self._status_text = None
            with suppress(TimeoutError):
                async with asyncio.timeout(CLEAR_S):
                    await _set_status(channel, None)


async def _set_status(channel: discord.VoiceChannel, text: str | None) -> None:
    try:
        await channel.edit(status=text)
    except DELIVERY_ERRORS as error:
        log.info("the status of voice channel %s stays: %s", channel.id, error)


def _hears(member: discord.Member) -> bool:
    voice = member.voice
    return not member.bot and voice is not None and not (voice.deaf or voice.self_deaf)
