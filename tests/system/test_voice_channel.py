"""Whom a jam in a voice channel plays to: an audience, its channel's status, and the moderators."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from cogs.jam import _channel_status, _controller
from tests.support.voice_jam import evening, playing_at, venue


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
