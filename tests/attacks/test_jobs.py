"""Jobs under attack: dear requests, a locked library, kill -9, a second process."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from riffbot.clips.service import ClipService
from riffbot.errors import Refused
from riffbot.inference.engine.throughput import ThroughputMeter
from riffbot.inference.job import Requester
from riffbot.library.store import Library
from riffbot.locations import ROOT
from riffbot.request import RiffRequest
from riffbot.services import Services
from riffbot.settings import Settings
from riffbot.web.app import create_app
from riffbot.web.page_jobs import PAGE_AUTHOR
from tests.attacks.figures import row
from tests.riffbot.web.conftest import client, pipeline, services
from tests.support.fake_pipeline import FakePipeline, until

__all__ = ["client", "pipeline", "services"]

DEAR: dict[str, Any] = {
    "prompt": "a",
    "steps": 200,
    "width": 2048,
    "guidance": 2,
    "target": {"prompt": "b", "seed": 2},
    "piece": {"kind": "morph", "clips": 17},
}
"""A day of a slow machine in 120 bytes."""


async def test_a_small_request_does_not_take_the_engine_for_a_day(
    services: Services, pipeline: FakePipeline
) -> None:
    settings = services.settings.model_copy(update={"max_job_s": 30.0})
    clip_service = ClipService(services.engine, services.library, settings, services.images)
    limited = replace(services, settings=settings, clip_service=clip_service)
    pipeline.trouble = lambda _: time.sleep(0.05)  # 0.05 s for 64 columns at 4 steps
    async with TestClient(TestServer(create_app(limited))) as client:
        asked = await client.post("/api/riffs", json={"prompt": "measured", "width": 64})
        assert asked.status == 202
        await until(lambda: services.engine.stats().done == 1)
        steps = pipeline.steps_done
        pieces = [DEAR, {**DEAR, "piece": {"kind": "morph", "clips": 64}}]
        pieces += [
            {**DEAR, "seed_image": "beat", "width": None, "piece": piece}
            for piece in (
                {"kind": "morph", "clips": 64},
                {"kind": "morph", "clips": 64, "whole": True},
                {"kind": "extend", "columns": 36_000},
                {"kind": "extend", "columns": 36_000, "backward": True},
            )
        ]
        for piece in pieces:
            answer = await client.post("/api/riffs", json=piece)
            sentence = (await answer.json())["error"]
            assert answer.status == 400, sentence
            assert "busy for" in sentence or "too long" in sentence
        assert pipeline.steps_done == steps
        assert all(job.request.piece is None for job in await services.library.jobs.unfinished())
        row(f"{len(pieces)} anonymous POSTs of up to 70,400 steps", f"400, 0 steps: “{sentence}”")
        assert (await client.post("/api/riffs", json={"prompt": "usual"})).status == 202


async def test_many_pieces_just_under_the_cap_do_not_take_the_engine_for_a_day(
    services: Services, pipeline: FakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    piece = RiffRequest.build(
        prompt="a",
        target={"prompt": "b", "seed": 2},
        piece={"kind": "morph", "clips": 60},
    )
    single = RiffRequest(prompt="usual")
    clip_service = services.clip_service
    await until(lambda: services.engine.stats().state == "ready")
    price = await clip_service.pricing.price(piece)
    assert price is not None
    picture_s = 0.99 * services.settings.max_job_s / len(price.requests)
    monkeypatch.setattr(ThroughputMeter, "seconds", lambda _, asked: picture_s * len(asked))
    pipeline.gate.clear()
    making, sentences = [], []
    for number in range(30):
        owner = Requester(-2 - number % 3, 0, network=1)
        try:
            accepted = await clip_service.accept(piece, author=PAGE_AUTHOR, owner=owner)
        except Refused as error:
            sentences.append(str(error))
            continue
        making.append(asyncio.create_task(clip_service.carry_out(accepted)))
        await until(lambda: services.engine.stats().running == 1)
    hours = len(making) * price_s / 3600 if (price_s := price.seconds(services.engine)) else 0
    assert len(making) == 1
    assert any("of work waiting" in sentence for sentence in sentences)
    assert any("try again in about" in sentence for sentence in sentences)
    row("30 pieces just under the cap of one network", f"{len(making)} let in, {hours:.1f} h")
    for owner in (Requester(-9, 0, network=1), Requester(-10, 0, network=2), Requester(1, 10)):
        accepted = await clip_service.accept(single, author=PAGE_AUTHOR, owner=owner)
        making.append(asyncio.create_task(clip_service.carry_out(accepted)))
    with pytest.raises(Refused, match="try again in about"):  # another song would wait for it
        await clip_service.accept(piece, author=PAGE_AUTHOR, owner=Requester(2, 10))
    for task in making:
        task.cancel()
    await asyncio.gather(*making, return_exceptions=True)
    pipeline.gate.set()
    await until(lambda: services.engine.is_idle)  # what ended holds nothing back
    await clip_service.make(single, author=PAGE_AUTHOR)


async def test_a_locked_library_loses_no_accepted_riff(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riffbot.library.connection.BUSY_TIMEOUT_MS", 300)
    monkeypatch.setattr("riffbot.library.jobs._WRITE_TIMEOUT_S", 1.0)
    library = await Library.open(services.settings)
    clip_service = ClipService(services.engine, library, services.settings, services.images)
    other = sqlite3.connect(services.settings.data_dir / "riffbot.db", isolation_level=None)
    served = replace(services, library=library, clip_service=clip_service)
    async with TestClient(TestServer(create_app(served))) as client:
        other.execute("BEGIN IMMEDIATE")
        asked = await asyncio.gather(
            *(client.post("/api/riffs", json={"prompt": f"{n}"}) for n in range(8))
        )
        assert {answer.status for answer in asked} == {503}
        sentence = (await asked[0].json())["error"]
        assert "Another program holds the library" in sentence
        other.close()
        assert await library.jobs.unfinished() == []
        assert (await client.post("/api/riffs", json={"prompt": "again"})).status == 202
        row("8 riffs while the database is locked", f"503 for each: “{sentence}”, no row")
        await until(lambda: services.engine.stats().done == 1)
    await library.close()


_SERVES = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from aiohttp import web
from riffbot import services
from riffbot.settings import Settings
from riffbot.web.app import create_app
from tests.support.fake_pipeline import FakePipeline

async def main():
    pipeline = FakePipeline()
    if sys.argv[2] == "held":
        pipeline.gate.clear()
    def opened(settings, images):
        pipeline.images = images
        return pipeline
    services.open_pipeline = opened
    services._WARM_UP = None
    settings = Settings(_env_file=None, data_dir=Path(sys.argv[1]), max_jobs_per_member=100)
    async with services.open_services(settings) as running:
        runner = web.AppRunner(create_app(running))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.sleep(120)

asyncio.run(main())
"""


