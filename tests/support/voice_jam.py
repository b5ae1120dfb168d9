"""The real RiffBot in a voice channel of the loopback Discord, with two members who listen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cogs.jam import _output, _presenter
from cogs.jam._controller import JamController
from riffbot.jam.opus import OpusEncoder
from riffbot.jam.session import JamSession
from riffbot.locations import ROOT
from riffbot.voice.connection import ReconnectPolicy
from tests.support.loopback import LoopbackDiscord, Member, Message, VoiceChannel
from tests.support.loopback.real import on_stage
from tests.support.loopback.voice.heard import SAMPLES, Heard, decode
from tests.support.patience import patience

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
