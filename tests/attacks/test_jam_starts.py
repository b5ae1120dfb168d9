"""Starting jams again and again, with nobody listening: everybody's riffs are made all the same."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from riffbot.services import Services
from tests.attacks.figures import row
from tests.attacks.test_visitors import open_crowd
from tests.riffbot.web.conftest import pipeline, services
from tests.support.fake_pipeline import FakePipeline, until

__all__ = ["pipeline", "services"]

ATTACKERS = 4
SECONDS = 8.0
CHUNK_S = 0.4
"""What a run of this machine's model takes."""


@pytest.mark.timeout(120)
async def test_starting_jams_in_a_loop_starves_nobodys_riffs(
    services: Services, pipeline: FakePipeline
) -> None:
    await until(lambda: services.engine.stats().state == "ready")
    pipeline.trouble = lambda _: time.sleep(CHUNK_S)
    answers: Counter[int] = Counter()
    async with AsyncExitStack() as stack:
        there = await open_crowd(stack, services)
        stop = asyncio.Event()

        async def attack(address: str) -> None:
            browser = await there.browser(address)
            while not stop.is_set():
                wish = {"prompt": "noise", "seed_image": "beat"}
                async with browser.post(there.url / "api/jams", json=wish) as answer:
                    body = await answer.json()
                    answers[answer.status] += 1
                    assert answer.status == 201 or body["error"].endswith(".")
                    assert answer.status != 429 or "Retry-After" in answer.headers
                await asyncio.sleep(0.1)

        attacks = [asyncio.create_task(attack(f"203.0.113.{n}")) for n in range(ATTACKERS)]
        await asyncio.sleep(1)
        visitor = await there.browser("198.51.100.1")
        began = time.monotonic()
        status, sentence = await there.ask(visitor, "mine")
        assert status == 202, sentence
        while await services.library.jobs.unfinished():  # noqa: ASYNC110  # its row
            await asyncio.sleep(0.05)
        waited = time.monotonic() - began
        await asyncio.sleep(max(0.0, SECONDS - waited))
        stop.set()
        await asyncio.gather(*attacks)
    row(
        f"{ATTACKERS} networks start jams for {SECONDS:.0f} s, nobody listens",
        f"201: {answers[201]}, 429: {answers[429]}, 503: {answers[503]}; a riff {waited:.1f} s",
    )
    assert answers.keys() <= {201, 429, 503}
    assert answers[201] <= 3 * ATTACKERS
    assert answers[429] + answers[503] > answers[201]
