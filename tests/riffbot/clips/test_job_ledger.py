"""What was told is true: a clip is let in when it is written down, and ends as its owner heard.

The library is locked as another program would lock it: by a write transaction of another
connection to the same file.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from riffbot.clips import job_ledger
from riffbot.clips.recipes import Recipe
from riffbot.clips.service import MAX_ATTEMPTS, ClipService
from riffbot.errors import Cancelled, Conflict, Postponed, TooCostly, Unavailable
from riffbot.images import Images
from riffbot.inference.engine.engine import Engine, Progress, Requester
from riffbot.library.instance_lock import InstanceLock
from riffbot.library.store import Library
from riffbot.library.types import Author
from riffbot.request import RiffRequest, build_takes
from riffbot.settings import Settings
from tests.support.fake_pipeline import FakePipeline, until

ANN, BOB = Author(1, "Ann", 10), Author(2, "Bob", 10)
REQUEST = RiffRequest(prompt="sax", seed=1)
WALK = RiffRequest(
    prompt="walk",
    seed=1,
    target={"prompt": "bells", "seed": 2},
    piece={"kind": "morph", "clips": 30},
)


class Stage:
    """A clip service whose pipeline waits where the test says so."""

    def __init__(self, settings: Settings, library: Library) -> None:
        self.settings = settings
        self.library = library
        self.pipeline = FakePipeline()
        self.pipeline.images = Images(settings.seed_images, library.files.path)
        self.engine = Engine(lambda: self.pipeline)
        self.clip_service = ClipService(self.engine, library, settings, self.pipeline.images)

    async def state(self, job_id: str) -> str:
        return (await self.library.jobs.get(job_id)).state

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Another program writes to the library."""
        other = sqlite3.connect(self.settings.data_dir / "riffbot.db", isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            yield
        finally:
            other.close()


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr("riffbot.library.connection.BUSY_TIMEOUT_MS", 100)
    monkeypatch.setattr("riffbot.library.jobs._WRITE_TIMEOUT_S", 0.3)
    monkeypatch.setattr(job_ledger, "RETRY_S", 0.05)
    settings = Settings(_env_file=None, data_dir=tmp_path / "data")
    library = await Library.open(settings)
    stage = Stage(settings, library)
    await until(lambda: stage.engine.stats().state == "ready")
    yield stage
    stage.pipeline.gate.set()
    await stage.engine.close()
    await library.close()


async def test_what_cannot_be_written_down_is_not_let_in(stage: Stage) -> None:
    with stage.locked():
        asked = await asyncio.gather(
            *(stage.clip_service.accept(REQUEST, author=ANN) for _ in range(10)),
            return_exceptions=True,
        )
    assert all(isinstance(answer, Unavailable) for answer in asked)
    assert await stage.library.jobs.unfinished() == []
    stage.engine.check(Requester(1, 10), 10)  # no place is kept for what was not let in
    assert (await stage.clip_service.make(REQUEST, author=ANN)).request.prompt == "sax"


async def test_who_leaves_while_it_is_written_down_leaves_nothing(stage: Stage) -> None:
    with stage.locked():
        asking = asyncio.create_task(stage.clip_service.accept(REQUEST, author=ANN))
        await until(stage.library._database._writer_lock.locked)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    await until(lambda: not stage.clip_service._ledger._background)
    assert await stage.library.jobs.unfinished() == []
    stage.engine.check(Requester(1, 10), 10)


async def test_a_clip_waits_for_a_library_that_is_locked_when_it_is_done(stage: Stage) -> None:
    stage.pipeline.gate.clear()
    making = asyncio.create_task(stage.clip_service.make(REQUEST, author=ANN))
    await until(lambda: bool(stage.pipeline.batches))
    with stage.locked():
        stage.pipeline.gate.set()
        await until(lambda: stage.engine.stats().done == 1)
        await asyncio.sleep(1)  # several tries
        assert not making.done()
    clip = await making
    assert await stage.state(clip.id) == "done"


async def test_a_library_that_stays_locked_postpones_the_clip_and_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_ledger, "STORE_TIMEOUT_S", 0.3)
    stage.pipeline.gate.clear()
    making = asyncio.create_task(stage.clip_service.make(REQUEST, author=ANN))
    await until(lambda: bool(stage.pipeline.batches))
    with stage.locked():
        stage.pipeline.gate.set()
        with pytest.raises(Postponed, match="written down, and I make it again"):
            await making
    (job,) = await stage.library.jobs.unfinished()  # and so it is
    assert (await stage.clip_service.resume(job)).id == job.id


