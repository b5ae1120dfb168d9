"""The engine around a pipeline whose gates the test opens: turns, deadlines, the end."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest

from riffbot.errors import Cancelled, RiffBotError
from riffbot.inference.engine.engine import Engine, Requester
from tests.support.driven_engine import answers, ask, held, running
from tests.support.fake_pipeline import FakePipeline, drawn, until


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
        assert engine.cancel(Requester(2)) == 3
        pipeline.gate.set()
        done = await answers(by_id, *mine, others, first)
        assert engine.stats().cancelled == 4
    assert all(isinstance(answer, Cancelled) for answer in done[:4])
    assert [riff.request.prompt for riff in done[4:]] == ["others", "first"]  # type: ignore[union-attr]


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
