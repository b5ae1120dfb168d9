"""The engine around a pipeline whose gates the test opens."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import numpy as np
import pytest
import torch

from riffbot.errors import (
    BadRequest,
    Cancelled,
    GenerationFailed,
    ModelError,
    Refused,
    RiffBotError,
)
from riffbot.inference.engine import Engine, Owner, Progress, Riff
from riffbot.inference.speed import SpeedMeter
from riffbot.request import RiffRequest
from tests.inference.fakes import FakePipeline, drawn, until

Submission = asyncio.Task[Riff]


@asynccontextmanager
async def running(pipeline: FakePipeline, **options: object) -> AsyncIterator[Engine]:
    """An engine with its model loaded."""
    engine = Engine(lambda: pipeline, **options)  # type: ignore[arg-type]
    try:
        await until(lambda: engine.stats().state == "ready")
        yield engine
    finally:
        pipeline.gate.set()
        await engine.close()


def ask(
    engine: Engine, prompt: str, user: int = 1, guild: int = 1, **options: object
) -> Submission:
    request = RiffRequest(prompt=prompt, seed=7, width=64)
    return asyncio.create_task(
        engine.submit(request, owner=Owner(user, guild), **options)  # type: ignore[arg-type]
    )


async def answers(*tasks: Awaitable[Riff]) -> list[Riff | BaseException]:
    return list(await asyncio.gather(*tasks, return_exceptions=True))


async def held(engine: Engine, pipeline: FakePipeline) -> Submission:
    """A first clip that keeps the worker busy until the gate opens, so that a line can form."""
    pipeline.gate.clear()
    task = ask(engine, "first", user=999, guild=999)
    await until(lambda: engine.stats().running == 1)
    return task


async def test_a_clip_is_its_resolved_request_and_the_models_picture() -> None:
    pipeline = FakePipeline()
    async with running(pipeline) as engine:
        riff = await ask(engine, "sax")
    assert riff.request.steps == 4
    assert riff.request.guidance == 3.0
    assert np.array_equal(riff.image, drawn(riff.request))
    assert (riff.model_name, riff.model_hash, riff.batch) == ("fake", "f" * 64, 1)
    assert riff.timings.keys() == {"queued_s", "generate_s"}
    assert pipeline.threads == {"riffbot-engine"}


async def test_nonsense_is_refused_at_the_door() -> None:
    pipeline = FakePipeline()
    async with running(pipeline) as engine:
        with pytest.raises(BadRequest):
            await engine.submit(RiffRequest(prompt="sax", seed=1, scheduler="no such"))
    assert pipeline.batches == []


async def test_forty_members_with_five_clips_each_are_served_in_turns() -> None:
    pipeline = FakePipeline()
    async with running(pipeline) as engine:
        first = await held(engine, pipeline)
        tasks = [ask(engine, f"{user} {n}", user, user % 3) for user in range(40) for n in range(5)]
        await until(lambda: engine.stats().queued == 200)
        pipeline.gate.set()
        riffs = await asyncio.gather(first, *tasks)
    assert len(riffs) == 201
    turns = [int(prompt.split()[1]) for prompt in pipeline.prompts[1:]]
    assert turns == sorted(turns)


async def test_a_deadline_goes_before_everybody() -> None:
    pipeline = FakePipeline()
    async with running(pipeline) as engine:
        first = await held(engine, pipeline)
        riffs = [ask(engine, "riff")]
        await until(lambda: engine.stats().queued == 1)
        riffs.append(ask(engine, "jam", deadline=time.monotonic() + 60))
        await until(lambda: engine.stats().queued == 2)
        pipeline.gate.set()
        await asyncio.gather(first, *riffs)
    assert pipeline.prompts == ["first", "jam", "riff"]


async def test_a_deadline_overtakes_what_runs_between_two_steps_and_costs_it_nothing() -> None:
    pipeline = FakePipeline()
    ended: list[str] = []
    async with running(pipeline) as engine:
        first = await held(engine, pipeline)
        jam = ask(engine, "jam", deadline=time.monotonic(), promised=True)
        await until(lambda: engine.stats().queued == 1)
        for name, task in (("first", first), ("jam", jam)):
            task.add_done_callback(lambda _, name=name: ended.append(name))
        pipeline.gate.set()
        riffs = await asyncio.gather(first, jam)
        await until(lambda: engine.stats().running == 0)
    assert ended == ["jam", "first"]
    assert pipeline.prompts == ["first", "jam"], "the one that was overtaken is not begun again"
    for riff in riffs:
        np.testing.assert_array_equal(riff.image, drawn(riff.request))


async def test_a_deadline_with_time_to_spare_only_goes_first() -> None:
    pipeline = FakePipeline()
    ended: list[str] = []
    async with running(pipeline) as engine:
        first = await held(engine, pipeline)
        jam = ask(engine, "jam", deadline=time.monotonic() + 60)
        await until(lambda: engine.stats().queued == 1)
        for name, task in (("first", first), ("jam", jam)):
            task.add_done_callback(lambda _, name=name: ended.append(name))
        pipeline.gate.set()
        await asyncio.gather(first, jam)
    assert ended == ["first", "jam"]


async def test_a_deadline_does_not_overtake_another() -> None:
    pipeline = FakePipeline()
    ended: list[str] = []
    async with running(pipeline) as engine:
        pipeline.gate.clear()
        late = ask(engine, "late", deadline=time.monotonic() + 60)
        await until(lambda: engine.stats().running == 1)
        soon = ask(engine, "soon", deadline=time.monotonic(), promised=True)
        await until(lambda: engine.stats().queued == 1)
        for name, task in (("late", late), ("soon", soon)):
            task.add_done_callback(lambda _, name=name: ended.append(name))
        pipeline.gate.set()
        await asyncio.gather(late, soon)
    assert ended == ["late", "soon"]


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
    assert isinstance(riff, Riff)
    np.testing.assert_array_equal(riff.image, drawn(riff.request))


async def test_the_expected_time_is_known_once_something_was_measured() -> None:
    async with running(FakePipeline()) as engine:
        request = RiffRequest(prompt="x", width=64)
        assert engine.expected_s(request) is None
        await ask(engine, "one")
        seconds = engine.expected_s(request)
        assert seconds is not None
        assert seconds > 0
        with pytest.raises(BadRequest):
            engine.expected_s(RiffRequest(prompt="x", width=65))


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


# -- taking back ------------------------------------------------------------------------------


async def test_a_cancelled_task_leaves_the_line() -> None:
    pipeline = FakePipeline()
    async with running(pipeline) as engine:
        first = await held(engine, pipeline)
        task = ask(engine, "unwanted")
        await until(lambda: engine.stats().queued == 1)
        task.cancel()
        await until(lambda: engine.stats().queued == 0)
        pipeline.gate.set()
        await first
    assert pipeline.prompts == ["first"]


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


async def test_cancel_by_id_answers_the_owner_and_by_owner_takes_all_of_theirs() -> None:
    pipeline = FakePipeline()
    async with running(pipeline) as engine:
        first = await held(engine, pipeline)
        by_id = ask(engine, "one", 1, job_id="job-1")
        mine = [ask(engine, f"mine {n}", 2, guild=n) for n in range(3)]
        others = ask(engine, "others", 3)
        await until(lambda: engine.stats().queued == 5)
        assert engine.cancel("job-1") == 1
        assert engine.cancel("job-1") == 0
        assert engine.cancel(Owner(2)) == 3
        pipeline.gate.set()
        done = await answers(by_id, *mine, others, first)
        assert engine.stats().cancelled == 4
    assert all(isinstance(answer, Cancelled) for answer in done[:4])
    assert [riff.request.prompt for riff in done[4:]] == ["others", "first"]  # type: ignore[union-attr]


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


# -- breaking ---------------------------------------------------------------------------------


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


async def test_a_model_that_fails_to_load_answers_all_jobs_before_and_after() -> None:
    loading = threading.Event()

    def load() -> FakePipeline:
        loading.wait(20)
        raise ModelError("There is no model here.")

    async with Engine(load) as engine:
        early = ask(engine, "early")
        await until(lambda: engine.stats().queued == 1)
        assert engine.stats().state == "loading"
        loading.set()
        with pytest.raises(ModelError, match="no model here"):
            await early
        assert engine.stats().state == "broken"
        with pytest.raises(ModelError, match="no model here"):
            await ask(engine, "late")
        with pytest.raises(ModelError, match="no model here"):
            engine.check(Owner(1))


async def test_jobs_that_come_before_the_model_wait_for_it_and_nonsense_is_told_then() -> None:
    loading = threading.Event()
    pipeline = FakePipeline()

    def load() -> FakePipeline:
        loading.wait(20)
        return pipeline

    async with Engine(load) as engine:
        good, bad = ask(engine, "good", 1), ask(engine, "(:1.1)", 2)
        await until(lambda: engine.stats().queued == 2)
        loading.set()
        done = await answers(good, bad)
    assert isinstance(done[0], Riff)
    assert isinstance(done[1], BadRequest)


# -- the door ---------------------------------------------------------------------------------


async def test_a_member_has_a_limit_and_others_do_not_feel_it() -> None:
    pipeline = FakePipeline()
    async with running(pipeline, max_jobs_per_member=2) as engine:
        first = await held(engine, pipeline)
        tasks = [ask(engine, "a", 1), ask(engine, "b", 1, guild=2)]
        await until(lambda: engine.stats().queued == 2)
        with pytest.raises(Refused, match="2 clips waiting"):
            await ask(engine, "c", 1)
        with pytest.raises(Refused):
            engine.check(Owner(2), count=3)
        tasks += [ask(engine, "d", 2), ask(engine, "resumed", 1, promised=True)]
        await until(lambda: engine.stats().queued == 4)
        pipeline.gate.set()
        assert len(await asyncio.gather(first, *tasks)) == 5


A_CLIP_S = 1000.0


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine believes that a clip takes a quarter of an hour."""
    monkeypatch.setattr(SpeedMeter, "seconds", lambda _, requests: A_CLIP_S * len(requests))


