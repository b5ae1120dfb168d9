"""The whole road, with the real pipeline at tiny random weights."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from audio.image import decode_image
from riffbot.clips.service import MAX_ATTEMPTS, ClipService
from riffbot.errors import BadRequest, Cancelled, GenerationFailed, NotFound, Refused
from riffbot.inference.engine.engine import Engine, Progress
from riffbot.library.store import Library
from riffbot.library.types import Author, Origin
from riffbot.request import MAX_SEED, RiffRequest, build_takes
from riffbot.services import Services, open_services
from riffbot.settings import Settings
from tests.support.fake_pipeline import FakePipeline, until

ANN = Author(1, "Ann", 10)
REQUEST = RiffRequest(prompt="funky (sax:1.2)", seed=42)


@pytest.fixture
def settings(tmp_path: Path, tiny_model: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        model=str(tiny_model),
        device="cpu",
        seed_images=tmp_path / "none",
    )


@pytest.fixture
async def services(settings: Settings) -> AsyncIterator[Services]:
    async with open_services(settings) as opened:
        yield opened


async def test_a_clip_is_made_kept_and_found_again(services: Services) -> None:
    heard: list[Progress] = []
    clip = await services.clip_service.make(
        REQUEST, author=ANN, origin=Origin(channel_id=5), on_progress=heard.append
    )
    assert clip.request.width is not None
    assert decode_image(clip.png).pixels.shape == (512, clip.request.width)
    assert clip.mp3[:3] == b"ID3"
    assert clip.duration_s == clip.request.width / 100
    assert clip.alt
    assert clip.request.steps == 3
    assert {"queued_s", "generate_s", "render_s", "store_s"} <= clip.timings.keys()
    assert heard[-1].stage == "running"

    again = await services.clip_service.clip(clip.id)
    assert (again.png, again.mp3, again.picture) == (clip.png, clip.mp3, clip.picture)
    assert (again.author, again.request) == (ANN, clip.request)
    assert await services.library.jobs.unfinished() == []


async def test_replaying_gives_the_identical_picture_and_another_seed_another(
    services: Services,
) -> None:
    clip = await services.clip_service.make(REQUEST, author=ANN)
    riff = await services.clip_service.replayer.replay(clip.id)
    assert np.array_equal(riff.image, decode_image(clip.png).pixels)
    other = await services.clip_service.make(REQUEST.with_changes(seed=43), author=ANN)
    assert other.png != clip.png
    assert (await services.clip_service.make(REQUEST, author=ANN)).png == clip.png


async def test_a_remix_starts_from_its_parents_picture(services: Services) -> None:
    parent = await services.clip_service.make(REQUEST, author=ANN)
    request = RiffRequest(prompt="bells", seed=1, seed_image=parent.image_ref, denoising=0.0)
    child = await services.clip_service.make(request, author=ANN, parent=parent.id)
    assert np.array_equal(decode_image(child.png).pixels, decode_image(parent.png).pixels)
    assert child.parent_id == parent.id


async def test_takes_are_given_as_they_are_done(services: Services) -> None:
    heard: set[int] = set()
    made = {
        number: clip
        async for number, clip in services.clip_service.make_many(
            build_takes(REQUEST, 3), author=ANN, on_progress=lambda number, _: heard.add(number)
        )
    }
    assert [made[number].request.seed for number in range(3)] == [42, 43, 44]
    assert heard == {0, 1, 2}
    assert build_takes(REQUEST.with_changes(seed=MAX_SEED), 2)[1].seed == 0


async def test_one_failed_take_spoils_no_other(services: Services) -> None:
    bad = REQUEST.model_copy(update={"scheduler": "no such"})
    making = services.clip_service.make_many([bad, REQUEST], author=ANN)
    number, _ = await anext(making)
    assert number == 1
    with pytest.raises(BadRequest, match="no such"):
        await anext(making)


async def test_what_the_door_refuses_leaves_no_job(services: Services) -> None:
    with pytest.raises(Refused):
        await anext(services.clip_service.make_many(build_takes(REQUEST, 11), author=ANN))
    with pytest.raises(NotFound):
        await services.clip_service.make(REQUEST, author=ANN, parent="nosuch")
    assert await services.library.jobs.unfinished() == []
    assert await services.library.riffs.count() == 0


async def test_a_model_that_is_not_there_answers_every_job(settings: Settings) -> None:
    missing = settings.model_copy(update={"model": str(settings.data_dir / "no-model")})
    async with open_services(missing) as services:
        with pytest.raises(Exception, match="model") as raised:
            await services.clip_service.make(REQUEST, author=ANN)
        assert type(raised.value).__name__ == "ModelError"


# -- with a pipeline that waits ---------------------------------------------------------------


@pytest.fixture
async def held(tmp_path: Path) -> AsyncIterator[tuple[ClipService, Library, Engine, FakePipeline]]:
    """A clip service whose pipeline waits for the test."""
    settings = Settings(data_dir=tmp_path / "data")
    library = await Library.open(settings)
    pipeline = FakePipeline()
    pipeline.gate.clear()
    engine = Engine(lambda: pipeline)
    yield ClipService(engine, library, settings), library, engine, pipeline
    pipeline.gate.set()
    await engine.close()
    await library.close()


Held = tuple[ClipService, Library, Engine, FakePipeline]


async def test_an_attempt_is_counted_before_the_model_begins(held: Held) -> None:
    clip_service, library, _, pipeline = held
    making = asyncio.create_task(clip_service.make(REQUEST, author=ANN))
    await until(lambda: bool(pipeline.batches))
    (job,) = await library.jobs.unfinished()
    assert (job.state, job.attempts) == ("running", 1)
    pipeline.gate.set()
    assert (await making).id == job.id


async def test_a_cancelled_job_is_not_resumed(held: Held) -> None:
    clip_service, library, _, pipeline = held
    making = asyncio.create_task(clip_service.make(REQUEST, author=ANN))
    await until(lambda: bool(pipeline.batches))
    (job,) = await library.jobs.unfinished()
    assert clip_service.cancel(job.id)
    assert not clip_service.cancel(job.id)
    with pytest.raises(Cancelled):
        await making
    assert await library.jobs.unfinished() == []


async def test_a_cancelled_task_cancels_its_job(held: Held) -> None:
    clip_service, library, engine, pipeline = held
    making = asyncio.create_task(clip_service.make(REQUEST, author=ANN))
    await until(lambda: bool(pipeline.batches))
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert await library.jobs.unfinished() == []
    assert engine.stats().cancelled == 1


async def test_stopping_keeps_the_promise_for_the_next_start(held: Held) -> None:
    clip_service, library, engine, pipeline = held
    tasks = [asyncio.create_task(clip_service.make(REQUEST, author=ANN)) for _ in range(2)]
    await until(lambda: bool(pipeline.batches))
    threading.Timer(0.2, pipeline.gate.set).start()
    await engine.close(grace_s=0)
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(answer, Cancelled) for answer in answers)
    assert len(await library.jobs.unfinished()) == 2


async def test_a_job_that_keeps_crashing_is_given_up_with_the_reason(held: Held) -> None:
    clip_service, library, _, pipeline = held
    job = await library.jobs.create(REQUEST, author=ANN)
    for _ in range(MAX_ATTEMPTS):
        await library.jobs.begin(job.id)
    (job,) = await library.jobs.unfinished()
    with pytest.raises(GenerationFailed, match="3 times"):
        await clip_service.resume(job)
    assert await library.jobs.unfinished() == []
    assert "3 times" in ((await library.jobs.get(job.id)).error or "")
    assert pipeline.batches == []


async def test_a_replay_repeats_the_batch_that_the_clip_was_made_in(held: Held) -> None:
    clip_service, library, _, pipeline = held
    pipeline.gate.set()
    clip = await clip_service.make(REQUEST, author=ANN)
    async with library._database.write() as session:
        stored = await session.get_one(type(await library.riffs.get(clip.id)), clip.id)
        stored.batch = 3
    riff = await clip_service.replayer.replay(clip.id)
    assert (riff.batch, len(pipeline.batches[-1])) == (3, 3)


# -- kill -9 ----------------------------------------------------------------------------------

_VICTIM = """
import asyncio, sys
from pathlib import Path
from riffbot.library.types import Author, Origin
from riffbot.request import RiffRequest
from riffbot.services import open_services
from riffbot.settings import Settings

