"""An orderly stop is no breakdown: however often RiffBot is stopped, what it promised is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from riffbot.clips.clip import Clip
from riffbot.clips.service import MAX_ATTEMPTS
from riffbot.errors import Cancelled
from riffbot.images import Images
from riffbot.library.store import Library
from riffbot.library.types import Author, Origin
from riffbot.process import serve_page
from riffbot.request import RiffRequest
from riffbot.services import Services, open_services
from riffbot.settings import Settings
from tests.support.fake_pipeline import FakePipeline, until

ANN = Author(1, "Ann", 10)
PIECE = RiffRequest(
    prompt="walk",
    seed=1,
    target={"prompt": "bells", "seed": 2},
    piece={"kind": "morph", "clips": 20},
)


class Process:
    """RiffBot's services, opened and closed as by a process that is started and stopped."""

    def __init__(self, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = Settings(_env_file=None, data_dir=data)
        self.pipeline = FakePipeline()
        monkeypatch.setattr("riffbot.services._WARM_UP", None)
        monkeypatch.setattr("riffbot.services._warm_up", lambda: None)
        monkeypatch.setattr("riffbot.services.open_pipeline", self._opened)

    def _opened(self, settings: Settings, images: Images) -> FakePipeline:
        self.pipeline.images = images
        return self.pipeline

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Services]:
        self.pipeline = FakePipeline()
        async with open_services(self.settings) as services:
            yield services


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Process:
    return Process(tmp_path / "data", monkeypatch)


async def stopped_in_the_middle(
    process: Process, origin: Origin | None, job_id: str | None
) -> tuple[str, int, str]:
    """Begin (again) and stop while the third picture is computed: the job, its row afterwards.

    Without an origin the page is asked for it, which goes before the engine does: nobody says
    goodbye.
    """
    making: asyncio.Task[Clip] | None = None
    async with process.running() as services, serve_page(services) as page:
        pipeline = process.pipeline

        def hold(_: object) -> None:  # a step that takes longer than a stop waits
            if len(pipeline.batches) > 2:
                pipeline.gate.clear()

        pipeline.trouble = hold
        if job_id is None and origin is None:
            body = PIECE.model_dump(mode="json", exclude_none=True)
            async with (
                aiohttp.ClientSession() as browser,
                browser.post(f"{page}api/riffs", json=body) as answer,
            ):
                job_id = (await answer.json())["job"]
        elif job_id is None:
            accepted = await services.clip_service.accept(PIECE, author=ANN, origin=origin)
            making = asyncio.create_task(services.clip_service.carry_out(accepted))
            job_id = accepted.job.id
        else:
            (job,) = await services.library.jobs.unfinished()
            making = asyncio.create_task(services.clip_service.resume(job))
        await until(lambda: not pipeline.gate.is_set() or (making is not None and making.done()))
        assert making is None or not making.done()
    pipeline.gate.set()
    if making is not None:
        with pytest.raises(Cancelled):
            await making
    library = await Library.open(process.settings)
    row = await library.jobs.get(job_id)
    await library.close()
    return job_id, row.attempts, row.state


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "origin", [None, Origin(channel_id=5, message_id=6)], ids=["page", "Discord"]
)
async def test_clean_stops_take_no_attempts(process: Process, origin: Origin | None) -> None:
    job_id = None
    for _ in range(MAX_ATTEMPTS):
        job_id, attempts, state = await stopped_in_the_middle(process, origin, job_id)
        assert (attempts, state) == (0, "waiting")
    async with process.running() as services:
        (job,) = await services.library.jobs.unfinished()
        clip = await services.clip_service.resume(job)
        assert clip.id == job_id
        assert await services.library.jobs.unfinished() == []


@pytest.mark.timeout(120)
async def test_crashes_before_a_stop_still_count(process: Process) -> None:
    library = await Library.open(process.settings)
    job = await library.jobs.create(PIECE, author=ANN)
    await library.jobs.begin(job.id)  # and then kill -9
    await library.close()
    _, attempts, state = await stopped_in_the_middle(process, None, job.id)
    assert (attempts, state) == (1, "waiting")
