"""The engine's thread: batches, and what breaks in one of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch

from riffbot.errors import GenerationFailed
from riffbot.inference.engine.engine import GeneratedRiff
from riffbot.request import RiffRequest
from tests.support.driven_engine import answers, ask, held, running
from tests.support.fake_pipeline import FakePipeline, drawn, until


async def test_compatible_requests_are_computed_together_on_an_accelerator() -> None:
    pipeline = FakePipeline(device="cuda:0")
    async with running(pipeline, max_batch=3) as engine:
        first = await held(engine, pipeline)
        tasks = [ask(engine, str(user), user) for user in range(4)]
        await until(lambda: engine.stats().queued == 4)
        pipeline.gate.set()
        riffs = await asyncio.gather(first, *tasks)
    assert [len(batch) for batch in pipeline.batches] == [1, 3, 1]
    assert [riff.batch for riff in riffs] == [1, 3, 3, 3, 1]
    assert all(np.array_equal(riff.image, drawn(riff.request)) for riff in riffs)


async def test_a_cpu_makes_one_clip_at_a_time() -> None:
    pipeline = FakePipeline(device="cpu")
    async with running(pipeline, max_batch=8) as engine:
        first = await held(engine, pipeline)
        tasks = [ask(engine, str(user), user) for user in range(3)]
        await until(lambda: engine.stats().queued == 3)
        pipeline.gate.set()
        await asyncio.gather(first, *tasks)
    assert [len(batch) for batch in pipeline.batches] == [1, 1, 1, 1]


async def test_an_exact_replay_repeats_the_size_of_its_batch() -> None:
    pipeline = FakePipeline(device="cuda")
    async with running(pipeline) as engine:
        request = RiffRequest(prompt="again", seed=1, width=64)
        riff = await engine.submit(request, batch=3)
    assert [len(batch) for batch in pipeline.batches] == [3]
    assert riff.batch == 3
    assert np.array_equal(riff.image, drawn(riff.request))


async def test_a_running_job_stops_at_its_next_step() -> None:
    pipeline = FakePipeline()
    async with running(pipeline) as engine:
        first = await held(engine, pipeline)
        first.cancel()
        await answers(first)
        pipeline.gate.set()
        await until(lambda: engine.stats().running == 0)
        assert pipeline.steps_done == 1
        assert (await ask(engine, "next")).request.prompt == "next"


async def test_the_others_of_a_batch_go_on_when_one_is_taken_back() -> None:
    pipeline = FakePipeline(device="cuda")
    async with running(pipeline) as engine:
        first = await held(engine, pipeline)
        left, right = ask(engine, "left", 1), ask(engine, "right", 2)
        await until(lambda: engine.stats().queued == 2)
        left.cancel()
        pipeline.gate.set()
        await asyncio.gather(first, right)
        assert right.result().request.prompt == "right"


def breaks_with(
    error: Exception, when: Callable[[Sequence[RiffRequest]], bool]
) -> Callable[..., None]:
    def trouble(requests: Sequence[RiffRequest]) -> None:
        if when(requests):
            raise error

    return trouble


async def test_a_failed_job_answers_its_owner_and_the_engine_lives_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pipeline = FakePipeline()
    pipeline.trouble = breaks_with(ZeroDivisionError("oh"), lambda r: r[0].prompt == "bad")
    async with running(pipeline) as engine:
        with pytest.raises(GenerationFailed, match="broke"):
            await ask(engine, "bad")
        assert (await ask(engine, "good")).request.prompt == "good"
        assert (engine.stats().failed, engine.stats().done) == (1, 1)
    assert "ZeroDivisionError" in caplog.text


async def test_only_the_guilty_one_of_a_batch_fails() -> None:
    pipeline = FakePipeline(device="cuda")
    pipeline.trouble = breaks_with(
        GenerationFailed("not a number"), lambda r: any(one.prompt == "bad" for one in r)
    )
    async with running(pipeline) as engine:
        first = await held(engine, pipeline)
        tasks = [ask(engine, name, user) for user, name in enumerate(["a", "bad", "b", "c"])]
        await until(lambda: engine.stats().queued == 4)
        pipeline.gate.set()
        done = await answers(first, *tasks)
    assert [isinstance(answer, GenerationFailed) for answer in done] == [
        False, False, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
    ids=["python", "accelerator", "cpu"],
)
async def test_out_of_memory_halves_the_batch_from_then_on(error: Exception) -> None:
    pipeline = FakePipeline(device="cuda")
    pipeline.trouble = breaks_with(error, lambda r: len(r) > 2)
    async with running(pipeline, max_batch=4) as engine:
        for _ in range(2):
            first = await held(engine, pipeline)
            tasks = [ask(engine, str(user), user) for user in range(4)]
            await until(lambda: engine.stats().queued == 4)
            pipeline.gate.set()
            await asyncio.gather(first, *tasks)
    assert [len(batch) for batch in pipeline.batches] == [1, 4, 2, 2, 1, 2, 2]


async def test_out_of_memory_with_one_clip_is_a_sentence() -> None:
    pipeline = FakePipeline()
    pipeline.trouble = breaks_with(MemoryError(), lambda _: True)
    async with running(pipeline) as engine:
        with pytest.raises(GenerationFailed, match="memory"):
            await ask(engine, "huge")


async def test_a_bug_after_the_model_answers_too_and_the_engine_lives_on() -> None:
    pipeline = FakePipeline()
    async with running(pipeline) as engine:
        run = pipeline.run
        pipeline.run = lambda *_, **__: []  # type: ignore[method-assign]
        (first,) = await answers(ask(engine, "no picture"))
        assert isinstance(first, GenerationFailed)
        pipeline.run = run  # type: ignore[method-assign]
        assert (await ask(engine, "lucky")).request.prompt == "lucky"


async def test_a_broken_chunk_does_not_harm_the_riff_it_overtook() -> None:
    pipeline = FakePipeline()

    def trouble(requests: Sequence[RiffRequest]) -> None:
        if requests[0].prompt == "jam":
            raise RuntimeError("a bug")

    pipeline.trouble = trouble
    async with running(pipeline) as engine:
        first = await held(engine, pipeline)
        jam = ask(engine, "jam", deadline=time.monotonic(), promised=True)
        await until(lambda: engine.stats().queued == 1)
        pipeline.gate.set()
        riff, error = await answers(first, jam)
    assert isinstance(error, GenerationFailed)
    assert isinstance(riff, GeneratedRiff)
    np.testing.assert_array_equal(riff.image, drawn(riff.request))


async def test_the_warm_up_measures_the_speed_and_is_nobodys_clip() -> None:
    pipeline = FakePipeline()
    warm_up = RiffRequest(prompt="warming up", seed=0)
    async with running(pipeline, warm_up=warm_up) as engine:
        await until(lambda: engine.stats().seconds_per_clip is not None)
        stats = engine.stats()
    assert pipeline.prompts == ["warming up", "warming up"], "the first pays for first uses"
    assert (stats.done, stats.failed) == (0, 0)
    assert stats.real_time_factor is not None