async def test_a_clip_that_was_taken_back_under_a_lock_is_not_made_later(stage: Stage) -> None:
    stage.pipeline.gate.clear()
    accepted = await stage.clip_service.accept(REQUEST, author=ANN)
    making = asyncio.create_task(stage.clip_service.carry_out(accepted))
    await until(lambda: bool(stage.pipeline.batches))
    with stage.locked():
        assert stage.clip_service.cancel(accepted.job.id)
        with pytest.raises(Cancelled):
            await making
        assert await stage.state(accepted.job.id) == "running", "it cannot be noted yet"
    await until(lambda: not stage.clip_service._ledger._background)
    assert await stage.state(accepted.job.id) == "cancelled"


async def test_what_is_dropped_gives_its_place_back(stage: Stage) -> None:
    accepted = [await stage.clip_service.accept(REQUEST, author=ANN) for _ in range(10)]
    for one in accepted:
        await stage.clip_service.drop(one)
    stage.engine.check(Requester(1, 10), 10)
    assert {await stage.state(one.job.id) for one in accepted} == {"cancelled"}


async def test_a_job_that_ended_meanwhile_is_not_computed(stage: Stage) -> None:
    job = await stage.library.jobs.create(REQUEST, author=ANN)
    made = await stage.clip_service.resume(job)
    computed = len(stage.pipeline.batches)
    assert (await stage.clip_service.resume(job)).id == made.id, "what is made already is given"
    taken_back = await stage.library.jobs.create(REQUEST, author=ANN)
    await stage.library.jobs.cancel(taken_back.id)
    with pytest.raises(Conflict, match="taken back"):
        await stage.clip_service.resume(taken_back)
    assert len(stage.pipeline.batches) == computed
    assert await stage.state(made.id) == "done"


async def test_others_clips_come_between_two_pictures_of_one(stage: Stage) -> None:
    stage.pipeline.gate.clear()
    first = asyncio.create_task(
        stage.clip_service.make(REQUEST.with_changes(prompt="first"), author=ANN)
    )
    await until(lambda: bool(stage.pipeline.batches))
    walking = asyncio.create_task(stage.clip_service.make(WALK, author=ANN))
    await until(lambda: stage.engine.stats().queued == 1)
    singles = [
        asyncio.create_task(
            stage.clip_service.make(REQUEST.with_changes(prompt=f"bob {n}"), author=BOB)
        )
        for n in range(3)
    ]
    await until(lambda: stage.engine.stats().queued == 4)
    stage.pipeline.gate.set()
    await asyncio.gather(first, walking, *singles)
    order = ["bob" if prompt.startswith("bob") else "walk" for prompt in stage.pipeline.prompts[1:]]
    assert len(order) > 6
    # Between two of Bob's clips there is one picture of Ann's walk, not all of them.
    assert max(index for index, who in enumerate(order) if who == "bob") <= 6


async def test_the_time_that_is_told_is_that_of_the_whole(stage: Stage) -> None:
    stage.pipeline.trouble = lambda _: time.sleep(0.05)
    await stage.clip_service.make(REQUEST, author=ANN)
    price = (await stage.clip_service.accept(WALK, author=ANN)).price
    assert price is not None
    whole, rest = price.seconds(stage.engine), price.seconds(stage.engine, after=1)
    assert whole is not None
    assert rest is not None
    assert rest > 0.5 * whole, "which the first picture alone does not tell"
    heard: list[Progress] = []
    await stage.clip_service.make(WALK, author=BOB, on_progress=heard.append)
    assert heard[0].stage == "queued"
    assert heard[0].eta_s == pytest.approx(whole, rel=0.5)