@pytest.mark.usefixtures("slow")
async def test_what_would_take_too_long_is_refused_with_the_wait() -> None:
    pipeline = FakePipeline()
    heard: list[Progress] = []
    async with running(pipeline, max_wait_s=3.5 * A_CLIP_S) as engine:
        first = await held(engine, pipeline)
        tasks = [ask(engine, "a", 1), ask(engine, "b", 2, on_progress=heard.append)]
        await until(lambda: engine.stats().queued == 2)
        with pytest.raises(Refused, match="try again in about") as refusal:
            await ask(engine, "c", 3)
        assert refusal.value.wait_s == pytest.approx(4 * A_CLIP_S, rel=0.1)
        machines_own = asyncio.create_task(engine.submit(RiffRequest(prompt="d", width=64)))
        await until(lambda: engine.stats().queued == 3)
        pipeline.gate.set()
        await asyncio.gather(first, machines_own, *tasks)
    assert heard[0].eta_s == pytest.approx(3 * A_CLIP_S, rel=0.1)


@pytest.mark.usefixtures("slow")
async def test_a_deadline_that_cannot_be_met_is_refused() -> None:
    async with running(FakePipeline()) as engine:
        with pytest.raises(Refused, match="in time"):
            await ask(engine, "jam", deadline=time.monotonic() + A_CLIP_S / 2)


