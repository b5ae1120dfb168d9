"""The gateway, version 10: HELLO, IDENTIFY, READY, heartbeats, RESUME, and all ways to lose it.

Opcodes and close codes are those of the API reference's "Opcodes and Status Codes". The voice
gateway is another server (`tests.support.loopback.voice`), which opcode 4 leads to.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from enum import IntEnum

from aiohttp import WSMsgType, web
from discord import Intents

from tests.support.loopback.errors import Json, LoopbackFailure
from tests.support.loopback.sessions import Line, Session
from tests.support.loopback.state import TOKEN, State
from tests.support.loopback.world import Guild

MODELLED = Intents(guilds=True, voice_states=True)
"""Other intents would bring events that the loopback does not send."""


class Op(IntEnum):
    """Gateway opcodes, but for DISPATCH (which belongs to sessions)."""

    HEARTBEAT = 1
    IDENTIFY = 2
    PRESENCE = 3
    VOICE_STATE = 4
    RESUME = 6
    RECONNECT = 7
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


class Close(IntEnum):
    """Close codes that Discord gives by itself; tests may give any."""

    UNKNOWN_OPCODE = 4001
    NOT_AUTHENTICATED = 4003
    AUTHENTICATION_FAILED = 4004
    ALREADY_AUTHENTICATED = 4005
    SESSION_TIMED_OUT = 4009
    INVALID_SHARD = 4010


_log = logging.getLogger(__name__)


class Gateway:
    """All sessions and lines of the one bot.

    Attributes:
        heartbeat_s: the interval that HELLO asks for.
        deaf: events and heartbeats are swallowed, as on a dead line that nobody closed.
        identified, resumed: how often each happened.
    """

    def __init__(self, state: State, shards: int) -> None:
        self._state, self._shards = state, shards
        self.heartbeat_s = 41.25
        self.deaf = False
        self.identified = 0
        self.resumed = 0
        self.presences: list[Json] = []
        self._lines: set[Line] = set()
        self._sessions: dict[str, Session] = {}
        self.on_identify: Callable[[], None] = lambda: None
        self.on_voice_state: Callable[[Json], Awaitable[None]] | None = None
        self.on_new_session: Callable[[list[Guild]], None] = lambda guilds: None

    @property
    def is_ready(self) -> bool:
        """All shards are on the line and know their servers."""
        live = {s.shard for s in self._sessions.values() if s.line is not None}
        return len(live) == self._shards

    def shard_of(self, guild: Guild | None) -> int:
        """Which shard hears of a server; direct messages go to shard 0."""
        return 0 if guild is None else (guild.id >> 22) % self._shards

    def dispatch(self, event: str, data: Json, guild: Guild | None) -> None:
        """Tell the bot. Without any session the event is lost, as it is at Discord."""
        if not self.deaf:
            for session in self._sessions.values():
                if session.shard == self.shard_of(guild):
                    session.dispatch(event, data)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One websocket from HELLO to its end."""
        wanted = dict(request.query)
        if (wanted.get("v"), wanted.get("encoding")) != ("10", "json"):
            self._state.fail(LoopbackFailure(f"gateway asked for with {wanted}"))
        if wanted.get("compress") not in {None, "zlib-stream"}:
            self._state.fail(LoopbackFailure(f"no compression {wanted['compress']!r} here"))
        socket = web.WebSocketResponse(max_msg_size=4096)
        await socket.prepare(request)
        line = Line(socket, request, compressed="compress" in wanted)
        self._lines.add(line)
        line.send({"op": Op.HELLO, "d": {"heartbeat_interval": int(self.heartbeat_s * 1000)}})
        watch = asyncio.create_task(self._watch(line))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    line.beat.set()
                    if not self.deaf:
                        await self._receive(line, json.loads(message.data))
        finally:
            watch.cancel()
            self._lines.discard(line)
            self._leave(line)
            await line.stop()
        return socket

    def _leave(self, line: Line) -> None:
        session = line.session
        if session is not None and session.line is line:
            session.line = None
            if line.socket.close_code in {1000, 1001}:  # the bot said goodbye: nothing to resume
                self._sessions.pop(session.id, None)
        self._state.pulse.beat()

    async def _watch(self, line: Line) -> None:
        """Hang up on a bot that says nothing at all, not even its heartbeat."""
        try:
            while True:
                line.beat.clear()
                async with asyncio.timeout(self.heartbeat_s * 1.5):
                    await line.beat.wait()
        except TimeoutError:
            _log.warning("no heartbeat within %.1f s: hanging up", self.heartbeat_s * 1.5)
            await line.socket.close(code=Close.SESSION_TIMED_OUT)

    async def _receive(self, line: Line, payload: Json) -> None:
        data = payload.get("d")
        match payload["op"]:
            case Op.HEARTBEAT:
                line.send({"op": Op.HEARTBEAT_ACK})
            case Op.IDENTIFY if data is not None:
                await self._identify(line, data)
            case Op.RESUME if data is not None:
                await self._resume(line, data)
            case _ if line.session is None:
                await line.socket.close(code=Close.NOT_AUTHENTICATED)
            case Op.PRESENCE if data is not None:
                self.presences.append(data)
            case Op.VOICE_STATE if data is not None and self.on_voice_state is not None:
                await self.on_voice_state(data)
            case op:
                self._state.fail(LoopbackFailure(f"the loopback models no gateway opcode {op}"))
                await line.socket.close(code=Close.UNKNOWN_OPCODE)

    async def _identify(self, line: Line, data: Json) -> None:
        shard, count = data.get("shard", [0, 1])
        if line.session is not None:
            await line.socket.close(code=Close.ALREADY_AUTHENTICATED)
        elif data["token"] != TOKEN:
            await line.socket.close(code=Close.AUTHENTICATION_FAILED)
        elif count != self._shards or not 0 <= shard < count:
            await line.socket.close(code=Close.INVALID_SHARD)
        else:
            self._welcome(line, shard, count, data["intents"])

    def _welcome(self, line: Line, shard: int, count: int, intents: int) -> None:
        if intents & ~MODELLED.value:
            surplus = Intents._from_value(intents & ~MODELLED.value)
            names = [name for name, wanted in surplus if wanted]
            self._state.fail(LoopbackFailure(f"the loopback models no intents {names}"))
        for old in [s for s in self._sessions.values() if s.shard == shard]:
            del self._sessions[old.id]
        self.identified += 1
        session = Session(shard, intents, line=line)
        self._sessions[session.id] = line.session = session
        guilds = [g for g in self._state.guilds.values() if self.shard_of(g) == shard]
        session.dispatch(
            "READY",
            {
                "v": 10,
                "user": self._state.bot.payload(),
                "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
                "session_id": session.id,
                "resume_gateway_url": self.url,
                "shard": [shard, count],
                "application": {"id": str(self._state.application_id), "flags": 0},
            },
        )
        self.on_new_session(guilds)
        for guild in guilds:
            session.dispatch("GUILD_CREATE", guild.payload())
        self.on_identify()
        self._state.pulse.beat()

    @property
    def url(self) -> str:
        """Where the gateway listens."""
        return self._state.base_url.replace("http", "ws", 1) + "/gateway"

    async def _resume(self, line: Line, data: Json) -> None:
        session = self._sessions.get(data["session_id"])
        if data["token"] != TOKEN:
            await line.socket.close(code=Close.AUTHENTICATION_FAILED)
        elif session is None:
            line.send({"op": Op.INVALID_SESSION, "d": False})
        else:
            self.resumed += 1
            line.session, session.line = session, line
            session.replay(data["seq"])
            session.dispatch("RESUMED", {})
            self._state.pulse.beat()

    async def drop(self, code: int | None) -> None:
        """Close all lines with a code, or (None) cut them without a word. Sessions stay."""
        for line in list(self._lines):
            if line.session is not None:
                line.session.line = None
            if code is None:
                line.cut()
            else:
                await line.socket.close(code=code)

    def ask_reconnect(self) -> None:
        """Send RECONNECT (7) to all lines, as Discord does when it takes a machine away."""
        for line in self._lines:
            line.send({"op": Op.RECONNECT, "d": None})

    def forget(self) -> None:
        """Invalidate all sessions; lines that are up are told so (9, not resumable)."""
        for line in self._lines:
            line.session = None
            line.send({"op": Op.INVALID_SESSION, "d": False})
        self._sessions.clear()
