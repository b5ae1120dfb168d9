"""A jam whose process ends: after the next start it comes back into the channel by itself."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from riffbot.locations import ROOT
from tests.support.loopback import LoopbackDiscord
from tests.system import test_crash


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
async def test_a_jam_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: signal.Signals
) -> None:
    plain = test_crash.environment

    def environment(there: LoopbackDiscord, folder: Path) -> dict[str, str]:
        return {**plain(there, folder), "RIFFBOT_SEED_IMAGES": str(ROOT / "seed_images")}

    monkeypatch.setattr(test_crash, "environment", environment)
    async with LoopbackDiscord() as there:
        band = there.add_guild("Band")
        room = there.add_voice_channel(band)
        ann, ben = there.member("ann"), there.member("ben")
        ann.join(room)
        ben.join(room)
        heard = there.voice.heard(band)
        async with test_crash.process(there, tmp_path) as bot:
            shown = await ann.slash("jam start", prompt="funky sax")
            panel = await shown.until(lambda message: message.buttons(), timeout_s=180)
            await heard.until(400)
            bot.send_signal(how)
            code = await asyncio.wait_for(bot.wait(), 60)
            assert code == (0 if how is signal.SIGTERM else -how)
        assert ("I have to restart" in panel.text) is (how is signal.SIGTERM)
        before = len(heard.music)
        async with test_crash.process(there, tmp_path):
            await heard.until(before + 100, timeout_s=180)
            assert len(heard.sessions) == 2
            assert heard.faults() == []
            response = await ben.slash("jam now")
            await there.cleared(ann.channel, lambda message: message is panel)  # it moved down
            numbers = await response.until(lambda message: "ahead" in message.content)
            print(numbers.content)
            await ann.slash("jam stop")
    assert "Traceback" not in (tmp_path / "log.txt").read_text()