@asynccontextmanager
async def victim(data: Path, gate: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A RiffBot in a process of its own, and the address of its page."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _SERVES, str(data), gate),
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(120):
            port = int(await process.stdout.readline())
        yield process, f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.timeout(300)
@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL here")
@pytest.mark.parametrize("moment", ["at once", "50 ms later", "while it is computed", "mid-flight"])
async def test_kill_9_loses_no_accepted_riff(tmp_path: Path, moment: str) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path / "data")
    accepted: list[str] = []
    async with (
        victim(settings.data_dir, "held") as (process, page),
        aiohttp.ClientSession() as browser,
    ):

        async def post(number: int) -> None:
            async with browser.post(f"{page}/api/riffs", json={"prompt": f"{number}"}) as answer:
                if answer.status == 202:
                    accepted.append((await answer.json())["job"])
                    if moment == "at once" and process.returncode is None:
                        process.send_signal(signal.SIGKILL)

        posting = [asyncio.create_task(post(n)) for n in range(10)]
        if moment == "mid-flight":
            await until(lambda: len(accepted) >= 3)
        elif moment != "at once":
            await asyncio.gather(*posting)
            await asyncio.sleep(0.05 if moment == "50 ms later" else 1)
        if process.returncode is None and moment != "at once":
            process.send_signal(signal.SIGKILL)
        await asyncio.gather(*posting, return_exceptions=True)
        await process.wait()
    library = await Library.open(settings)
    left = {job.id for job in await library.jobs.unfinished()}
    await library.close()
    assert accepted
    assert set(accepted) <= left
    row(f"kill -9 {moment} after 202", f"{len(accepted)} accepted, {len(accepted)} written down")


@pytest.mark.timeout(300)
async def test_a_second_process_is_told_and_takes_nothing_over(tmp_path: Path) -> None:
    data = tmp_path / "data"
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "PYTHONPATH": str(ROOT),
        "RIFFBOT_DATA_DIR": str(data),
        "RIFFBOT_OPEN_BROWSER": "false",
    }

    def riffbot(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "riffbot", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    async with victim(data, "held") as (process, page), aiohttp.ClientSession() as browser:
        async with browser.post(f"{page}/api/riffs", json={"prompt": "sax"}) as answer:
            job = (await answer.json())["job"]
        library = await Library.open(Settings(_env_file=None, data_dir=data))
        while (await library.jobs.get(job)).state != "running":  # noqa: ASYNC110  # its row
            await asyncio.sleep(0.05)
        second = await asyncio.to_thread(riffbot)
        assert second.returncode == 1, second.stderr
        last = second.stderr.strip().splitlines()[-1]
        assert f"process {process.pid} on" in last
        assert "RIFFBOT_DATA_DIR" in last
        assert "Traceback" not in second.stderr
        found = await asyncio.to_thread(riffbot, "library", "search", "sax")
        assert found.returncode == 0, found.stderr
        row_of_job = await library.jobs.get(job)
        assert (row_of_job.state, row_of_job.attempts) == ("running", 1)
        await library.close()
    row("a second `riffbot` on the same folder", f"exit {second.returncode}: {last}")
