"""A machine that is sometimes late: what is heard is seen, and only what is late loops."""

from __future__ import annotations

import asyncio

import aiohttp
import numpy as np
import pytest
from aiohttp.test_utils import TestClient

from audio.stream import BLOCK
from riffbot.jam import opus
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.player import BLOCK_PACKETS
from riffbot.jam.session import JamSession
from riffbot.jam.types import Participant
from riffbot.library.jam_record import GuildJam
from riffbot.services import Services
from riffbot.web import broadcast
from tests.riffbot.web.test_live import Heard
from tests.support.fake_pipeline import FakePipeline, until


@pytest.fixture
async def session(services: Services) -> JamSession:
    """A jam that the test reads, as a voice channel would."""
    return await services.jams.start(
        GuildJam(7), ChunkOptions(prompt="sax", seed_image="beat"), starter=Participant(1, "Ann")
    )


async def full(session: JamSession) -> None:
    """Wait until the ring is full and enough is planned."""
    await until(lambda: session._planner.is_settled and session.ring.free_slots() < BLOCK_PACKETS)


async def read(session: JamSession, packets: int) -> None:
    """Read so many packets, as fast as the listeners take them: one that lags by 5 s misses some.

    A slow machine keeps more packets ready, and may be asked for all of them in one go.
    """
    for _ in range(packets):
        await until(lambda: session.ring.stats().ready > 0 and most_queued(session) < 100)
        session.ring.read()


def most_queued(session: JamSession) -> int:
    """Packets that the slowest listener has still to take."""
    return max((len(listener._packets) for listener in session.ring._listeners), default=0)


async def collect(ws: aiohttp.ClientWebSocketResponse, heard: Heard) -> None:
    async for message in ws:
        heard.take(message)


@pytest.mark.parametrize("codec", ["opus", "pcm"])
async def test_a_bar_that_loops_is_heard_and_seen_until_the_late_chunk_comes(
    client: TestClient,
    session: JamSession,
    pipeline: FakePipeline,
    codec: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(broadcast, "POLL_S", 0.3)
    heard = Heard()
    async with client.ws_connect(f"/api/jams/{session.id}/socket?codec={codec}") as ws:
        collecting = asyncio.create_task(collect(ws, heard))
        await full(session)
        end = session.reader.placements()[-1].end
        await until(lambda: heard.columns.get(end - 1) is not None)
        first = session._player.heard_column
        pipeline.gate.clear()  # from now on the next chunk is late
        for _ in range(3):
            # More than a bar loops before it comes, and between two looks of the page's.
            while session._synthesizer.consumed < session.reader.placements()[-1].end + 70:
                await read(session, 1)
            late = session.status().late_chunks
            pipeline.gate.set()
            await until(
                lambda: (
                    session.reader.placements()[-1].start > session._synthesizer.timeline.end - 200
                )
            )
            await full(session)
            pipeline.gate.clear()
            assert late > 0
            await read(session, session.status().late_chunks)
        pipeline.gate.set()
        last = session.reader.placements()[-1].start
        await read(session, (last - session._player.heard_column) // 2 + 16)
        await until(lambda: last in heard.columns)
        await asyncio.sleep(0.5)
        collecting.cancel()
    looped = [
        column
        for before, after in zip(
            session.reader.placements(), session.reader.placements()[1:], strict=False
        )
        for column in range(before.end, after.start)
    ]
    assert looped, "bars looped"
    assert [column for column in range(first, last) if column not in heard.columns] == []
    seen = np.stack([heard.columns[column] for column in looped], axis=1)
    picture = session.reader.read_pixels(looped[0], looped[0] + 1)[:, 0]
    assert (seen[:, 0] == 255 - picture.reshape(256, 2).min(1)).all()
    assert seen.max(0).min() > 0, "none of it is black"
    assert quietest(heard, codec, first) > 0.02, "and none of it silent"


def quietest(heard: Heard, codec: str, first: int) -> float:
    """Root mean square of the quietest 100 ms since a column."""
    if codec == "opus":
        places = sorted(heard.packets)
        assert places == list(range(places[0], places[-1] + 1)), "no packet is missing"
        sound = opus.decode([heard.packets[place] for place in places])[:, 0]
        begins = places[0] * 960
    else:
        places = sorted(heard.samples)
        sound = np.concatenate([heard.samples[place] for place in places]) / 32767
        begins = places[0]
    sound = sound[max(0, first * 480 - begins) :]
    blocks = sound[: len(sound) // 4800 * 4800].reshape(-1, 4800)
    return float(np.sqrt((blocks**2).mean(1)).min())


async def test_a_chunk_that_is_there_in_time_comes_in_without_a_loop(
    session: JamSession, pipeline: FakePipeline
) -> None:
    """However much is to be kept ready, it is not filled up with a bar that need not loop."""
    await full(session)
    pipeline.gate.clear()
    end = session.reader.placements()[-1].end
    session._capacity.real_time_factor = (
        1.28  # a chunk takes a second, so as much more is kept ready
    )
    player = session._player
    for _ in range(400):
        await asyncio.sleep(0.01)  # the player has filled the ring by now, as far as it wants
        few = session.ring.stats().ready <= player.min_lead() + 1
        if few and session._synthesizer.consumed + BLOCK > end:
            break
        await read(session, 1)
    assert session._planner.is_busy
    assert session._synthesizer.consumed <= end
    pipeline.gate.set()
    await until(lambda: session.reader.placements()[-1].end > end)
    assert end in [entry.start for entry in session.reader.placements()]
    assert session.status().late_chunks == 0
