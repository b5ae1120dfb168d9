"""Twenty members ask for forty riffs at once; forty for two hundred in `make test-all`."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from audio import files
from tests.support.loopback import LoopbackDiscord, Member, Message, Shown
from tests.support.loopback.real import Paced, Stage, is_result, on_stage

GUILDS, MEMBERS = 4, 40
TAKES = 5


def crowd(there: LoopbackDiscord, count: int) -> list[Member]:
    """So many members in four servers."""
    guilds = [there.add_guild(f"band {number}") for number in range(GUILDS)]
    return [there.member(f"m{n:02}", guilds[n % GUILDS]) for n in range(count)]


def wish(member: Member, take: int) -> str:
    return f"{member.user.name} take {take}"


async def ask_all(members: list[Member], takes: int) -> list[Shown]:
    """Everybody's commands in the worst order: each member's all at once, one by one."""
    wishes = [(member, take) for member in members for take in range(takes)]
    return await asyncio.gather(
        *(member.slash("riff", prompt=wish(member, take), seed=take) for member, take in wishes)
    )


def taken_by_others() -> float:
    """How much longer than its own CPU time work takes here: 1 on a free core."""
    wall, own = time.monotonic(), time.thread_time()
    while time.thread_time() - own < 0.2:
        pass
    return max(1.0, (time.monotonic() - wall) / 0.2)


def print_distribution(shown: list[Shown]) -> None:
    times = np.array([one.acknowledged_s for one in shown])
    low, high = np.quantile(times, [0.5, 0.99])
    print(
        f"\n{len(times)} acknowledgements: p50 {low:.3f} s, p99 {high:.3f} s, "
        f"max {times.max():.3f} s, {np.mean(times <= 1):.0%} within 1 s"
    )


@asynccontextmanager
async def busy(there: LoopbackDiscord, paced: Paced) -> AsyncIterator[None]:
    """The model computes somebody else's clip, and goes on computing it until the block ends."""
    zoe = there.member("zoe")
    warm = await zoe.slash("riff", prompt="the first clip tells how fast the machine is")
    await warm.until(is_result, timeout_s=60)
    paced.gate.clear()
    paced.under_way.clear()
    blocker = await zoe.slash("riff", prompt="a long one")
    await paced.holding()
    try:
        yield
    finally:
        paced.started.clear()
        paced.gate.set()
    await blocker.until(is_result, timeout_s=60)


async def in_line(stage: Stage, count: int) -> None:
    """Wait until so many clips wait; a command is acknowledged before its clip is in line."""
    async with asyncio.timeout(120):
        while stage.services.engine.stats().queued < count:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("count", "takes"), [(20, 2), pytest.param(MEMBERS, TAKES, marks=pytest.mark.slow)]
)
async def test_many_riffs_from_many_members(tmp_path: Path, count: int, takes: int) -> None:
    paced = Paced()
    async with LoopbackDiscord() as there:
        members = crowd(there, count)
        async with on_stage(there, tmp_path, paced=paced) as stage:
            async with busy(there, paced):
                # Three seconds of this process, not of whatever else the machine is busy with.
                there.state.acknowledge_s *= taken_by_others()
                shown = await ask_all(members, takes)  # raises if one is not acknowledged in time
                print_distribution(shown)
                await in_line(stage, len(shown))
            results = [await one.until(is_result, timeout_s=500) for one in shown]
            stats = stage.services.engine.stats()

        check_order(paced.started, count, takes)
        for one, message in zip(shown, results, strict=True):
            assert one.interaction.data["options"][0]["value"] in message.text
        check_sound(results[0])
        assert stats.failed == 0
        assert there.invalid_requests == 0


def check_order(started: list[str], count: int, takes: int) -> None:
    """Nobody's second clip before everybody's first, and so on."""
    assert len(started) == count * takes
    had: Counter[str] = Counter()
    for prompt in started:
        name = prompt.split()[0]
        least = min(had[f"m{n:02}"] for n in range(count))
        assert had[name] == least, f"{name} got clip {had[name] + 1} while others had {least}"
        had[name] += 1


def check_sound(message: Message) -> None:
    mp3 = message.file(".mp3")
    assert mp3 is not None
    sound = files.read(mp3.content)
    # As long as its own recipe says: the words choose a tempo, the tempo whole beats.
    width = json.loads(files.read_tags(mp3.content)["comment"])["request"]["width"]
    assert len(sound.samples) / sound.sample_rate == pytest.approx(width / 100, abs=0.03)
    assert np.abs(sound.samples).max() > 0.05


async def test_who_asks_for_too_much_is_told_why(tmp_path: Path) -> None:
    paced = Paced()
    async with LoopbackDiscord() as there:
        there.add_guild()
        ann = there.member("ann")
        async with on_stage(there, tmp_path, paced=paced, max_jobs_per_member=2):
            async with busy(there, paced):
                shown = await asyncio.gather(
                    *(ann.slash("riff", prompt=wish(ann, take)) for take in range(TAKES))
                )
                let_in = [await waits(one) for one in shown]
            for one, waited in zip(shown, let_in, strict=True):
                message = await one.until(is_result if waited else is_told, timeout_s=60)
                assert waited or "at most 2" in message.text
        assert let_in.count(True) == 2


def is_told(message: Message) -> bool:
    return message.is_ephemeral


async def waits(shown: Shown) -> bool:
    """Whether a command is in line, once that is decided."""
    message = await shown.until(lambda m: is_told(m) or "in line" in m.text, timeout_s=60)
    return not is_told(message)
