"""Keeps a server's jam, its voice connection, its panel and the channel's status in step.

    JamSession ◄── JamController ──► JamOutput        voice channel, listeners
                        │      └───► ChannelStatus    text under the channel's name
                        └──────────► PanelPresenter   panel

A controller is refreshed every few seconds and after every click. It edits the panel when there is
something to read, pauses the jam while nobody listens, leaves when that lasts, and shows a sentence
about why the jam ended.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import discord

from cogs.common.delivery import ReplyTarget
from cogs.common.errors import log_error
from cogs.common.formatting import format_duration
from cogs.jam._channel_status import ChannelStatus
from cogs.jam._listeners import ListenerAction, ListenerWatch
from cogs.jam._output import JamOutput
from cogs.jam._panel import PanelContext
from cogs.jam._presenter import PanelPresenter
from riffbot.clock import monotonic
from riffbot.errors import Disallowed, Refused
from riffbot.jam.session import JamSession
from riffbot.jam.types import JamChannels, JamStatus, Participant
from riffbot.rules.decisions import check_hours

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

RESTARTING = "I have to restart; the jam goes on in a moment, from the same place."

HOURS_CHECK_S = 15.0
"""Interval at which a server's jam hours are read, in seconds."""

RESUMABLE = "The jam is kept: `/jam resume` goes on from the same place."


class JamController:
    """Controls one server's jam.

    Args:
        target: the message that becomes the panel.

    Attributes:
        session: what plays.
        output: where it is heard.
        panel: shows it.
        is_over: nothing more happens here; the panel has its final text.
        is_saving_excerpt: its last seconds are being saved as a riff.
    """

    def __init__(self, bot: RiffBot, session: JamSession, target: ReplyTarget) -> None:
        self.bot = bot
        self.session = session
        self.output = JamOutput(bot, session)
        self.panel = PanelPresenter(target)
        self.is_over = False
        self.is_saving_excerpt = False
        self._started_at = int(discord.utils.utcnow().timestamp())
        self._watch = ListenerWatch(bot.services.settings.jam_leave_s)
        self._channel_status = ChannelStatus()
        self._next_hours_check = 0.0
        self._final_notice = ""
        self._is_parked = False
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def starter(self) -> Participant | None:
        """Who started it; None when that is no longer known."""
        return self.bot.services.jams.get_starter(self.session)

    async def refresh(self, *, at_once: bool = False) -> None:
        """Act on what has changed.

        Args:
            at_once: wait for a refresh that is under way, and edit the panel without throttling;
                otherwise this does nothing while another refresh is under way.
        """
        if self._lock.locked() and not at_once:
            return
        async with self._lock:
            if not self.is_over:
                await self._refresh(at_once=at_once)

    async def refresh_and_log(self, *, at_once: bool = False) -> None:
        """Refresh; an error is logged."""
        try:
            await self.refresh(at_once=at_once)
        except Exception as error:
            log_error(error, f"the jam of server {self.session.guild_id}")

    def refresh_soon(self) -> None:
        """Refresh at once in a task of its own."""
        task = asyncio.get_running_loop().create_task(self.refresh_and_log(at_once=True))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _refresh(self, *, at_once: bool) -> None:
        status = self.session.status()
        if status.phase == "ended":
            await self._conclude(f"{status.error} {RESUMABLE}" if status.error else "")
            return
        if self.output.is_lost:
            await self._park(self.output.notice)
            return
        channel = self.output.channel
        if channel is not None:
            await self._follow_listeners(status)
        if not self.is_over:
            await self._follow_hours(status)
        if self.is_over:
            return
        await self._show(at_once=at_once)
        if channel is not None:
            if channel.id != self.session.channels.voice_channel_id:
                await self.store_channels()  # a moderator dragged the bot elsewhere
            await self._channel_status.update(channel, status.current_prompt)

    async def _follow_listeners(self, status: JamStatus) -> None:
        """Pause, resume or leave, as the number of listeners demands."""
        action = self._watch.update(
            self.output.count_listeners(),
            is_playing=status.phase in {"playing", "catching up"},
            now=monotonic(),
        )
        if action is ListenerAction.PAUSE:
            await self.session.pause()
        elif action is ListenerAction.RESUME:
            await self._resume()
        elif action is ListenerAction.LEAVE:
            await self._park(
                f"Nobody listened for {format_duration(self._watch.leave_after_s)}, so I left. "
                "`/jam resume` goes on from the same place."
            )

    async def _follow_hours(self, status: JamStatus) -> None:
        """Leave when the server's jam hours are over."""
        if status.phase == "paused" or monotonic() < self._next_hours_check:
            return
        self._next_hours_check = monotonic() + HOURS_CHECK_S
        rules = await self.bot.services.library.guilds.get_rules(self.session.guild_id)
        try:
            check_hours(rules, discord.utils.utcnow())
        except Disallowed as over:
            await self._park(f"{over.sentence} `/jam resume` goes on from the same place then.")

    async def _resume(self) -> None:
        """End a pause; where other jams need the machine by now, this one stays paused."""
        try:
            await self.session.resume()
        except Refused as error:
            self._watch.resume_refused(str(error))
        else:
            self._watch.resumed()

    # -- ending --------------------------------------------------------------------------------

    async def stop(self) -> None:
        """End the jam because a member wants it."""
        async with self._lock:
            if not self.is_over:
                await self.session.stop()
                await self._conclude("")

    async def suspend(self) -> None:
        """Leave the channel for a restart; the library goes on storing that this jam plays."""
        async with self._lock:
            if not self.is_over:
                self._final_notice = RESTARTING
                await self._take_down()

    async def _conclude(self, error: str) -> None:
        """Finish after the jam has ended; after an error it can be resumed."""
        self._final_notice, self._is_parked = error, bool(error)
        await self._take_down()
        if error:
            await self.panel.post(error)

    async def _park(self, notice: str) -> None:
        """Leave the channel for a reason; the jam can be resumed."""
        has_failed = self.output.has_failed
        await self.bot.services.jams.park(self.session)
        self._final_notice, self._is_parked = notice, True
        await self._take_down()
        if has_failed:
            await self.panel.post(notice)

    async def _take_down(self) -> None:
        try:
            await self._channel_status.clear()
            await self.output.leave()
            await self._show(at_once=True)
        finally:
            self.is_over = True
            if self.bot.jam_controllers.get(self.session.guild_id or 0) is self:
                del self.bot.jam_controllers[self.session.guild_id or 0]

    # -- the panel -----------------------------------------------------------------------------

    async def _show(self, *, at_once: bool) -> None:
        connection = self.output.connection
        context = PanelContext(
            channel_mention=connection.channel.mention if connection is not None else None,
            page_url=self.bot.services.jams.page_url(self.session) if connection is None else None,
            notice=self._final_notice or self.output.notice or self._watch.refusal,
            started_at=self._started_at,
            is_waiting_for_listeners=self._watch.is_waiting,
            is_parked=self._is_parked,
        )
        await self.panel.show(self.session.status(), context, at_once=at_once)

    async def move_panel(self, target: ReplyTarget) -> None:
        """Show the panel as another message; the old one is deleted."""
        async with self._lock:
            old = self.panel.move(target)
            await self.store_channels()
        await old.delete()
        await self.refresh(at_once=True)

    async def store_channels(self) -> None:
        """Store where the jam is heard and shown, for after a restart."""
        channel = self.output.channel
        await self.bot.services.jams.update_channels(
            self.session,
            JamChannels(
                voice_channel_id=channel.id if channel is not None else None,
                text_channel_id=self.panel.target.channel_id,
                message_id=self.panel.target.message_id,
            ),
        )