# -- telling ----------------------------------------------------------------------------------


async def test_listeners_hear_their_place_then_their_steps() -> None:
    pipeline = FakePipeline()
    heard: list[Progress] = []
    async with running(pipeline) as engine:
        first = await held(engine, pipeline)
        before = ask(engine, "before", 1)
        await until(lambda: engine.stats().queued == 1)
        mine = ask(engine, "mine", 2, on_progress=heard.append, job_id="mine")
        await until(lambda: engine.stats().queued == 2)
        pipeline.gate.set()
        await asyncio.gather(first, before, mine)
    assert {news.job_id for news in heard} == {"mine"}
    queued = [news.position for news in heard if news.stage == "queued"]
    assert queued[0] == 2
    assert queued == sorted(queued, reverse=True)
    running_news = [news for news in heard if news.stage == "running"]
    assert all(news.steps == 4 for news in running_news)
    assert [news.step for news in running_news] == sorted(news.step for news in running_news)


async def test_news_come_on_the_submitters_loop_and_a_broken_listener_breaks_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    threads: set[int] = set()

    def listener(news: Progress) -> None:
        threads.add(threading.get_ident())
        raise ValueError("clumsy listener")

    async with running(FakePipeline()) as engine:
        assert isinstance(await ask(engine, "sax", on_progress=listener), Riff)
    assert threads == {threading.get_ident()}
    assert "clumsy listener" in caplog.text