async def main():
    settings = Settings(data_dir=Path(sys.argv[1]), model=sys.argv[2], device="cpu")
    async with open_services(settings) as services:
        before = RiffRequest(prompt="before", seed=1)
        await services.clip_service.make(before, author=Author(1, "Ann", 10))
        steps = []
        long = RiffRequest(prompt="funky (sax:1.2)", seed=42, steps=200)
        queued = RiffRequest(prompt="queued", seed=3)
        make = services.clip_service.make
        works = [asyncio.ensure_future(
            make(long, author=Author(1, "Ann", 10), origin=Origin(channel_id=5, token="t"),
                 on_progress=lambda news: steps.append(news.step)))]
        while not steps or steps[-1] < 2:
            await asyncio.sleep(0.001)
        works.append(asyncio.ensure_future(make(queued, author=Author(2, "Bob", 10))))
        while len(await services.library.jobs.unfinished()) < 2:
            await asyncio.sleep(0.001)
        print("running", flush=True)
        await asyncio.gather(*works)

asyncio.run(main())
"""


@pytest.mark.timeout(400)  # a second process imports torch, beside whatever else is running
@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL here")
async def test_kill_9_in_the_middle_of_a_job_breaks_no_promise(settings: Settings) -> None:
    victim = subprocess.Popen(  # noqa: ASYNC220  # nothing else runs on this loop
        [sys.executable, "-c", _VICTIM, str(settings.data_dir), settings.model],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert victim.stdout is not None
    for line in victim.stdout:
        if line == "running\n":
            break
    victim.send_signal(signal.SIGKILL)
    assert victim.wait(20) == -signal.SIGKILL, "it was still at work"
    victim.stdout.close()

    async with open_services(settings) as services:
        library = services.library
        (before,) = await library.riffs.recent()
        assert before.prompt == "before"
        for digest in (before.png, before.mp3, before.picture):
            assert library.files.read(digest)
        on_disk = {path.stem for path in settings.files_dir.rglob("*") if path.is_file()}
        assert on_disk == {before.png, before.mp3, before.picture}, "nothing half-written"

        long, queued = await library.jobs.unfinished()
        assert (long.state, long.attempts, long.author) == ("running", 1, ANN)
        assert long.origin == Origin(channel_id=5, token="t")
        assert (queued.state, queued.attempts) == ("waiting", 0)
        finished = await services.clip_service.resume(long)
        assert (await services.clip_service.resume(queued)).author.name == "Bob"
        assert await library.jobs.unfinished() == []
        assert finished.id == long.id
        unharmed = await services.clip_service.make(long.request, author=ANN)
        assert finished.png == unharmed.png
