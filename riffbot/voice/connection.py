"""The supervisor around discord.py's voice connection.

discord.py 2.7 tries again for ever after most losses, with up to 17 minutes between two attempts,
and after a crash of the voice server it waits for events that may never come. Here discord.py only
connects, once at a time; what is lost comes back to this loop, which knows how often it has tried,
says so, and gives up in words. While there is no connection nothing is read from the ring, so the
jam goes on where it was.
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
from riffbot.voice.source import Packets, RingSource

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Policy:
    """How stubborn a link is.

    Attributes:
        waits_s: pauses before the attempts to come back; as many attempts as there are pauses.
        connect_s: how long one attempt may take.
        closed_s: how long discord.py may try to mend a closed line by itself; it follows a move to
            another channel or server at once, and what takes longer than that never comes.
        stall_s: a server that says nothing for so long is given up; it should every 5 s.
        steady_s: a connection that held for so long makes the next loss the first again.
    """

    waits_s: tuple[float, ...] = (0.5, 2.0, 5.0, 10.0, 20.0)
    connect_s: float = 10.0
    closed_s: float = 3.0
    stall_s: float = 15.0
    steady_s: float = 60.0


FAREWELL_S = 2.0
LOOK_S = 0.25
"""How often a connection is looked at: discord.py says nothing when a line closes."""


class LinkState(Enum):
    """Where a link is."""

    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    ENDED = "ended"


class End(Enum):
    """Why a link ended."""

    LEFT = "left"
    FINISHED = "finished"
    REMOVED = "removed"
    FAILED = "failed"


@dataclass
class Link:
    """A jam's place in a voice channel.

    Args:
        channel: where to play; when a moderator drags the bot elsewhere, this follows.
        ring: what to play.
        policy: how stubborn to be.
        on_end: called once, on the event loop, when the link is over by itself (never after
            `leave`).

    Attributes:
        news: the latest sentence for people; empty while all is well.
        reconnects: how often a lost connection was found again.
    """

    channel: discord.VoiceChannel
    ring: Packets
    policy: Policy = field(default_factory=Policy)
    on_end: Callable[[End], None] = lambda end: None
    state: LinkState = field(default=LinkState.RECONNECTING, init=False)
    end: End | None = field(default=None, init=False)
    news: str = field(default="", init=False)
    reconnects: int = field(default=0, init=False)
    source: RingSource | None = field(default=None, init=False)
    _client: JamVoiceClient | None = field(default=None, init=False)
    _watch: asyncio.Task[None] | None = field(default=None, init=False)
    _finished: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    async def open(self) -> None:
        """Connect for the first time and begin to play.

        Raises:
            VoiceError: it could not be done; the sentence says why. Nothing is left behind.
        """
        try:
            await self._connect()
        except Lost as lost:
            self.state, self.end = LinkState.ENDED, End.FAILED
            if lost.code == messages.DAVE_REQUIRED:
                raise VoiceError(messages.INSTALL_FAULT) from lost
            raise VoiceError(
                f"I could not join {self.channel.mention}: {lost.why}. Please try again."
            ) from lost
        self._watch = asyncio.create_task(self._watched(), name=f"jam link {self.channel.guild.id}")

    async def leave(self) -> None:
        """Leave the channel; a second call does nothing."""
        if self._watch is not None and self._watch is not asyncio.current_task():
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        # An attempt that was just being made has a client of its own, which nobody else takes away.
        attempt = self.channel.guild.voice_client
        for client in (attempt, self._client):
            if isinstance(client, JamVoiceClient):
                await client.leave()
        self._client = None
        if self.end is None:
            self._over(End.LEFT)

    @property
    def latency_s(self) -> float | None:
        """Of the voice server's heartbeat; None while there is none."""
        latency = self._client.latency if self._client is not None else float("inf")
        return None if latency == float("inf") else latency

    # -- one connection ------------------------------------------------------------------------

    async def _connect(self) -> None:
        """Join the channel and play.

        Raises:
            Lost: not this time.
        """
        if discord.VoiceClient.warn_dave or discord.VoiceClient.warn_nacl:
            raise Lost("a library is missing", messages.DAVE_REQUIRED)
        await self._clear()
        try:
            client = await self.channel.connect(
                timeout=self.policy.connect_s,
                reconnect=False,
                cls=JamVoiceClient,
                self_deaf=True,
            )
            self._client = client
            self._play(client)  # refused where the line has broken already
        except TimeoutError as error:
            raise Lost(messages.UNREACHABLE) from error
        except discord.ConnectionClosed as error:
            raise Lost(messages.reason(error.code), error.code) from error
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.info("voice in server %s: %r", self.channel.guild.id, error)
            raise Lost(messages.UNREACHABLE) from error
        self.state, self.news = LinkState.CONNECTED, ""

    async def _clear(self) -> None:
        """discord.py allows one voice client a server: take away what an attempt left behind."""
        if self._client is not None:
            await self._client.leave()
            self.channel = self._known(self._client, self.channel)
        guild = self.channel.guild
        left = guild.voice_client
        if isinstance(left, JamVoiceClient):
            await left.leave()
        elif left is not None:
            await left.disconnect(force=True)
        if self._client is None:
            return
        # That we left comes back as an event, which a new client would take for its own end.
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                while guild.me.voice is not None:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)

    def _known(self, client: JamVoiceClient, channel: discord.VoiceChannel) -> discord.VoiceChannel:
        """The channel as discord.py knows it now: a new gateway session makes all objects anew."""
        known = client.client.get_channel(channel.id)
        return known if isinstance(known, discord.VoiceChannel) else channel

    def _play(self, client: JamVoiceClient) -> None:
        loop = asyncio.get_running_loop()
        source = self.source = RingSource(self.ring, client.is_live, on_stall=client.resume)

        def after(error: Exception | None) -> None:
            if error is not None:
                log.error("the player of server %s broke", client.guild.id, exc_info=error)
            with suppress(RuntimeError):  # the loop is gone, and everything with it
                loop.call_soon_threadsafe(self._played, client, source)

        client.play(source, after=after)

    def _played(self, client: JamVoiceClient, source: RingSource) -> None:
        """A player has ended: with the jam, with its connection, or because it lost patience."""
        if source.ended:
            self._finished.set()
        elif client is self._client and client.is_connected() and not client.leaving:
            client.stop()  # or discord.py believes for ever that it still plays
            self._play(client)

    async def _lost(self, client: JamVoiceClient) -> Lost | None:
        """Wait for the end of a connection; None when the jam itself has ended."""
        while True:
            waits = [asyncio.create_task(e.wait()) for e in (client.gone, self._finished)]
            try:
                await asyncio.wait(waits, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
            self.channel = self._where(client)
            if self._finished.is_set():
                return None
            if client.gone.is_set():
                return Lost(messages.reason(client.close_code), client.close_code)
            if client.closed_s >= self.policy.closed_s:
                return Lost(messages.reason(client.close_code), client.close_code)
            if client.silent_s >= self.policy.stall_s:
                return Lost(messages.STALLED)

    def _where(self, client: JamVoiceClient) -> discord.VoiceChannel:
        now = client.channel
        return now if isinstance(now, discord.VoiceChannel) else self.channel

    # -- keeping it ----------------------------------------------------------------------------

    async def _watched(self) -> None:
        """Keep the connection; should the keeping itself break, that is an end in words, too."""
        try:
            await self._keep()
        except Exception:
            log.exception("the voice link of server %s broke", self.channel.guild.id)
            self._over(End.FAILED, messages.BROKEN)

    async def _keep(self) -> None:
        tried = 0
        loop = asyncio.get_running_loop()
        while True:
            assert self._client is not None
            since = loop.time()
            lost = await self._lost(self._client)
            if lost is None:
                await self._client.leave()
                self._over(End.FINISHED)
                return
            if self._client.removed:
                self._over(End.REMOVED, messages.REMOVED)
                return
            if loop.time() - since >= self.policy.steady_s:
                tried = 0
            self.state = LinkState.RECONNECTING
            log.info("voice in server %s: %s", self.channel.guild.id, lost.why)
            came_back = await self._come_back(lost, tried)
            if came_back is None:
                return
            tried = came_back
            self.reconnects += 1

    async def _come_back(self, lost: Lost, tried: int) -> int | None:
        """Try until it works or the attempts are used up; returns how many are."""
        attempts = len(self.policy.waits_s)
        while tried < attempts and lost.code not in HOPELESS:
            self.news = messages.again(lost.why, tried + 1, attempts)
            await asyncio.sleep(self.policy.waits_s[tried])
            tried += 1
            try:
                await self._connect()
            except Lost as again:
                lost = again
            else:
                return tried
        await self._clear()
        if lost.code == messages.DAVE_REQUIRED:
            self._over(End.FAILED, messages.INSTALL_FAULT)
        else:
            self._over(End.FAILED, messages.given_up(lost.why, tried))
        return None

    def _over(self, end: End, sentence: str = "") -> None:
        self.state, self.end, self.news = LinkState.ENDED, end, sentence
        log.info("voice in server %s ended: %s %s", self.channel.guild.id, end.value, sentence)
        if end is not End.LEFT:
            self.on_end(end)


class Lost(Exception):
    """A connection that ended, or did not come about.

    Attributes:
        why: for the middle of a sentence.
        code: the voice server's close code, where there was one.
    """

    def __init__(self, why: str, code: int | None = None) -> None:
        super().__init__(why)
        self.why, self.code = why, code


HOPELESS = frozenset({messages.DAVE_REQUIRED})
"""Close codes that no other attempt can mend: the installation has to change."""