async def test_previews_only_for_those_who_want_them_and_not_at_every_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("riffbot.inference.worker.PREVIEW_EVERY_S", 0.0)
    wanted: list[Progress] = []
    unwanted: list[Progress] = []
    async with running(FakePipeline()) as engine:
        riff = await ask(engine, "a", on_progress=wanted.append, wants_preview=True)
        await ask(engine, "b", on_progress=unwanted.append)
    previews = [news.preview for news in wanted if news.preview is not None]
    assert previews
    assert np.array_equal(previews[-1], riff.image)
    assert all(news.preview is None for news in unwanted)


async def test_the_start_is_noted_before_the_model_begins() -> None:
    pipeline = FakePipeline()
    seen: list[int] = []

    async def note() -> None:
        seen.append(len(pipeline.batches))

    async with running(pipeline) as engine:
        await ask(engine, "sax", on_start=note)
    assert seen == [0]


async def test_nothing_waits_on_the_event_loop_while_the_engine_is_idle() -> None:
    async with running(FakePipeline()) as engine:
        await ask(engine, "sax")
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_warm_up_measures_the_speed_and_is_nobodys_clip() -> None:
    pipeline = FakePipeline()
    warm_up = RiffRequest(prompt="warming up", seed=0)
    async with running(pipeline, warm_up=warm_up) as engine:
        await until(lambda: engine.stats().seconds_per_clip is not None)
        stats = engine.stats()
    assert pipeline.prompts == ["warming up"]
    assert (stats.done, stats.failed) == (0, 0)
    assert stats.real_time_factor is not None


# -- closing ----------------------------------------------------------------------------------


async def test_closing_finishes_what_runs_and_answers_what_waits() -> None:
    pipeline = FakePipeline()
    engine = Engine(lambda: pipeline)
    await until(lambda: engine.stats().state == "ready")
    first = await held(engine, pipeline)
    waiting = ask(engine, "waiting")
    await until(lambda: engine.stats().queued == 1)
    closing = asyncio.create_task(engine.close())
    with pytest.raises(Cancelled, match="stopping"):
        await waiting
    pipeline.gate.set()
    await closing
    assert (await first).request.prompt == "first"
    with pytest.raises(RiffBotError, match="stopping"):
        await ask(engine, "late")
    assert engine.stats().state == "closed"
    assert "riffbot-engine" not in {thread.name for thread in threading.enumerate()}


async def test_closing_cancels_what_outlasts_its_grace() -> None:
    pipeline = FakePipeline()
    engine = Engine(lambda: pipeline)
    await until(lambda: engine.stats().state == "ready")
    first = await held(engine, pipeline)
    closing = asyncio.create_task(engine.close(grace_s=0.05))
    with pytest.raises(Cancelled):
        await first
    pipeline.gate.set()
    await closing
    assert pipeline.steps_done == 1


async def test_a_line_that_breaks_answers_who_stood_in_it_and_goes_on() -> None:
    async with running(FakePipeline()) as engine:
        line = engine._line
        take, broken = line.take, iter([True])

        def breaks_once() -> object:
            batch = take()
            if next(broken, False):
                raise KeyError("a bug")
            return batch

        line.take = breaks_once  # type: ignore[method-assign,assignment]
        await ask(engine, "the take that waits began before the patch")
        (first,) = await answers(ask(engine, "unlucky"))
        assert isinstance(first, GenerationFailed)
        assert (await ask(engine, "lucky")).request.prompt == "lucky"


async def test_a_bug_after_the_model_answers_too_and_the_engine_lives_on() -> None:
    pipeline = FakePipeline()
    async with running(pipeline) as engine:
        run = pipeline.run
        pipeline.run = lambda *_, **__: []  # type: ignore[method-assign]
        (first,) = await answers(ask(engine, "no picture"))
        assert isinstance(first, GenerationFailed)
        pipeline.run = run  # type: ignore[method-assign]
        assert (await ask(engine, "lucky")).request.prompt == "lucky"
