"""One voice server: the voice gateway, version 8, and its UDP port.

Opcodes and close codes are those of the API reference's pages "Voice Connections" and "Opcodes and
Status Codes". There is no TLS on the loopback; `wiring` lets discord.py do without it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from tests.support.loopback.errors import Json, LoopbackFailure
from tests.support.loopback.voice import rtp
from tests.support.loopback.voice.dave import (
    COMMIT_WELCOME,
    EXTERNAL_SENDER,
    KEY_PACKAGE,
    VERSION,
    Conversation,
)
from tests.support.loopback.voice.mls import ExternalSender
from tests.support.loopback.voice.rtp import BadPacket, Packet
from tests.support.loopback.voice.udp import Port

if TYPE_CHECKING:
    from tests.support.loopback.voice.calls import Call, Calls


class Op(IntEnum):
    """Voice opcodes in JSON; those of DAVE that are binary stand in `dave`."""

    IDENTIFY = 0
    SELECT_PROTOCOL = 1
    READY = 2
    HEARTBEAT = 3
    SESSION_DESCRIPTION = 4
    SPEAKING = 5
    HEARTBEAT_ACK = 6
    RESUME = 7
    HELLO = 8
    RESUMED = 9
    CLIENTS_CONNECT = 11
    EXECUTE_TRANSITION = 22
    TRANSITION_READY = 23


class Close(IntEnum):
    """Close codes."""

    UNKNOWN_OPCODE = 4001
    NOT_AUTHENTICATED = 4003
    AUTHENTICATION_FAILED = 4004
    SESSION_INVALID = 4006
    SESSION_TIMED_OUT = 4009
    UNKNOWN_PROTOCOL = 4012
    DISCONNECTED = 4014
    SERVER_CRASHED = 4015
    UNKNOWN_MODE = 4016
    DAVE_REQUIRED = 4017


EARLY = 5
"""Packets that may overtake the SPEAKING before them: they come by UDP, it by TCP."""

RESUMABLE = {Close.SERVER_CRASHED, None}
"""After these (None: the line was cut) a session can go on."""


@dataclass(eq=False)
class VoiceSession:
    """A bot in a call: what survives a lost line."""

    call: Call
    ssrc: int
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    address: tuple[str, int] | None = None
    described: bool = False
    has_spoken: bool = False
    early: int = 0
    sender: ExternalSender = field(default_factory=ExternalSender)
    key_package: bytes | None = None
    group: Conversation | None = None
    log: list[tuple[int, str | bytes]] = field(default_factory=list)
    line: VoiceLine | None = None
    packets: list[Packet] = field(default_factory=list)
    transitions: int = 0

    def send(self, op: int, data: Json) -> None:
        """A message that counts: after a RESUME it comes again."""
        number = len(self.log) + 1
        self._keep(number, json.dumps({"op": op, "d": data, "seq": number}))

    def send_binary(self, op: int, body: bytes) -> None:
        """The same for the binary messages of DAVE."""
        number = len(self.log) + 1
        self._keep(number, struct.pack(">HB", number, op) + body)

    def _keep(self, number: int, frame: str | bytes) -> None:
        self.log.append((number, frame))
        if self.line is not None:
            self.line.write(frame)


class VoiceLine:
    """One websocket to a voice server."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket, self._request = socket, request
        self.session: VoiceSession | None = None
        self.beat = asyncio.Event()
        self._queue: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._writer = asyncio.create_task(self._write())

    def say(self, op: int, data: Json | int) -> None:
        """A message that does not count."""
        self.write(json.dumps({"op": op, "d": data}))

    def write(self, frame: str | bytes) -> None:
        """Queue a frame."""
        self._queue.put_nowait(frame)

    async def _write(self) -> None:
        while not self.socket.closed:
            frame = await self._queue.get()
            try:
                if isinstance(frame, str):
                    await self.socket.send_str(frame)
                else:
                    await self.socket.send_bytes(frame)
            except (ConnectionError, RuntimeError):
                return

    def cut(self) -> None:
        """As a pulled cable does."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def stop(self) -> None:
        """End the writer."""
        self._writer.cancel()
        await asyncio.gather(self._writer, return_exceptions=True)


class VoiceServer:
    """One machine of Discord's that voice goes through.

    Attributes:
        deaf: says and takes nothing more, as a machine that hangs; lines stay open.
        refuse: close codes for the next that identify.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.deaf = False
        self.refuse: list[int] = []
        self.identified = 0
        self.resumed = 0
        self.privacy_code: str | None = None
        self.stray = 0
        self._sessions: dict[int, VoiceSession] = {}
        self._lines: set[VoiceLine] = set()
        app = web.Application()
        app.router.add_get("/", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=1.0)

    async def start(self) -> None:
        """Open both ports."""
        self._port = Port(self._hear)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()

    async def stop(self) -> None:
        """Close both ports."""
        for line in list(self._lines):
            await line.socket.close(code=1001)
        await self._runner.cleanup()
        self._port.close()

    @property
    def endpoint(self) -> str:
        """What VOICE_SERVER_UPDATE names."""
        return f"127.0.0.1:{self._runner.addresses[0][1]}"

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        if request.query.get("v") != "8":
            self._fail(f"voice gateway asked for with {dict(request.query)}")
        socket = web.WebSocketResponse(max_msg_size=65536)
        await socket.prepare(request)
        line = VoiceLine(socket, request)
        self._lines.add(line)
        line.say(Op.HELLO, {"v": 8, "heartbeat_interval": int(self._calls.heartbeat_s * 1000)})
        watch = asyncio.create_task(self._watch(line))
        try:
            async for message in socket:
                line.beat.set()
                if self.deaf:
                    continue
                if message.type is WSMsgType.TEXT:
                    await self._receive(line, json.loads(message.data))
                elif message.type is WSMsgType.BINARY:
                    self._receive_binary(line, message.data)
        finally:
            watch.cancel()
            self._lines.discard(line)
            if line.session is not None and line.session.line is line:
                line.session.line = None
            await line.stop()
        return socket

    async def _watch(self, line: VoiceLine) -> None:
        try:
            while True:
                line.beat.clear()
                async with asyncio.timeout(self._calls.heartbeat_s * 1.5):
                    await line.beat.wait()
        except TimeoutError:
            if not self.deaf:
                await line.socket.close(code=Close.SESSION_TIMED_OUT)

    def _fail(self, why: str) -> None:
        self._calls.state.fail(LoopbackFailure(why))

    # -- the gateway ---------------------------------------------------------------------------

    async def _receive(self, line: VoiceLine, payload: Json) -> None:
        data = payload["d"]
        match payload["op"]:
            case Op.HEARTBEAT:
                self._check_heartbeat(line, data)
                line.say(Op.HEARTBEAT_ACK, {"t": data["t"]})
            case Op.IDENTIFY:
                await self._identify(line, data)
            case Op.RESUME:
                await self._resume(line, data)
            case _ if line.session is None:
                await line.socket.close(code=Close.NOT_AUTHENTICATED)
            case Op.SELECT_PROTOCOL:
                await self._select(line, line.session, data)
            case Op.SPEAKING:
                if data["ssrc"] != line.session.ssrc:
                    self._fail(f"speaks for {data['ssrc']}, not {line.session.ssrc}")
                line.session.has_spoken = True
            case Op.TRANSITION_READY:
                line.session.send(Op.EXECUTE_TRANSITION, {"transition_id": data["transition_id"]})
            case op:
                self._fail(f"the loopback models no voice opcode {op}: {data}")
                await line.socket.close(code=Close.UNKNOWN_OPCODE)

    def _check_heartbeat(self, line: VoiceLine, data: Json) -> None:
        sent = len(line.session.log) if line.session is not None else 0
        if not -1 <= data["seq_ack"] <= sent:
            self._fail(f"a heartbeat acknowledges {data['seq_ack']}, but {sent} were sent")

    async def _identify(self, line: VoiceLine, data: Json) -> None:
        if self.refuse:
            await line.socket.close(code=self.refuse.pop(0))
            return
        call = self._calls.of(int(data["server_id"]))
        if call is None or call.server is not self or call.token != data["token"]:
            await line.socket.close(code=Close.AUTHENTICATION_FAILED)
        elif call.session_id != data["session_id"] or call.user_id != int(data["user_id"]):
            await line.socket.close(code=Close.SESSION_INVALID)
        elif self._calls.dave and data.get("max_dave_protocol_version", 0) < VERSION:
            await line.socket.close(code=Close.DAVE_REQUIRED)
        else:
            self._welcome(line, call)

    def _welcome(self, line: VoiceLine, call: Call) -> None:
        self.forget(call.guild.id)
        session = VoiceSession(call, ssrc=secrets.randbelow(2**31) + 1, line=line)
        self._sessions[session.ssrc] = line.session = session
        self._calls.heard(call.guild).sessions.append(session.packets)
        self.identified += 1
        line.say(
            Op.READY,
            {
                "ssrc": session.ssrc,
                "ip": "127.0.0.1",
                "port": self._port.number,
                "modes": [*rtp.MODES],
                "experiments": [],
                "streams": [],
            },
        )

    async def _select(self, line: VoiceLine, session: VoiceSession, data: Json) -> None:
        chosen = data["data"]
        if data["protocol"] != "udp":
            await line.socket.close(code=Close.UNKNOWN_PROTOCOL)
        elif chosen["mode"] != rtp.MODE:
            await line.socket.close(code=Close.UNKNOWN_MODE)
        elif (chosen["address"], chosen["port"]) != session.address:
            self._fail(f"{chosen} is not the address that discovery found, {session.address}")
        else:
            self._describe(session)

    def _describe(self, session: VoiceSession) -> None:
        listeners = self._calls.listeners(session.call)
        session.described = True
        session.send(
            Op.SESSION_DESCRIPTION,
            {
                "mode": rtp.MODE,
                "secret_key": [*session.key],
                "audio_codec": "opus",
                "video_codec": "H264",
                "media_session_id": secrets.token_hex(16),
                "dave_protocol_version": VERSION if self._calls.dave else 0,
            },
        )
        session.send(Op.CLIENTS_CONNECT, {"user_ids": [str(user.id) for user in listeners]})
        if self._calls.dave:
            session.send_binary(EXTERNAL_SENDER, session.sender.package())

    def _receive_binary(self, line: VoiceLine, data: bytes) -> None:
        session = line.session
        if session is None:
            return
        if data[0] == KEY_PACKAGE:
            session.key_package = data[1:]
            self.introduce(session)
        elif data[0] == COMMIT_WELCOME and session.group is not None:
            session.transitions += 1
            session.send_binary(*session.group.committed(data[1:], session.transitions))
            self.privacy_code = session.group.privacy_code
        else:
            self._fail(f"the loopback models no binary voice opcode {data[0]} here")

    def company(self, guild_id: int) -> None:
        """Somebody came: a bot that was alone so far is introduced."""
        for session in self._sessions.values():
            if session.call.guild.id == guild_id and session.group is None:
                self.introduce(session)

    def introduce(self, session: VoiceSession) -> None:
        """Form the encrypted group, as soon as there are two and the bot has sent its key."""
        listeners = self._calls.listeners(session.call)
        if session.key_package is None or not listeners:
            return  # alone in a channel, a key package waits for company
        session.group = Conversation(
            session.sender,
            session.call.channel.id,
            listeners[0].id,
            session.call.user_id,
            listener_leads=self._calls.listener_leads,
        )
        session.transitions += 1
        answer = session.group.introduced(session.key_package, session.transitions)
        session.send_binary(*answer)
        self.privacy_code = session.group.privacy_code

    async def _resume(self, line: VoiceLine, data: Json) -> None:
        call = self._calls.of(int(data["server_id"]))
        found = [s for s in self._sessions.values() if s.call is call]
        if call is None or not found or data["session_id"] != call.session_id:
            await line.socket.close(code=Close.SESSION_INVALID)
            return
        if data["token"] != call.token:
            await line.socket.close(code=Close.AUTHENTICATION_FAILED)
            return
        session = line.session = found[0]
        session.line = line
        session.described = True
        self.resumed += 1
        line.say(Op.RESUMED, {})
        for number, frame in session.log:
            if number > data["seq_ack"]:
                line.write(frame)

    # -- UDP -----------------------------------------------------------------------------------

    def _hear(self, datagram: bytes, address: tuple[str, int], at: float) -> None:
        if self.deaf:
            return
        asker = rtp.asked_for(datagram)
        if asker is not None:
            if asker in self._sessions:
                self._sessions[asker].address = address
                self._port.send(rtp.discovered(asker, address), address)
            return
        try:
            session = self._sessions.get(rtp.ssrc_of(datagram))
            if session is None or session.address != address or not session.described:
                self.stray += 1  # a client that was not told yet that its session is over
                return
            if not session.has_spoken:
                session.early += 1
            if session.early > EARLY:
                self._fail("voice before the first SPEAKING: Discord would not pass it on")
            self._take(session, rtp.opened(datagram, session.key, at))
        except BadPacket as error:
            self._fail(str(error))

    def _take(self, session: VoiceSession, packet: Packet) -> None:
        heard = self._calls.heard(session.call.guild)
        if session.group is not None and session.group.privacy_code is not None:
            opened = session.group.hear(packet.frame)
            heard.sealed += opened != packet.frame
            packet = Packet(
                packet.sequence, packet.timestamp, packet.ssrc, opened, packet.nonce, packet.at
            )
        session.packets.append(packet)
        heard.pulse.beat()

    # -- misfortunes ---------------------------------------------------------------------------

    async def drop(self, guild_id: int, code: int | None) -> None:
        """Close the bot's line with a code, or (None) cut it."""
        for line in list(self._lines):
            session = line.session
            if session is None or session.call.guild.id != guild_id:
                continue
            if code not in RESUMABLE:
                self.forget(guild_id)
            if code == Close.SERVER_CRASHED:
                session.described = False  # until it resumes, what is sent goes nowhere
            if code is None:
                line.cut()
            else:
                await line.socket.close(code=code)

    def forget(self, guild_id: int) -> None:
        """End the sessions of a server."""
        for session in list(self._sessions.values()):
            if session.call.guild.id == guild_id:
                del self._sessions[session.ssrc]
