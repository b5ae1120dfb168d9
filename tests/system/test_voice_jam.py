"""The real RiffBot jams in a real voice connection: what is heard is what was made."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cogs.jam import _channel_status, _controller, _output, _presenter
from cogs.jam._controller import JamController
from riffbot.jam.opus import OpusEncoder
from riffbot.jam.session import JamSession
from riffbot.locations import ROOT
from riffbot.voice.connection import ConnectionState, ReconnectPolicy
from tests.support.loopback import LoopbackDiscord, Member, Message, VoiceChannel
from tests.support.loopback.real import on_stage
from tests.support.loopback.voice.heard import SAMPLES, Heard, decode, spacing_line
from tests.support.patience import patience, starved, starved_s

LOOK_AHEAD = 312
"""Samples that an Opus encoder looks ahead at 48 kHz: what is heard comes so much later."""

BLOCK = 7680
"""Samples that the jam makes at a time."""

BITRATE = 64_000

QUICK = ReconnectPolicy(retry_delays_s=(0.2, 0.2, 0.2), closed_limit_s=0.5)


@dataclass
class Recording:
    """What the jam rendered, as it went into the packets."""

    begins: int | None = None
    blocks: list[np.ndarray] = field(default_factory=list)

    def __call__(self, position: int, samples: np.ndarray) -> None:
        if self.begins is None:
            self.begins = position
        self.blocks.append(samples.copy())

    @property
    def samples(self) -> np.ndarray:
        return np.concatenate(self.blocks)


@dataclass
class Evening:
    """A server, its voice channel, two members, and RiffBot."""

    there: LoopbackDiscord
    bot: Any  # RiffBot, once it plays
    room: VoiceChannel
    ann: Member
    ben: Member
    recordings: list[Recording]

    @property
    def heard(self) -> Heard:
        assert self.room.guild is not None
        return self.there.voice.heard(self.room.guild)

    @property
    def lost(self) -> int:
        """Packets that were on their way when the voice server forgot a session; it drops them."""
        return self.there.voice.server.stray

    @property
    def controller(self) -> JamController:
        (controller,) = self.bot.jam_controllers.values()
        assert isinstance(controller, JamController)
        return controller

    @property
    def panel(self) -> Message:
        found = [
            m for m in self.ann.channel.messages if m.id == self.controller.panel.target.message_id
        ]
        return found[0]

    async def until(self, look: Callable[[], object], *, timeout_s: float = 30.0) -> None:
        async with patience(timeout_s):
            while not look():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def start(self, **options: object) -> Message:
        """Ann starts a jam; returns its panel once it plays."""
        shown = await self.ann.slash("jam start", **options)
        return await shown.until(lambda message: message.buttons(), timeout_s=60)


@asynccontextmanager
async def venue(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Evening]:
    """Everything but RiffBot."""
    recordings: list[Recording] = []
    original = JamSession.start

    async def start(self: JamSession) -> None:
        recordings.append(Recording())
        self.reader.add_block_callback(recordings[-1])
        await original(self)

    monkeypatch.setattr(JamSession, "start", start)
    monkeypatch.setattr(_presenter, "EDIT_INTERVAL_S", 0.3)
    monkeypatch.setattr(_output, "RECONNECT_POLICY", QUICK)
    async with LoopbackDiscord() as there:
        there.voice.heartbeat_s = 0.25
        band = there.add_guild("Band")
        room = there.add_voice_channel(band, bitrate=BITRATE)
        ann, ben = there.member("ann"), there.member("ben")
        ann.join(room)
        ben.join(room)
        yield Evening(there, None, room, ann, ben, recordings)


@asynccontextmanager
async def playing_at(night: Evening, folder: Path, **changes: Any) -> AsyncIterator[Evening]:
    """RiffBot is there; a second time restarts it."""
    # The bot's own two seconds between ticks spare Discord; a test need not wait for them.
    options = {"seed_images": ROOT / "seed_images", "tick_s": 0.2, **changes}
    async with on_stage(night.there, folder, **options) as stage:
        night.bot = stage.bot
        yield night


@asynccontextmanager
async def evening(
    folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any
) -> AsyncIterator[Evening]:
    async with venue(monkeypatch) as night, playing_at(night, folder, **changes):
        yield night


def position_of(frames: list[bytes], made: list[bytes], *, at: int, lost: int) -> int:
    """Where these packets stand among those made: at `at`, or up to `lost` packets later."""
    for position in range(at, at + lost + 1):
        if made[position : position + len(frames)] == frames:
            return position
    wanted = made[at : at + len(frames)]
    strange = [
        n for n, (one, other) in enumerate(zip(frames, wanted, strict=False)) if one != other
    ]
    raise AssertionError(
        f"packets {strange[:5]} … after {at} are others, {len(strange)} of {len(frames)}"
    )


def check_sound(heard: Heard, recording: Recording, *, least: float = 0.9, lost: int = 0) -> None:
    """What a listener decodes is what the jam rendered; prints how like.

    Args:
        least: of the correlation.
        lost: packets that may be missing where one session ends and the next begins.
    """
    # Packet for packet what an encoder makes of the recording, so nothing was lost or swapped …
    made = OpusEncoder(BITRATE).encode(recording.samples)
    music: list[bytes] = []
    rendered: list[np.ndarray] = []
    position = 0
    for session in heard.music_by_session:
        begins = position_of(session, made, at=position, lost=lost if music else 0)
        position = begins + len(session)
        music += session
        rendered.append(recording.samples[begins * SAMPLES : position * SAMPLES])
    # … and its sound is the recording's, in time.
    back = decode(music)
    side = np.mean((back[:, 0] - back[:, 1]) ** 2) / np.mean(back**2)
    assert side < 0.01, f"the jam is mono and should be in the middle: {side:.4f} is beside it"
    wanted = np.concatenate(rendered)
    back = back[LOOK_AHEAD : len(wanted), 0]
    wanted = wanted[: len(back)]
    likeness = float(np.corrcoef(back, wanted)[0, 1])
    noise = 10 * np.log10(np.mean(wanted**2) / np.mean((back - wanted) ** 2))
    shifted = [float(np.corrcoef(back[d:], wanted[: len(wanted) - d])[0, 1]) for d in (480, 960)]
    print(
        f"{len(music) / 50:.1f} s heard: correlation {likeness:.4f} with what was rendered, "
        f"{noise:.1f} dB above the codec's noise; shifted by 10 and 20 ms {shifted}"
    )
    assert likeness > least
    assert max(shifted) < likeness


async def test_a_jam_is_heard_as_it_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with evening(tmp_path, monkeypatch) as night:
        panel = await night.start(prompt="funky sax")
        assert "funky sax" in panel.text
        await night.heard.until(200)
        gaps = night.heard.spacing_ms()
        await night.ann.slash("jam stop")
        await night.until(lambda: not panel.buttons())
    print(spacing_line(gaps))
    assert night.heard.faults() == []
    assert night.heard.sealed == len(night.heard.music)
    check_sound(night.heard, night.recordings[0])


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_minute_of_the_embedded_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with evening(tmp_path, monkeypatch, model=str(ROOT / "models" / "riffbot-mini")) as night:
        await night.start(prompt="funky sax")
        await night.heard.until(1500, timeout_s=120)
        await night.ben.slash("jam prompt", prompt="church bells")
        await night.heard.until(3000, timeout_s=120)
        status = night.controller.session.status()
        gaps = night.heard.spacing_ms()
        await night.ann.slash("jam stop")
    print(spacing_line(gaps), f"{status.underruns} underruns, {status.late_chunks} late chunks")
    assert night.heard.faults() == []
    assert night.heard.sealed == len(night.heard.music)
    check_sound(night.heard, night.recordings[0])


@pytest.mark.parametrize(
    "code",
    [
        4006,
        pytest.param(4015, marks=pytest.mark.slow),
        pytest.param(None, marks=pytest.mark.slow, id="cut"),
    ],
)
async def test_a_lost_connection_resumes_the_walk_at_the_same_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int | None
) -> None:
    async with evening(tmp_path, monkeypatch) as night:
        await night.start(prompt="funky sax")
        await night.heard.until(60)
        at, before = time.perf_counter(), starved()
        assert night.room.guild is not None
        await night.there.voice.drop(night.room.guild, code)
        connection = night.controller.output.connection
        assert connection is not None
        await night.until(lambda: connection.reconnects == 1)
        print(f"{code}: back after {time.perf_counter() - at:.2f} s")
        await night.heard.until(len(night.heard.music) + 60)
        assert connection.state is ConnectionState.CONNECTED
        status = night.controller.session.status()
        # A jam in time needs a processor: what it was kept from for longer than its ring holds is
        # the machine's.
        kept_from = starved_s(before) - 1.0
        if kept_from <= 0:
            assert status.underruns == 0
        assert status.underruns <= max(0.0, kept_from) / 0.02
        await night.ann.slash("jam stop")
    assert len(night.heard.sessions) == 2
    # one sound, cut in two: what came before the loss and what came after fit together
    check_sound(night.heard, night.recordings[0], least=0.85, lost=night.lost)


async def test_whoever_hammers_on_keep_gets_one_riff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with evening(tmp_path, monkeypatch) as night:
        panel = await night.start(prompt="funky sax")
        await night.heard.until(100)
        shown = await asyncio.gather(
            *(member.click(panel, "Keep last 30 s") for member in (night.ann, night.ben))
        )
        kept = [one for one in shown if one.message.audience is None]
        refused = [one for one in shown if one.message.audience is not None]
        assert len(kept) == len(refused) == 1
        assert "already" in refused[0].message.content
        await kept[0].until(lambda message: "kept" in message.content, timeout_s=60)
        await night.until(lambda: not night.controller.is_saving_excerpt)
        again = await night.ben.click(panel, "Keep last 30 s")
        await again.until(lambda message: "kept" in message.content, timeout_s=60)
        await night.ann.slash("jam stop")


async def test_given_up_it_is_kept_and_resumed_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with evening(tmp_path, monkeypatch) as night:
        panel = await night.start(prompt="funky sax")
        await night.heard.until(60)
        night.there.voice.server.refuse = [4006] * 3
        assert night.room.guild is not None
        await night.there.voice.drop(night.room.guild, 4006)
        await night.until(lambda: not night.bot.jam_controllers)
        assert "3 attempts to come back failed" in panel.text
        await night.there.posted(night.ann.channel, lambda m: "3 attempts" in m.content)
        assert panel.buttons()
        before = len(night.heard.music)
        resumed = await night.ben.slash("jam resume")
        await resumed.until(lambda message: message.buttons(), timeout_s=60)
        await night.heard.until(before + 60)
        second = night.recordings[1]
        assert second.begins is not None
        # made from the block before the place on, heard from the very packet
        begins = second.begins // SAMPLES
        made = OpusEncoder(BITRATE).encode(second.samples)
        again = night.heard.music[before:]
        first = begins + position_of(
            again, made, at=max(0, before - begins), lost=night.lost + BLOCK // SAMPLES
        )
        assert before <= first <= before + night.lost
        assert 0 <= first - begins < BLOCK // SAMPLES
        await night.ann.slash("jam stop")


async def test_a_restart_comes_back_by_itself_at_the_same_packet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with venue(monkeypatch) as night:
        async with playing_at(night, tmp_path):
            panel = await night.start(prompt="funky sax")
            await night.heard.until(60)
        assert "I have to restart" in panel.text
        assert night.room.people(but=0) == [night.ann.user, night.ben.user]
        before = len(night.heard.music)
        async with playing_at(night, tmp_path):
            await night.heard.until(before + 60)
            assert night.panel is panel
            await night.until(lambda: "▶ playing" in panel.text)
            await night.ann.slash("jam stop")
            await night.until(lambda: not panel.buttons())
    second = night.recordings[1]
    assert second.begins is not None
    skipped = before - second.begins // SAMPLES
    again = night.heard.music[before:]
    assert again == OpusEncoder(BITRATE).encode(second.samples)[skipped : skipped + len(again)]
    assert night.heard.faults() == []


async def test_after_a_restart_it_does_not_play_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with venue(monkeypatch) as night:
        async with playing_at(night, tmp_path):
            panel = await night.start(prompt="funky sax")
            await night.heard.until(30)
        before = len(night.heard.music)
        night.ann.leave()
        night.ben.leave()
        async with playing_at(night, tmp_path):
            await night.until(lambda: "I was restarted" in panel.text)
            assert not night.bot.jam_controllers
            night.ben.join(night.room)
            await asyncio.sleep(0.1)
            await night.bot.get_cog("jam").on_host_ready(None)  # Discord's next hiccup
            assert not night.bot.jam_controllers, "it does not burst in on a conversation"
            resumed = await night.ben.slash("jam resume")
            await resumed.until(lambda message: message.buttons(), timeout_s=60)
            await night.heard.until(before + 30)
            await night.ben.slash("jam stop")


async def test_two_servers_jam_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with venue(monkeypatch) as night:
        choir = night.there.add_guild("Choir")
        loft = night.there.add_voice_channel(choir, "Loft")
        carl = night.there.member("carl", choir)
        carl.join(loft)
        async with playing_at(night, tmp_path):
            await night.start(prompt="funky sax")
            shown = await carl.slash("jam start", prompt="church bells")
            await shown.until(lambda message: message.buttons(), timeout_s=60)
            for heard in (night.heard, night.there.voice.heard(choir)):
                await heard.until(100)
                assert heard.faults() == []
            await night.ann.slash("jam stop")
            await night.there.voice.heard(choir).until(150)
            await carl.slash("jam stop")
            await night.until(lambda: not night.bot.jam_controllers)
    assert night.heard.music[:50] != night.there.voice.heard(choir).music[:50]


async def test_an_install_fault_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with evening(tmp_path, monkeypatch) as night:
        night.there.voice.server.refuse = [4017]
        shown = await night.ann.slash("jam start", prompt="funky sax")
        notice = await shown.until(lambda message: "davey" in message.content, timeout_s=60)
        assert notice.audience is night.ann.user
        assert night.there.voice.server.identified == 0
        assert not night.bot.jam_controllers


class Clock:
    """The clock of the audience watch; it can be stopped, and set."""

    def __init__(self) -> None:
        self.at: float | None = None
        self._skipped = 0.0

    def __call__(self) -> float:
        return time.perf_counter() + self._skipped if self.at is None else self.at

    def stop(self) -> None:
        self.at = self()

    def skip(self, seconds: float) -> None:
        assert self.at is not None
        self.at += seconds

    def go_on(self) -> None:
        assert self.at is not None
        self._skipped, self.at = self.at - time.perf_counter(), None


async def test_it_waits_for_an_audience_and_leaves_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(_controller, "monotonic", clock)
    async with evening(tmp_path, monkeypatch, jam_leave_s=600.0) as night:
        panel = await night.start(prompt="funky sax")
        await night.heard.until(30)
        night.ann.leave()
        night.ben.leave()
        await night.until(lambda: night.controller.session.status().phase == "paused")
        await night.until(lambda: "waiting for somebody to listen" in panel.text)
        heard = len(night.heard.music)
        with monkeypatch.context() as patch:  # other jams need the machine meanwhile
            patch.setattr(night.controller.session._capacity, "_load_of_others", lambda: 0.9)
            night.ben.join(night.room)
            await night.until(lambda: "please let one of them end first" in panel.text)
            assert night.controller.session.status().phase == "paused"
        await night.until(lambda: night.controller.session.status().phase == "playing")
        await night.heard.until(heard + 20)
        assert night.heard.faults() == []
        clock.stop()
        night.ben.leave()
        controller = night.controller
        await night.until(lambda: controller.session.status().phase == "paused")
        clock.skip(599.9)
        await controller.refresh(at_once=True)
        assert night.bot.jam_controllers, "not a moment sooner"
        clock.skip(0.2)
        await night.until(lambda: not night.bot.jam_controllers)
        clock.go_on()
        assert "Nobody listened for 10 min" in panel.text
        assert night.room.people(but=0) == []
        night.ben.join(night.room)
        shown = await night.ben.click(panel, "Go on")
        await shown.until(lambda message: message.buttons(), timeout_s=60)
        await night.heard.until(len(night.heard.music) + 20)


async def test_the_channel_shows_what_plays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_channel_status, "STATUS_INTERVAL_S", 0.5)
    async with evening(tmp_path, monkeypatch) as night:
        await night.start(prompt="funky sax")
        await night.until(lambda: night.room.status == "🎶 funky sax")
        await night.ben.slash("jam prompt", prompt="church bells")
        await night.until(lambda: "church bells" in (night.room.status or ""))
        assert night.room.guild is not None
        other = night.there.add_voice_channel(night.room.guild, "Lounge")
        night.ben.join(other)
        await asyncio.sleep(0.1)
        await night.there.voice.move(night.room.guild, other)
        await night.until(lambda: "church bells" in (other.status or ""))
        assert night.room.status is None
        assert night.controller.session.channels.voice_channel_id == other.id
        await night.ann.slash("jam stop")
        await night.until(lambda: other.status is None)


async def test_whoever_is_in_no_channel_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with evening(tmp_path, monkeypatch) as night:
        night.ann.leave()
        await asyncio.sleep(0.1)
        shown = await night.ann.slash("jam start", prompt="funky sax")
        assert "Join a voice channel first" in shown.message.content
        night.ann.join(night.room)
        night.there.forbid(night.room, speak=True)
        await asyncio.sleep(0.1)
        shown = await night.ann.slash("jam start", prompt="funky sax")
        assert "“Speak”" in shown.message.content


async def test_a_moderator_shows_it_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with evening(tmp_path, monkeypatch) as night:
        night.there.forbid(night.room, set_voice_channel_status=True)
        panel = await night.start(prompt="funky sax")
        await night.heard.until(20)
        assert night.room.statuses == []  # without the permission it does not even try
        assert night.room.guild is not None
        await night.there.voice.kick(night.room.guild)
        await night.until(lambda: not night.bot.jam_controllers)
        assert "took me out" in panel.text
        assert panel.buttons()
