"""The switchboard: who is in which voice channel, and which voice server the bot is sent to."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field

from tests.support.loopback.errors import Json, LoopbackFailure
from tests.support.loopback.gateway import Gateway
from tests.support.loopback.state import State
from tests.support.loopback.voice.heard import Heard
from tests.support.loopback.voice.server import Close, VoiceServer
from tests.support.loopback.world import Guild, User, VoiceChannel


@dataclass(eq=False)
class Call:
    """The bot in a voice channel."""

    guild: Guild
    channel: VoiceChannel
    user_id: int
    server: VoiceServer
    session_id: str = field(default_factory=lambda: secrets.token_hex(16))
    token: str = field(default_factory=lambda: secrets.token_hex(8))


class Calls:
    """Voice states and voice servers.

    Attributes:
        dave: the channels are end-to-end encrypted, as all have been since 2026-03.
        listener_leads: who makes the encrypted group; see `dave.Conversation`.
        generous: a bot that asks for the channel it is in gets a VOICE_SERVER_UPDATE once more.
            Discord's reference promises none, so by default it gets only its voice state.
        mute: requests to join stay unanswered.
        heartbeat_s: the interval that voice servers ask for; discord.py takes 5 s at most.
        joins: how often the bot asked to be in a channel.
    """

    def __init__(self, state: State, gateway: Gateway) -> None:
        self.state, self._gateway = state, gateway
        self.dave = True
        self.listener_leads = False
        self.generous = False
        self.mute = False
        self.heartbeat_s = 13.75
        self.joins = 0
        self.servers: list[VoiceServer] = []
        self._calls: dict[int, Call] = {}
        self._heard: dict[int, Heard] = {}
        self._hanging_up: set[asyncio.Task[None]] = set()
        gateway.on_voice_state = self._asked
        gateway.on_new_session = self._forget

    async def start(self) -> None:
        """Open the first voice server."""
        await self._open_server()

    async def stop(self) -> None:
        """Close all voice servers."""
        for server in self.servers:
            await server.stop()

    async def _open_server(self) -> VoiceServer:
        server = VoiceServer(self)
        await server.start()
        self.servers.append(server)
        return server

    @property
    def server(self) -> VoiceServer:
        """The newest."""
        return self.servers[-1]

    def of(self, guild_id: int) -> Call | None:
        """The bot's call in a server."""
        return self._calls.get(guild_id)

    def heard(self, guild: Guild) -> Heard:
        """What came from the bot in a server so far."""
        return self._heard.setdefault(guild.id, Heard())

    def listeners(self, call: Call) -> list[User]:
        """The people in the bot's channel."""
        return call.channel.people(but=call.user_id)

    # -- what clients do -----------------------------------------------------------------------

    def join(self, user: User, channel: VoiceChannel) -> None:
        """A person enters a voice channel, from another one perhaps."""
        assert channel.guild is not None
        channel.guild.voices[user.id] = (user, channel)
        self._tell_state(channel.guild, user, channel, secrets.token_hex(16))
        call = self._calls.get(channel.guild.id)
        if call is not None and call.channel is channel:
            call.server.company(channel.guild.id)

    def leave(self, user: User, guild: Guild) -> None:
        """A person leaves."""
        guild.voices.pop(user.id, None)
        self._tell_state(guild, user, None, secrets.token_hex(16))

    def _forget(self, guilds: list[Guild]) -> None:
        """A voice state belongs to a gateway session: with a new one the bot is nowhere."""
        for guild in guilds:
            call = self._calls.pop(guild.id, None)
            if call is not None:
                guild.voices.pop(call.user_id, None)
                task = asyncio.create_task(call.server.drop(guild.id, Close.DISCONNECTED))
                self._hanging_up.add(task)
                task.add_done_callback(self._hanging_up.discard)

    async def _asked(self, data: Json) -> None:
        """Opcode 4 of the gateway: the bot wants to be somewhere, or nowhere."""
        guild = self.state.guilds[int(data["guild_id"])]
        bot = self.state.bot
        if data["channel_id"] is None:
            call = self._calls.pop(guild.id, None)
            if call is not None:
                call.server.forget(guild.id)
                self._leave_bot(guild, call)
            return
        self.joins += 1
        channel = self.state.channel(int(data["channel_id"]))
        if not isinstance(channel, VoiceChannel):
            self.state.fail(LoopbackFailure(f"#{channel.name} is no voice channel"))
            return
        if self.mute or not channel.bot_permissions.connect:
            return  # Discord does not answer
        call = self._calls.get(guild.id)
        if call is not None and call.channel is channel:
            self._tell_state(guild, bot, channel, call.session_id)
            if self.generous:
                self._tell_server(call)
            return
        call = self._calls[guild.id] = Call(guild, channel, bot.id, self.server)
        guild.voices[bot.id] = (bot, channel)
        self._tell_state(guild, bot, channel, call.session_id)
        self._tell_server(call)

    def _leave_bot(self, guild: Guild, call: Call) -> None:
        guild.voices.pop(call.user_id, None)
        self._tell_state(guild, self.state.bot, None, call.session_id)

    def _tell_state(
        self, guild: Guild, user: User, channel: VoiceChannel | None, session_id: str
    ) -> None:
        payload = guild.voice_payload(user, channel, session_id)
        self._gateway.dispatch("VOICE_STATE_UPDATE", payload, guild)
        self.state.pulse.beat()

    def _tell_server(self, call: Call) -> None:
        payload = {
            "token": call.token,
            "guild_id": str(call.guild.id),
            "endpoint": call.server.endpoint,
        }
        self._gateway.dispatch("VOICE_SERVER_UPDATE", payload, call.guild)

    # -- misfortunes ---------------------------------------------------------------------------

    async def drop(self, guild: Guild, code: int | None) -> None:
        """The voice server closes the bot's line with a code, or (None) it is cut."""
        call = self._calls[guild.id]
        await call.server.drop(guild.id, code)

    async def kick(self, guild: Guild, *, code: int | None = 4014) -> None:
        """A moderator disconnects the bot: its voice state says so, and often the line (4014)."""
        call = self._calls.pop(guild.id)
        self._leave_bot(guild, call)
        if code is not None:
            await call.server.drop(guild.id, code)

    async def move(self, guild: Guild, channel: VoiceChannel) -> None:
        """A moderator drags the bot into another channel; the same voice server serves it."""
        call = self._calls[guild.id]
        moved = self._calls[guild.id] = Call(guild, channel, call.user_id, call.server)
        guild.voices[call.user_id] = (self.state.bot, channel)
        call.server.forget(guild.id)
        self._tell_state(guild, self.state.bot, channel, moved.session_id)
        self._tell_server(moved)

    async def change_region(self, guild: Guild) -> VoiceServer:
        """Discord moves the call to another voice server."""
        call = self._calls[guild.id]
        old, call.server = call.server, await self._open_server()
        call.token = secrets.token_hex(8)
        old.forget(guild.id)
        self._tell_server(call)
        return call.server
