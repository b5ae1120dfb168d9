"""The loopback's voice servers, as discord.py's own VoiceClient sees them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import av
import discord
import numpy as np
import pytest
from av.audio.frame import AudioFrame

from tests.support.loopback import Guild, LoopbackDiscord, LoopbackFailure, VoiceChannel
from tests.support.loopback.toybot import ToyBot
from tests.support.loopback.voice.heard import SAMPLES, decode, spacing_line
from tests.support.loopback.voice.rtp import BadPacket, opened, ssrc_of
from tests.support.loopback.voice.server import EARLY


def chirp(seconds: float) -> np.ndarray:
    """float32[n, 2] that never repeats, 48 kHz."""
    n = int(seconds * 50) * SAMPLES
    time = np.arange(n) / 48_000
    left = 0.4 * np.sin(2 * np.pi * (200 + 150 * time) * time)
    return np.stack([left, 0.7 * left], axis=1).astype(np.float32)


def packed(sound: np.ndarray) -> list[bytes]:
    """Opus packets of 20 ms."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "stereo", "flt"
    encoder.bit_rate = 96_000
    packets = []
    for begin in range(0, len(sound), SAMPLES):
        frame = AudioFrame.from_ndarray(
            np.ascontiguousarray(sound[begin : begin + SAMPLES]).reshape(1, -1), "flt", "stereo"
        )
        frame.sample_rate = 48_000
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets


class Tape(discord.AudioSource):
    """Plays packets that are ready."""

    def __init__(self, packets: list[bytes]) -> None:
        self._packets = iter(packets)

    def read(self) -> bytes:
        return next(self._packets, b"")

    def is_opus(self) -> bool:
        return True


@pytest.fixture
async def there() -> AsyncIterator[LoopbackDiscord]:
    async with LoopbackDiscord() as place:
        place.add_guild("Band")
        yield place


@pytest.fixture
def band(there: LoopbackDiscord) -> Guild:
    return next(iter(there.state.guilds.values()))


@pytest.fixture
def room(there: LoopbackDiscord, band: Guild) -> VoiceChannel:
    return there.add_voice_channel(band)


async def enter(bot: ToyBot, room: VoiceChannel, **options: bool) -> discord.VoiceClient:
    channel = bot.get_channel(room.id)
    assert isinstance(channel, discord.VoiceChannel)
    return await channel.connect(timeout=10, **options)


@pytest.mark.parametrize("listener_leads", [False, True], ids=["bot leads", "bot is welcomed"])
async def test_sound_arrives_end_to_end_encrypted(
    there: LoopbackDiscord, band: Guild, room: VoiceChannel, listener_leads: bool
) -> None:
    there.voice.listener_leads = listener_leads
    there.member("ann").join(room)
    sound = chirp(1.0)
    sent = packed(sound)
    async with there.running(ToyBot()) as bot:
        client = await enter(bot, room)
        await asyncio.sleep(0.2)  # the group forms; Discord passes plain frames on until then
        client.play(Tape(sent))
        heard = there.voice.heard(band)
        await heard.until(len(sent))
        assert client.voice_privacy_code == there.voice.server.privacy_code is not None
        await client.disconnect()
    assert heard.music == sent
    assert heard.sealed == len(sent)
    assert heard.faults() == []
    print(spacing_line(heard.spacing_ms()))
    back = decode(heard.music)
    assert back.shape == sound.shape
    # Opus looks ahead by 312 samples; apart from that the tone is the tone
    assert np.corrcoef(back[312:, 0], sound[:-312, 0])[0, 1] > 0.99


async def test_alone_in_a_channel_it_plays_plain_frames(
    there: LoopbackDiscord, band: Guild, room: VoiceChannel
) -> None:
    sent = packed(chirp(0.2))
    async with there.running(ToyBot()) as bot:
        client = await enter(bot, room)
        client.play(Tape(sent))
        await there.voice.heard(band).until(len(sent))
        await client.disconnect()
    assert there.voice.heard(band).music == sent
    assert there.voice.heard(band).sealed == 0