async def test_what_was_let_in_while_nothing_was_measured_is_priced_after_its_first_picture(
    tmp_path: Path,
) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path / "other", max_job_s=0.02)
    library = await Library.open(settings)
    stage = Stage(settings, library)
    stage.pipeline.trouble = lambda _: time.sleep(0.02)
    try:
        with pytest.raises(TooCostly, match="fewer clips"):
            await stage.clip_service.make(WALK, author=ANN)
        assert len(stage.pipeline.batches) == 1
        with pytest.raises(TooCostly):
            await stage.clip_service.accept(WALK, author=ANN)
        assert len(stage.pipeline.batches) == 1
    finally:
        await stage.engine.close()
        await library.close()


async def test_several_takes_of_one_command_are_priced_together(stage: Stage) -> None:
    stage.pipeline.trouble = lambda _: time.sleep(0.05)
    await stage.clip_service.make(REQUEST, author=ANN)
    price = await stage.clip_service.pricing.price(REQUEST)
    assert price is not None
    one = price.seconds(stage.engine)
    assert one is not None
    settings = stage.settings.model_copy(update={"max_job_s": 3.5 * one})
    clip_service = ClipService(stage.engine, stage.library, settings, stage.pipeline.images)
    await clip_service.pricing.admit_together(build_takes(REQUEST, 3))
    with pytest.raises(TooCostly):
        await anext(clip_service.make_many(build_takes(REQUEST, 4), author=ANN))
    assert await stage.library.jobs.unfinished() == []


async def test_the_pictures_of_a_recipe_are_priced_together(stage: Stage) -> None:
    stage.pipeline.trouble = lambda _: time.sleep(0.05)
    await stage.clip_service.make(REQUEST, author=ANN)
    price = await stage.clip_service.pricing.price(REQUEST)
    assert price is not None
    one = price.seconds(stage.engine)
    assert one is not None
    settings = stage.settings.model_copy(update={"max_job_s": 1.5 * one})
    clip_service = ClipService(stage.engine, stage.library, settings, stage.pipeline.images)
    gone = [f"sha256:{n:064x}" for n in range(2)]
    older = Recipe(REQUEST)
    nested = Recipe(
        REQUEST.with_changes(seed_image=gone[0], piece={"kind": "layer", "image": gone[1]}),
        made_from=dict.fromkeys(gone, older),
    )
    with pytest.raises(TooCostly):
        await clip_service.replayer.restore_sources(nested, author=ANN)


@pytest.mark.parametrize("attempts", [1, MAX_ATTEMPTS])
async def test_an_attempt_that_is_given_back_late_does_not_strand_its_job(
    stage: Stage, attempts: int
) -> None:
    job = await stage.library.jobs.create(REQUEST, author=ANN)
    for _ in range(attempts):  # by a RiffBot that has lost the database
        await stage.library.jobs.begin(job.id)
    (read,) = await stage.library.jobs.unfinished()
    await stage.library.jobs.uncount_attempt(job.id, attempts=attempts)
    assert (await stage.clip_service.resume(read)).id == job.id
    row = await stage.library.jobs.get(job.id)
    assert (row.state, row.attempts) == ("done", attempts)


async def test_who_has_lost_the_database_gives_no_attempt_back(stage: Stage) -> None:
    instance_lock = InstanceLock()
    clip_service = ClipService(
        stage.engine, stage.library, stage.settings, stage.pipeline.images, instance_lock
    )
    stage.pipeline.gate.clear()
    making = asyncio.create_task(clip_service.make(REQUEST, author=ANN))
    await until(lambda: bool(stage.pipeline.batches))
    instance_lock.mark_lost("Another RiffBot has taken over the database.")
    closing = asyncio.create_task(stage.engine.close(grace_s=0))
    with pytest.raises(Cancelled):
        await making
    await clip_service.close()
    (job,) = await stage.library.jobs.unfinished()
    assert (job.state, job.attempts) == ("running", 1)
    stage.pipeline.gate.set()
    await closing
