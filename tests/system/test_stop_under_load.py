"""SIGTERM while a jam plays, riffs wait and browsers listen: an orderly end within the limit.

The process ends itself with another code when its stop takes longer than `process.STOP_S`, so the
code says whether everything was told and stored in time.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from pathlib import Path

import aiohttp
import pytest

from riffbot.library.store import Library
from riffbot.locations import ROOT
from tests.support.loopback import LoopbackDiscord
from tests.support.loopback.real import is_result, settings
from tests.system import test_crash

RIFFS = 4


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_busy_bot_stops_in_time_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = test_crash.environment

    def environment(there: LoopbackDiscord, folder: Path) -> dict[str, str]:
        return {**plain(there, folder), "RIFFBOT_SEED_IMAGES": str(ROOT / "seed_images")}

    monkeypatch.setattr(test_crash, "environment", environment)
    async with LoopbackDiscord() as there:
        band = there.add_guild("Band")
        room = there.add_voice_channel(band)
        ann = there.member("ann")
        others = [there.member(f"member{number}") for number in range(RIFFS)]
        ann.join(room)
        heard = there.voice.heard(band)
        async with test_crash.process(there, tmp_path) as bot:
            shown = await ann.slash("jam start", prompt="funky sax")
            panel = await shown.until(lambda message: message.buttons(), timeout_s=180)
            await heard.until(100, timeout_s=180)
            for number, member in enumerate(others):
                await member.slash("riff", prompt=f"riff {number}", steps=200)
            page = json.loads((tmp_path / "data" / "page.json").read_text())["address"]
            async with aiohttp.ClientSession() as browser:
                # Whoever listens would listen for ever.
                async with browser.get(f"{page}api/jams") as answer:
                    (jam,) = (await answer.json())["jams"]
                async with browser.get(f"{page}api/jams/{jam['id']}/live.ogg") as listening:
                    assert listening.status == 200
                    await listening.content.readany()
                    began = time.monotonic()
                    bot.send_signal(signal.SIGTERM)
                    code = await asyncio.wait_for(bot.wait(), 60)
                    print(f"stopped within {time.monotonic() - began:.1f} s")
            assert code == 0, "the orderly stop took longer than its limit"
        assert "I have to restart" in panel.text
        library = await Library.open(settings(tmp_path))
        unfinished = await library.jobs.unfinished()
        await library.close()
        assert {job.attempts for job in unfinished} <= {0}, "a stop is no breakdown"
        played = len(heard.music)
        async with test_crash.process(there, tmp_path):
            await heard.until(played + 50, timeout_s=180)
            for number in range(RIFFS):
                await there.posted(
                    ann.channel,
                    lambda message, number=number: (
                        is_result(message) and f"riff {number}" in message.text
                    ),
                    timeout_s=300,
                )
            await ann.slash("jam stop")
    assert "Traceback" not in (tmp_path / "log.txt").read_text()
