"""`VoiceConnection` against a loopback voice server: what it plays, how it survives losses."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise

import discord
import pytest

from riffbot.errors import VoiceError
from riffbot.jam.ring import SILENCE, PacketRing
from riffbot.voice import messages
from riffbot.voice.client import JamVoiceClient
from riffbot.voice.connection import ConnectionState, EndReason, ReconnectPolicy, VoiceConnection
from tests.support.loopback import LoopbackDiscord, VoiceChannel
from tests.support.loopback.toybot import ToyBot
from tests.support.loopback.voice.heard import Heard
from tests.support.patience import patience
from tests.system.loopback.test_voice import chirp, packed

QUICK = ReconnectPolicy(retry_delays_s=(0.1, 0.2, 0.3), connect_timeout_s=5.0, closed_limit_s=0.5)
IMPATIENT = replace(QUICK, message_age_limit_s=1.0)
"""On a busy machine a healthy server may be silent for as long, too."""

TAPE = packed(chirp(10.0))
"""Packets of which no two are alike."""


@dataclass
class Playback:
    """A connection that plays packets which never repeat."""

    there: LoopbackDiscord
    bot: ToyBot
    room: VoiceChannel
    connection: VoiceConnection
    ring: PacketRing
    sent: list[bytes]
    ends: list[EndReason] = field(default_factory=list)

    @property
    def heard(self) -> Heard:
        assert self.room.guild is not None
        return self.there.voice.heard(self.room.guild)

    async def until(self, look: Callable[[], object], *, timeout_s: float = 15.0) -> None:
        async with patience(timeout_s):
            while not look():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def lost_and_found(self, times: int = 1) -> None:
        """Wait until the connection is back, and has played on for a while."""
        await self.until(lambda: self.connection.reconnects >= times)
        await self.heard.until(len(self.heard.music) + 25)

    def check_place(self, *, missing: int = 0, whole: bool = True) -> None:
        """What was heard is the jam in order, without a repetition; at most `missing` got lost.

        `whole`: and no session has a hole in it.
        """
        music = self.heard.music
        where = [self.sent.index(packet) for packet in music]
        assert where == sorted(set(where))
        lost = where[-1] + 1 - len(where)
        print(f"{len(music)} packets in {len(self.heard.sessions)} sessions, {lost} lost")
        assert lost <= missing
        assert not whole or self.heard.faults() == []
        assert self.heard.sealed == len(music)  # end to end, from the first packet on


@asynccontextmanager
async def playing(
    *,
    seconds: float = 10.0,
    policy: ReconnectPolicy = QUICK,
    listener: bool = True,
    opened: bool = True,
) -> AsyncIterator[Playback]:
    sent = TAPE[: int(seconds * 50)]
    ring = PacketRing(len(sent) + 1)
    for position, packet in enumerate(sent):
        ring.put(packet, position)
    async with LoopbackDiscord() as there:
        there.voice.heartbeat_s = 0.25
        band = there.add_guild("Band")
        room = there.add_voice_channel(band)
        if listener:
            there.member("ann").join(room)
        async with there.running(ToyBot()) as bot:
            channel = bot.get_channel(room.id)
            assert isinstance(channel, discord.VoiceChannel)
            connection = VoiceConnection(channel, ring, policy)
            playback = Playback(there, bot, room, connection, ring, sent)
            connection.on_end = playback.ends.append
            if opened:
                await connection.open()
                await playback.heard.until(25)
            yield playback
            await connection.leave()


class Clock:
    """The clock of discord.py's player: it goes on only while the player sleeps, so what the
    player does is the same on every machine.

    Args:
        packets: of music; then the player sleeps until `released`.

    Attributes:
        sent: when each of them was.
    """

    def __init__(self, packets: int) -> None:
        self.now = 1000.0
        self.sent: list[float] = []
        self.released = threading.Event()
        self._packets = packets
        self._stall_s = 0.0

    def perf_counter(self) -> float:
        return self.now

    def stall(self, seconds: float) -> None:
        """The next sleep lasts so much longer."""
        self._stall_s = seconds

    def sleep(self, seconds: float) -> None:
        self.now += seconds + self._stall_s
        self._stall_s = 0.0
        if len(self.sent) >= self._packets:
            assert self.released.wait(30)
        time.sleep(0.002)  # others want to hear it

    def gaps_ms(self) -> list[int]:
        """Without the first: discord.py waits for two frames after it has begun."""
        return [round((other - one) * 1000) for one, other in pairwise(self.sent[1:])]


@asynccontextmanager
async def timed(
    monkeypatch: pytest.MonkeyPatch, packets: int, *, on_sent: Callable[[Clock], None]
) -> AsyncIterator[tuple[Playback, Clock]]:
    """A connection whose player plays so many packets by a clock of its own, and then ends.

    What is inside is done before it begins; afterwards all was heard.
    """
    clock, send = Clock(packets), JamVoiceClient.send_audio_packet

    def sent(self: JamVoiceClient, data: bytes, *, encode: bool = True) -> None:
        if data != SILENCE:
            clock.sent.append(clock.now)
            on_sent(clock)
        send(self, data, encode=encode)

    monkeypatch.setattr(JamVoiceClient, "send_audio_packet", sent)
    monkeypatch.setattr("discord.player.time", clock)
    monkeypatch.setattr("riffbot.voice.source.time", clock)
    async with playing(opened=False) as playback:
        try:
            yield playback, clock
            await playback.connection.open()
            await playback.heard.until(packets)
            playback.ring.close()
        finally:
            clock.released.set()
        await playback.until(lambda: playback.ends)
        playback.check_place()


async def test_a_jam_is_heard_to_its_end() -> None:
    async with playing(seconds=2.0) as playback:
        playback.ring.close()  # what is ready is dropped: that is how a jam is stopped
        await playback.until(lambda: playback.ends)
        assert playback.ends == [EndReason.FINISHED]
        assert playback.connection.state is ConnectionState.ENDED
        assert playback.room.guild is not None
        await playback.until(lambda: len(playback.room.people(but=0)) == 1)  # the listener
        playback.check_place()


async def test_twenty_milliseconds_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    async with timed(monkeypatch, 150, on_sent=lambda _: None) as (_, clock):
        pass
    assert clock.gaps_ms() == [20] * 148


async def test_over_a_whole_run_the_real_clock_is_kept_to_a_packet() -> None:
    """A busy machine makes packets late, but the player counts from its start: the least late of
    the last second is as late as the least late of the first."""
    async with playing(seconds=6.0) as playback:
        await playback.heard.until(200)
        assert playback.connection.source is not None
        stalls = playback.connection.source.stalls
    (packets,) = playback.heard.sessions
    music = [packet for packet in packets if packet.frame != SILENCE]
    # Without the first, after which discord.py waits for two frames.
    late = [packet.at - 0.02 * number for number, packet in enumerate(music[1:])]
    drift = min(late[-50:]) - min(late[:50])
    print(f"{len(music)} packets, {1000 * drift:.2f} ms off, {stalls} stalls")
    playback.check_place()
    assert drift > -0.02, "a packet too many"
    assert stalls > 0 or drift < 0.02, "a packet too few"  # after a stall it counts from then on


@pytest.mark.parametrize(
    "code", [4006, 4009, 4015, None, 1001], ids=["4006", "4009", "4015", "cut", "1001"]
)
async def test_a_lost_connection_is_found_again(code: int | None) -> None:
    async with playing() as playback:
        band = playback.room.guild
        assert band is not None
        at = time.perf_counter()
        await playback.there.voice.drop(band, code)
        await playback.lost_and_found()
        print(f"{code}: playing again after {time.perf_counter() - at - 0.5:.2f} s")
        assert playback.connection.state is ConnectionState.CONNECTED
        assert playback.connection.notice == ""
        assert playback.ends == []
    # a packet on its way when the line broke may be lost, the jam's place is not
    playback.check_place(missing=5)


async def test_a_crash_is_survived_whatever_discord_answers() -> None:
    async with playing() as playback:
        playback.there.voice.generous = True  # discord.py's resume gets a server update, too
        assert playback.room.guild is not None
        await playback.there.voice.drop(playback.room.guild, 4015)
        await playback.heard.until(len(playback.heard.music) + 50)
        assert playback.connection.state is ConnectionState.CONNECTED
    playback.check_place(missing=5)


async def test_a_new_gateway_session_ends_the_call_and_another_begins() -> None:
    async with playing() as playback:
        before = playback.connection.channel
        playback.there.invalidate_sessions()
        # discord.py waits five seconds, and makes all its servers and channels anew
        await playback.there.until(
            lambda: playback.there.gateway.identified == 2, what="an identify"
        )
        await playback.lost_and_found()
        assert playback.connection.channel is not before
        assert playback.connection.channel is playback.bot.get_channel(playback.room.id)
    playback.check_place(missing=5)


async def test_a_server_that_hangs_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    notices: list[str] = []

    def reconnecting(why: str, attempt: int, attempts: int) -> str:
        notices.append(original(why, attempt, attempts))
        return notices[-1]

    original = messages.reconnecting
    monkeypatch.setattr(messages, "reconnecting", reconnecting)
    async with playing(policy=IMPATIENT) as playback:
        playback.there.voice.server.deaf = True
        await playback.until(lambda: notices)
        assert notices[0] == (
            "Discord's voice server stopped answering. I hold the beat and come back: attempt 1 "
            "of 3."
        )
        playback.there.voice.server.deaf = False
        await playback.lost_and_found()
    # What was sent to a server that no longer listens is gone, until that was noticed; a busy
    # machine takes a healthy server for one.
    losses = playback.connection.reconnects
    missing = losses * (round(IMPATIENT.message_age_limit_s * 50) + 25)
    playback.check_place(missing=missing, whole=False)


async def test_a_region_change_loses_next_to_nothing() -> None:
    async with playing() as playback:
        band = playback.room.guild
        assert band is not None
        await playback.there.voice.change_region(band)
        await playback.until(
            lambda: len(playback.heard.sessions) == 2 and playback.heard.sessions[1]
        )
        await playback.heard.until(len(playback.heard.music) + 25)
        assert playback.connection.reconnects == 0
    playback.check_place(missing=5)


async def test_it_follows_when_it_is_dragged_elsewhere() -> None:
    async with playing() as playback:
        band = playback.room.guild
        assert band is not None
        other = playback.there.add_voice_channel(band, "Lounge")
        playback.there.member("bob").join(other)
        await asyncio.sleep(0.1)
        await playback.there.voice.move(band, other)
        await playback.until(
            lambda: len(playback.heard.sessions) == 2 and playback.heard.sessions[1]
        )
        await playback.heard.until(len(playback.heard.music) + 25)
        await playback.until(lambda: playback.connection.channel.id == other.id)
    playback.check_place(missing=5)


@pytest.mark.parametrize("code", [4014, None], ids=["4014", "no close"])
async def test_whoever_is_shown_the_door_stays_outside(code: int | None) -> None:
    async with playing() as playback:
        band = playback.room.guild
        assert band is not None
        await playback.there.voice.kick(band, code=code)
        await playback.until(lambda: playback.ends)
        assert playback.ends == [EndReason.REMOVED]
        assert "took me out" in playback.connection.notice
        joins = playback.there.voice.joins
        await asyncio.sleep(0.5)
        assert playback.there.voice.joins == joins
        assert playback.ring.stats().ready > 0  # and the jam stands where it was
    playback.check_place(missing=5)


async def test_4014_without_a_word_is_tried_again() -> None:
    async with playing() as playback:
        band = playback.room.guild
        assert band is not None
        await playback.there.voice.drop(band, 4014)
        await playback.lost_and_found()
    playback.check_place(missing=5)


async def test_4017_is_an_install_fault_and_not_tried_again() -> None:
    async with playing() as playback:
        band = playback.room.guild
        assert band is not None
        joins = playback.there.voice.joins
        await playback.there.voice.drop(band, 4017)
        await playback.until(lambda: playback.ends)
        assert playback.ends == [EndReason.FAILED]
        assert "davey" in playback.connection.notice
        assert "/jam resume" in playback.connection.notice
        assert playback.there.voice.joins == joins


async def test_4017_at_the_door() -> None:
    async with playing(opened=False) as playback:
        playback.there.voice.server.refuse = [4017]
        with pytest.raises(VoiceError, match="davey"):
            await playback.connection.open()
        assert playback.connection.channel.guild.voice_client is None


async def test_attempts_are_counted_and_given_up_in_words() -> None:
    async with playing() as playback:
        band = playback.room.guild
        assert band is not None
        joins = playback.there.voice.joins
        playback.there.voice.server.refuse = [4006] * 20
        await playback.there.voice.drop(band, 4006)
        await playback.until(lambda: playback.ends)
        assert playback.ends == [EndReason.FAILED]
        assert playback.there.voice.joins == joins + len(QUICK.retry_delays_s)
        assert playback.connection.notice == (
            "Discord ended the voice session (4006), and 3 attempts to come back failed. The jam "
            "is kept: `/jam resume` goes on from the same place."
        )
        assert playback.connection.channel.guild.voice_client is None


async def test_a_flapping_line_is_given_up_too() -> None:
    async with playing() as playback:
        band = playback.room.guild
        assert band is not None
        for times in range(1, len(QUICK.retry_delays_s) + 1):
            await playback.there.voice.drop(band, 4006)
            await playback.lost_and_found(times)  # or there is no line yet to drop
        await playback.there.voice.drop(band, 4006)
        await playback.until(lambda: playback.ends)
        assert playback.ends == [EndReason.FAILED]


async def test_nobody_answers_at_the_door() -> None:
    async with playing(opened=False, policy=replace(QUICK, connect_timeout_s=0.5)) as playback:
        playback.there.voice.mute = True
        with pytest.raises(VoiceError, match="did not answer"):
            await playback.connection.open()
        assert playback.connection.channel.guild.voice_client is None
        playback.there.voice.mute = False


async def test_leaving_in_the_middle_of_an_attempt_leaves_nothing_behind() -> None:
    async with playing() as playback:
        band = playback.room.guild
        assert band is not None
        server = playback.there.voice.server
        identified, server.deaf = server.identified, True  # it joins, and waits for an answer
        await playback.there.voice.drop(band, 4006)
        await playback.until(lambda: len(playback.room.people(but=0)) == 1)
        await playback.until(lambda: len(playback.room.people(but=0)) == 2)
        await asyncio.sleep(0.1)
        assert playback.connection.state is ConnectionState.RECONNECTING
        assert server.identified == identified
        await playback.connection.leave()
        assert playback.connection.channel.guild.voice_client is None
        await playback.until(lambda: len(playback.room.people(but=0)) == 1)  # the listener
        assert playback.ends == []


async def test_a_connection_that_breaks_inside_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async with playing() as playback:

        async def broken(*_: object, **__: object) -> None:
            raise RuntimeError("nobody thought of this")

        monkeypatch.setattr(discord.VoiceChannel, "connect", broken)
        assert playback.room.guild is not None
        await playback.there.voice.drop(playback.room.guild, 4006)
        await playback.until(lambda: playback.ends)
        assert playback.ends == [EndReason.FAILED]
        assert "/jam resume" in playback.connection.notice
        assert playback.ring.stats().ready > 0


async def test_leaving_is_quiet() -> None:
    async with playing() as playback:
        await playback.connection.leave()
        await playback.connection.leave()
        assert playback.connection.end_reason is EndReason.LEFT
        assert playback.ends == []
        assert playback.connection.channel.guild.voice_client is None
        assert playback.ring.stats().ready > 0


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        # discord.py waits for two frames when it begins anew
        pytest.param(False, [620, 40], id="asleep"),
        # what was being read goes out, then the stall is noticed
        pytest.param(True, [620, 0, 40], id="reading"),
    ],
)
async def test_after_a_stall_there_is_no_burst(
    monkeypatch: pytest.MonkeyPatch, reading: bool, expected: list[int]
) -> None:
    """A stall of 30 packets: sent at once, most of them would be lost on a listener."""

    def stall(clock: Clock) -> None:
        if len(clock.sent) == 40 and not reading:
            clock.stall(0.6)

    async with timed(monkeypatch, 100, on_sent=stall) as (playback, clock):
        read = playback.ring.read

        def read_late() -> bytes:
            if len(clock.sent) == 40 and reading:
                clock.now += 0.6
            return read()

        monkeypatch.setattr(playback.ring, "read", read_late)
    assert playback.connection.source is not None
    assert playback.connection.source.stalls == 1
    assert clock.gaps_ms() == [20] * 38 + expected + [20] * (60 - len(expected))