async def test_whoever_comes_later_hears_it_encrypted(
    there: LoopbackDiscord, band: Guild, room: VoiceChannel
) -> None:
    sent = packed(chirp(1.0))
    heard = there.voice.heard(band)
    async with there.running(ToyBot()) as bot:
        client = await enter(bot, room)
        client.play(Tape(sent))
        await heard.until(10)
        assert heard.sealed == 0
        there.member("ann").join(room)
        await heard.until(len(sent))
        await client.disconnect()
    assert heard.music == sent
    assert 0 < heard.sealed < len(sent)
    assert heard.faults() == []


async def test_a_client_without_dave_is_sent_away_with_4017(
    there: LoopbackDiscord, room: VoiceChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("discord.voice_state.has_dave", False)
    async with there.running(ToyBot()) as bot:
        with pytest.raises(discord.ConnectionClosed) as refused:
            await enter(bot, room, reconnect=False)
    assert refused.value.code == 4017


async def test_without_the_permission_nobody_answers(
    there: LoopbackDiscord, room: VoiceChannel
) -> None:
    room.denied.update(connect=True)
    async with there.running(ToyBot()) as bot:
        channel = bot.get_channel(room.id)
        assert isinstance(channel, discord.VoiceChannel)
        with pytest.raises(TimeoutError):
            await channel.connect(timeout=0.5, reconnect=False)


async def test_the_bot_sees_who_is_there(there: LoopbackDiscord, room: VoiceChannel) -> None:
    ann, bob = there.member("ann"), there.member("bob")
    ann.join(room)
    async with there.running(ToyBot()) as bot:
        channel = bot.get_channel(room.id)
        assert isinstance(channel, discord.VoiceChannel)
        assert [member.name for member in channel.members] == ["ann"]
        bob.join(room)
        ann.leave()
        async with asyncio.timeout(5):
            while [member.name for member in channel.members] != ["bob"]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_a_region_change_is_followed_by_the_library(
    there: LoopbackDiscord, band: Guild, room: VoiceChannel
) -> None:
    sent = packed(chirp(2.0))
    async with there.running(ToyBot()) as bot:
        client = await enter(bot, room)
        client.play(Tape(sent))
        heard = there.voice.heard(band)
        await heard.until(10)
        await there.voice.change_region(band)
        await heard.until(60)
        await client.disconnect()
    assert len(heard.sessions) == 2
    assert all(heard.sessions)


async def test_a_packet_that_was_tampered_with_does_not_open(
    there: LoopbackDiscord, band: Guild, room: VoiceChannel
) -> None:
    caught: list[bytes] = []
    async with there.running(ToyBot()) as bot:
        client = await enter(bot, room)
        key = bytes(client.secret_key)
        client._connection.send_packet = caught.append  # type: ignore[method-assign]
        client.send_audio_packet(b"\xfc\x01\x02", encode=False)
        await client.disconnect()
    (datagram,) = caught
    datagram = bytes(datagram)
    assert opened(datagram, key, 0.0).frame == b"\xfc\x01\x02"
    changed = bytearray(datagram)
    changed[3] ^= 1  # the sequence number is in the clear, but authenticated
    with pytest.raises(BadPacket):
        opened(bytes(changed), key, 0.0)
    with pytest.raises(BadPacket):
        ssrc_of(b"hello")


async def test_gaps_are_seen(there: LoopbackDiscord, band: Guild, room: VoiceChannel) -> None:
    sent = packed(chirp(0.4))
    async with there.running(ToyBot()) as bot:
        client = await enter(bot, room)
        for number, packet in enumerate(sent):
            if number == 7:
                client.checked_add("sequence", 1, 65535)  # one is lost on the way
            client.send_audio_packet(packet, encode=False)
        await there.voice.heard(band).until(len(sent))
        await client.disconnect()
    assert len(there.voice.heard(band).faults()) == 2


async def test_voice_before_speaking_fails_the_test() -> None:
    with pytest.raises(LoopbackFailure, match="SPEAKING"):
        await talk_out_of_turn()


async def talk_out_of_turn() -> None:
    async with LoopbackDiscord() as there:
        room = there.add_voice_channel(there.add_guild())
        async with there.running(ToyBot()) as bot:
            client = await enter(bot, room)
            for session in there.voice.server._sessions.values():
                session.has_spoken = False
            for _ in range(EARLY + 1):
                client.send_audio_packet(b"\xfc\x01\x02", encode=False)
            await there.until(lambda: None, timeout_s=2, what="the failure")
