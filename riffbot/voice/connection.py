"""Supervises discord.py's voice connection: detects losses, reconnects, gives up with a reason.

discord.py 2.7 retries for ever after most losses, with up to 17 minutes between two attempts, and
after a crash of the voice server it waits for events that may never come. Here discord.py only
connects, one attempt at a time; every loss is handled by `VoiceConnection`, which counts its
attempts, reports them, and gives up with a sentence. Without a connection nothing is read from the
ring, so the jam resumes at the same packet.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

import aiohttp
import discord

from riffbot.errors import VoiceError
from riffbot.voice import messages
from riffbot.voice.client import JamVoiceClient
from riffbot.voice.source import PacketReader, RingSource

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReconnectPolicy:
    """When a connection counts as lost, and how often to reconnect.

    Attributes:
        retry_delays_s: pauses before the attempts to reconnect; one attempt per pause.
        connect_timeout_s: limit of one attempt.
        closed_limit_s: how long discord.py may repair a closed websocket by itself; it follows a
            move to another channel or server at once, and a slower repair never succeeds.
        message_age_limit_s: the connection is lost when the server sent no message for so long; it
            should send one every 5 s.
        stable_after_s: a connection that held for so long resets the number of attempts.
    """

    retry_delays_s: tuple[float, ...] = (0.5, 2.0, 5.0, 10.0, 20.0)
    connect_timeout_s: float = 10.0
    closed_limit_s: float = 3.0
    message_age_limit_s: float = 15.0
    stable_after_s: float = 60.0


LEAVE_CONFIRMATION_S = 2.0
POLL_S = 0.25
"""Interval of the health checks: discord.py has no event for a websocket that closes."""


class ConnectionState(Enum):
    """State of a `VoiceConnection`."""

    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    ENDED = "ended"


class EndReason(Enum):
    """Why a `VoiceConnection` ended."""

    LEFT = "left"
    FINISHED = "finished"
    REMOVED = "removed"
    FAILED = "failed"


@dataclass
class VoiceConnection:
    """Plays a ring in a voice channel and reconnects after a loss.

    Args:
        channel: where to play; when a moderator drags the bot elsewhere, this follows.
        ring: what to play.
        policy: when to reconnect and when to give up.
        on_end: called once, on the event loop, when the connection ends by itself (never after
            `leave`).

    Attributes:
        notice: the latest sentence for members; empty while connected.
        end_reason: None until the connection has ended.
        reconnects: how often a lost connection was restored.
    """

    channel: discord.VoiceChannel
    ring: PacketReader
    policy: ReconnectPolicy = field(default_factory=ReconnectPolicy)
    on_end: Callable[[EndReason], None] = lambda end: None
    state: ConnectionState = field(default=ConnectionState.RECONNECTING, init=False)
    end_reason: EndReason | None = field(default=None, init=False)
    notice: str = field(default="", init=False)
    reconnects: int = field(default=0, init=False)
    source: RingSource | None = field(default=None, init=False)
    _client: JamVoiceClient | None = field(default=None, init=False)
    _supervisor: asyncio.Task[None] | None = field(default=None, init=False)
    _ring_ended: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def open(self) -> None:
        """Connect for the first time and begin to play.

        Raises:
            VoiceError: it could not be done; the sentence says why. Nothing is left behind.
        """
        try:
            await self._connect()
        except ConnectionLost as lost:
            self.state, self.end_reason = ConnectionState.ENDED, EndReason.FAILED
            if lost.code == messages.DAVE_REQUIRED:
                raise VoiceError(messages.INSTALL_FAULT) from lost
            raise VoiceError(
                f"I could not join {self.channel.mention}: {lost.reason}. Please try again."
            ) from lost
        self._supervisor = asyncio.create_task(
            self._supervise(), name=f"voice connection {self.channel.guild.id}"
        )

    async def leave(self) -> None:
        """Leave the channel; a second call does nothing."""
        if self._supervisor is not None and self._supervisor is not asyncio.current_task():
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
        # An attempt under way has a client of its own, which only this removes.
        attempt = self.channel.guild.voice_client
        for client in (attempt, self._client):
            if isinstance(client, JamVoiceClient):
                await client.leave()
        self._client = None
        if self.end_reason is None:
            self._finish(EndReason.LEFT)

    @property
    def latency_s(self) -> float | None:
        """Round trip of the voice server's heartbeat; None while not connected."""
        latency = self._client.latency if self._client is not None else float("inf")
        return None if latency == float("inf") else latency

    # -- one connection ------------------------------------------------------------------------

    async def _connect(self) -> None:
        """Join the channel and play.

        Raises:
            ConnectionLost: the attempt failed.
        """
        if discord.VoiceClient.warn_dave or discord.VoiceClient.warn_nacl:
            raise ConnectionLost("a library is missing", messages.DAVE_REQUIRED)
        await self._remove_old_clients()
        try:
            client = await self.channel.connect(
                timeout=self.policy.connect_timeout_s,
                reconnect=False,
                cls=JamVoiceClient,
                self_deaf=True,
            )
            self._client = client
            self._play(client)  # raises where the connection has broken already
        except TimeoutError as error:
            raise ConnectionLost(messages.UNREACHABLE) from error
        except discord.ConnectionClosed as error:
            raise ConnectionLost(messages.close_reason(error.code), error.code) from error
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.info("voice in server %s: %r", self.channel.guild.id, error)
            raise ConnectionLost(messages.UNREACHABLE) from error
        self.state, self.notice = ConnectionState.CONNECTED, ""

    async def _remove_old_clients(self) -> None:
        """Remove what an attempt left behind: discord.py allows one voice client a server."""
        if self._client is not None:
            await self._client.leave()
            self.channel = self._latest_channel(self._client, self.channel)
        guild = self.channel.guild
        left = guild.voice_client
        if isinstance(left, JamVoiceClient):
            await left.leave()
        elif left is not None:
            await left.disconnect(force=True)
        if self._client is None:
            return
        # Leaving comes back as an event, which a new client would take for its own removal.
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_CONFIRMATION_S):
                while guild.me.voice is not None:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)

    def _latest_channel(
        self, client: JamVoiceClient, channel: discord.VoiceChannel
    ) -> discord.VoiceChannel:
        """Return discord.py's current object: a new gateway session creates all objects anew."""
        known = client.client.get_channel(channel.id)
        return known if isinstance(known, discord.VoiceChannel) else channel

    def _play(self, client: JamVoiceClient) -> None:
        loop = asyncio.get_running_loop()
        source = self.source = RingSource(self.ring, client.can_send, on_stall=client.resume)

        def after(error: Exception | None) -> None:
            if error is not None:
                log.error("the player of server %s broke", client.guild.id, exc_info=error)
            with suppress(RuntimeError):  # the loop is gone, and everything with it
                loop.call_soon_threadsafe(self._on_player_end, client, source)

        client.play(source, after=after)

    def _on_player_end(self, client: JamVoiceClient, source: RingSource) -> None:
        """Handle the end of a player: with the jam, with its connection, or after a timeout."""
        if source.ended:
            self._ring_ended.set()
        elif client is self._client and client.is_connected() and not client.is_leaving:
            client.stop()  # or discord.py believes for ever that it still plays
            self._play(client)

    async def _wait_for_loss(self, client: JamVoiceClient) -> ConnectionLost | None:
        """Wait until the connection is lost; None when the jam itself has ended."""
        while True:
            waits = [asyncio.create_task(e.wait()) for e in (client.disconnected, self._ring_ended)]
            try:
                await asyncio.wait(waits, timeout=POLL_S, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
            self.channel = self._channel_of(client)
            if self._ring_ended.is_set():
                return None
            if client.disconnected.is_set():
                return ConnectionLost(messages.close_reason(client.close_code), client.close_code)
            if client.websocket_closed_s >= self.policy.closed_limit_s:
                return ConnectionLost(messages.close_reason(client.close_code), client.close_code)
            if client.last_message_age_s >= self.policy.message_age_limit_s:
                return ConnectionLost(messages.STALLED)

    def _channel_of(self, client: JamVoiceClient) -> discord.VoiceChannel:
        now = client.channel
        return now if isinstance(now, discord.VoiceChannel) else self.channel

    # -- reconnecting ----------------------------------------------------------------------------

    async def _supervise(self) -> None:
        """Reconnect until the connection ends; an unexpected error ends it with a notice, too."""
        try:
            await self._reconnect_until_over()
        except Exception:
            log.exception("the voice connection of server %s broke", self.channel.guild.id)
            self._finish(EndReason.FAILED, messages.BROKEN)

    async def _reconnect_until_over(self) -> None:
        tried = 0
        loop = asyncio.get_running_loop()
        while True:
            assert self._client is not None
            since = loop.time()
            lost = await self._wait_for_loss(self._client)
            if lost is None:
                await self._client.leave()
                self._finish(EndReason.FINISHED)
                return
            if self._client.was_removed:
                self._finish(EndReason.REMOVED, messages.REMOVED)
                return
            if loop.time() - since >= self.policy.stable_after_s:
                tried = 0
            self.state = ConnectionState.RECONNECTING
            log.info("voice in server %s: %s", self.channel.guild.id, lost.reason)
            used = await self._reconnect(lost, tried)
            if used is None:
                return
            tried = used
            self.reconnects += 1

    async def _reconnect(self, lost: ConnectionLost, tried: int) -> int | None:
        """Retry until connected or out of attempts.

        Returns:
            attempts used so far; None when the connection has ended.
        """
        attempts = len(self.policy.retry_delays_s)
        while tried < attempts and lost.code not in FATAL_CODES:
            self.notice = messages.reconnecting(lost.reason, tried + 1, attempts)
            await asyncio.sleep(self.policy.retry_delays_s[tried])
            tried += 1
            try:
                await self._connect()
            except ConnectionLost as again:
                lost = again
            else:
                return tried
        await self._remove_old_clients()
        if lost.code == messages.DAVE_REQUIRED:
            self._finish(EndReason.FAILED, messages.INSTALL_FAULT)
        else:
            self._finish(EndReason.FAILED, messages.given_up(lost.reason, tried))
        return None

    def _finish(self, end: EndReason, sentence: str = "") -> None:
        self.state, self.end_reason, self.notice = ConnectionState.ENDED, end, sentence
        log.info("voice in server %s ended: %s %s", self.channel.guild.id, end.value, sentence)
        if end is not EndReason.LEFT:
            self.on_end(end)


class ConnectionLost(Exception):
    """The connection ended, or could not be made.

    Attributes:
        reason: a clause for the middle of a sentence.
        code: the voice server's close code, where there was one.
    """

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.code = reason, code


FATAL_CODES = frozenset({messages.DAVE_REQUIRED})
"""Close codes after which retrying is useless: the installation has to change."""
