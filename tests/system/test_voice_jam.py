"""The real RiffBot jams in a real voice connection: what is heard is what was made."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from riffbot.jam.opus import OpusEncoder
from riffbot.locations import ROOT
from riffbot.voice.connection import ConnectionState
from tests.support.loopback.voice.heard import SAMPLES, spacing_line
from tests.support.patience import starved, starved_s
from tests.support.voice_jam import (
    BITRATE,
    BLOCK,
    check_sound,
    evening,
    playing_at,
    position_of,
    venue,
)


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
