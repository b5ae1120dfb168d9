"""What was heard on the page can be downloaded whole, and no more than the limit is kept."""

from __future__ import annotations

import numpy as np
import pytest
from aiohttp.test_utils import TestClient

from audio import files
from riffbot.jam.opus import OpusEncoder
from riffbot.jam.session import JamSession
from riffbot.jam.values import Steerer
from riffbot.services import Services
from riffbot.web import wire
from riffbot.web.recording import Recording
from tests.web.test_live import hear


@pytest.fixture
async def session(services: Services) -> JamSession:
    return await services.jams.start(
        7, "funky sax", who=Steerer(1, "Ann"), seed_image="beat", paced_by="clock"
    )


async def test_all_that_was_heard_is_one_file(client: TestClient, session: JamSession) -> None:
    at = f"/api/jams/{session.id}"
    answer = await client.get(f"{at}/recording.ogg")
    assert answer.status == 404
    assert "listen a little" in (await answer.json())["error"]
    async with client.ws_connect(f"{at}/socket") as ws:
        heard = await hear(ws, lambda h: len(h.packets) > 60)
        first = min(heard.packets)
        told = await (await client.get(f"{at}/recording?from={first * 960}")).json()
        assert told["seconds"] >= 1.2
        assert told["limit"] == 1800
        answer = await client.get(f"{at}/recording.ogg?from={first * 960}")
        data = await answer.read()
    assert "riffbot-jam.ogg" in answer.headers["Content-Disposition"]
    for packet in (heard.packets[n] for n in range(first, first + 60)):
        assert packet in data  # the very packets, encoded once
    sound = files.read(data)
    assert sound.sample_rate == 48000
    assert len(sound.samples) >= 60 * 960 - 312
    assert (await client.get(f"{at}/recording.ogg?from=x")).status == 400


async def test_two_listeners_record_once_and_the_end_forgets(
    client: TestClient, session: JamSession, services: Services
) -> None:
    at = f"/api/jams/{session.id}"
    for _ in range(2):  # who comes back finds what was heard before
        async with client.ws_connect(f"{at}/socket") as ws:
            await hear(ws, lambda h: len(h.packets) > 30)
    told = await (await client.get(f"{at}/recording")).json()
    assert told["seconds"] >= 1.2
    await session.stop()
    assert (await client.get(f"{at}/recording.ogg")).status == 404


def test_a_recording_is_bounded() -> None:
    packet = OpusEncoder(96_000).encode(np.zeros(960, np.float32))[0]
    recording = Recording(limit_s=2.0)
    for place in range(0, 800, 8):
        recording.add(wire.opus(place, [packet] * 8))
    assert recording.seconds() == pytest.approx(2.0, abs=0.16)
    assert recording.seconds(796) == pytest.approx(0.08)
    assert sum(map(len, recording.packets(797))) == 3
    assert recording.seconds(900) == 0
