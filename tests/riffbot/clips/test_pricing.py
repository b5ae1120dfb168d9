"""What a clip may cost: on an idle machine, and after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from riffbot.errors import TooCostly
from riffbot.library.store import Library
from riffbot.request import RiffRequest
from riffbot.settings import Settings
from tests.riffbot.clips.test_job_ledger import ANN, BOB, REQUEST, WALK, Stage, stage
from tests.support.fake_pipeline import until

__all__ = ["stage"]

USUAL = RiffRequest(prompt="x", seed=1, width=64, steps=4, guidance=3.0)


def slow_moment(stage: Stage) -> None:
    stage.engine._dispatcher.throughput.measure([USUAL], 10_000.0)


async def test_one_slow_moment_does_not_refuse_clips_for_ever(stage: Stage) -> None:
    slow_moment(stage)
    assert (await stage.clip_service.make(REQUEST, author=ANN)).request.prompt == "sax"
    stage.pipeline.gate.clear()
    first = await stage.clip_service.accept(REQUEST, author=ANN)
    second = await stage.clip_service.accept(REQUEST, author=BOB)  # which is not idle any more
    expected = stage.engine.estimate_seconds([USUAL])
    assert expected is not None
    assert expected < 60
    for accepted in (first, second):
        await stage.clip_service.drop(accepted)


async def test_what_is_not_ordinary_is_refused_on_an_idle_machine_too(stage: Stage) -> None:
    slow_moment(stage)
    for dear in (WALK, REQUEST.with_changes(steps=200), REQUEST.with_changes(width=2048)):
        with pytest.raises(TooCostly, match="busy for"):
            await stage.clip_service.accept(dear, author=ANN)
    await stage.clip_service.accept(REQUEST, author=ANN)
    with pytest.raises(TooCostly, match="busy for"):
        await stage.clip_service.accept(REQUEST, author=BOB)


@pytest.mark.parametrize("measured", [True, False])
async def test_a_piece_that_was_never_priced_is_priced_after_a_restart(
    tmp_path: Path, measured: bool
) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path / "other", max_job_s=1e-9)
    library = await Library.open(settings)
    stage = Stage(settings, library)
    try:
        await until(lambda: stage.engine.stats().state == "ready")
        job = await library.jobs.create(WALK, author=ANN)
        if measured:
            slow_moment(stage)
        with pytest.raises(TooCostly, match="busy for"):
            await stage.clip_service.resume(job)
        assert len(stage.pipeline.batches) == (0 if measured else 1)
        assert await stage.state(job.id) == "failed"
        assert stage.engine.is_idle
        single = await library.jobs.create(REQUEST, author=ANN)
        assert (await stage.clip_service.resume(single)).id == single.id, (
            "what was promised is kept"
        )
    finally:
        await stage.engine.close()
        await library.close()


async def test_a_piece_that_was_cheap_enough_is_kept_on_a_slower_machine(stage: Stage) -> None:
    price = await stage.clip_service.pricing.price(WALK)
    assert price is not None
    stage.engine._dispatcher.throughput.measure([USUAL], 1.0)
    at_one = price.seconds(stage.engine)
    assert at_one is not None
    limit = stage.settings.max_job_s
    stage.engine._dispatcher.throughput.__init__()  # type: ignore[misc]
    stage.engine._dispatcher.throughput.measure([USUAL], 1.5 * limit / at_one)
    with pytest.raises(TooCostly):
        await stage.clip_service.accept(WALK, author=ANN)
    job = await stage.library.jobs.create(WALK, author=ANN)
    assert (await stage.clip_service.resume(job)).id == job.id
