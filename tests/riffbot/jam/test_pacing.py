"""Who reads a jam's ring: the clock, where no voice channel does, while somebody listens."""

from __future__ import annotations

import asyncio
import time

import pytest

from riffbot.jam.pacing import ClockReader
from tests.riffbot.jam.conftest import Start, filled
from tests.support.fake_pipeline import until


async def test_the_clock_reads_fifty_packets_a_second() -> None:
    ring = filled(200)
    ticker = ClockReader(ring)
    began = time.perf_counter()
    await asyncio.sleep(0.5)
    ticker.stop()
    seconds = time.perf_counter() - began
    assert ring.head == pytest.approx(seconds * 50, abs=8)
    stood = ring.head
    await asyncio.sleep(0.06)
    assert ring.head == stood


async def test_the_clock_pauses_a_jam_that_nobody_listens_to(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riffbot.jam.pacing.IDLE_TIMEOUT_S", 0.3)
    session = await start(paced_by="clock", pause_when_idle=True)
    with session.ring.listen() as packets:
        heard = 0
        async for _ in packets:
            heard += 1
            if heard == 30:
                break
        assert session.status().phase == "playing"
    await until(lambda: session.status().phase == "paused")
    session.notify_listener()
    await until(lambda: session.status().phase == "playing")
    head = session.ring.head
    await until(lambda: session.ring.head > head)
    session.set_pace("voice")
    await asyncio.sleep(0.1)
    head = session.ring.head
    await asyncio.sleep(0.1)
    assert session.ring.head == head


async def test_whoever_comes_to_listen_does_not_wake_what_the_machine_cannot_sustain(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riffbot.jam.pacing.IDLE_TIMEOUT_S", 0.05)
    others = 0.0
    session = await start(paced_by="clock", pause_when_idle=True, load_of_others=lambda: others)
    await until(lambda: session.status().phase == "paused")
    others = 0.79999

    async def looked() -> None: ...

    session.notify_listener()
    await session._loop.run(looked())  # behind the welcome
    assert session.status().phase == "paused"
    others = 0.0
    session.notify_listener()
    await until(lambda: session.status().phase == "playing")


async def test_a_listener_does_not_undo_a_members_pause(start: Start) -> None:
    session = await start(paced_by="clock", pause_when_idle=True)
    head = session.ring.head
    await until(lambda: session.ring.head > head + 10)  # nobody listens, for a moment
    await session.pause()
    session.notify_listener()
    await asyncio.sleep(0.1)
    assert session.status().phase == "paused"
    await session.resume()
    assert session.status().phase == "playing"
