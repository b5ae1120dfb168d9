"""The door of the engine's line: who is let in, who is refused, and what they are told."""

from __future__ import annotations

import asyncio
import random
import threading
import time

import pytest

from riffbot.errors import BadRequest, GenerationFailed, ModelError, Refused
from riffbot.inference.engine.admission import AdmissionLimits
from riffbot.inference.engine.dispatcher import Dispatcher
from riffbot.inference.engine.engine import Engine, GeneratedRiff, Progress, Requester
from riffbot.inference.engine.fair_queue import FairQueue
from riffbot.inference.engine.throughput import ThroughputMeter
from riffbot.inference.job import Job
from riffbot.request import RiffRequest
from tests.support.driven_engine import answers, ask, held, running
from tests.support.fake_pipeline import FakePipeline, until


async def test_nonsense_is_refused_at_the_door() -> None:
    pipeline = FakePipeline()
    async with running(pipeline) as engine:
        with pytest.raises(BadRequest):
            await engine.submit(RiffRequest(prompt="sax", seed=1, scheduler="no such"))
    assert pipeline.batches == []


async def test_a_member_has_a_limit_and_others_do_not_feel_it() -> None:
    pipeline = FakePipeline()
    async with running(pipeline, max_jobs_per_member=2) as engine:
        first = await held(engine, pipeline)
        tasks = [ask(engine, "a", 1), ask(engine, "b", 1, guild=2)]
        await until(lambda: engine.stats().queued == 2)
        with pytest.raises(Refused, match="2 clips waiting"):
            await ask(engine, "c", 1)
        with pytest.raises(Refused):
            engine.check(Requester(2), count=3)
        tasks += [ask(engine, "d", 2), ask(engine, "resumed", 1, promised=True)]
        await until(lambda: engine.stats().queued == 4)
        pipeline.gate.set()
        assert len(await asyncio.gather(first, *tasks)) == 5


A_CLIP_S = 1000.0


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine believes that a clip takes a quarter of an hour."""
    monkeypatch.setattr(ThroughputMeter, "seconds", lambda _, requests: A_CLIP_S * len(requests))


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


async def test_the_expected_time_is_known_once_something_was_measured() -> None:
    async with running(FakePipeline()) as engine:
        request = RiffRequest(prompt="x", width=64)
        assert engine.resolve(request) is None or engine.estimate_seconds([request]) is None
        await ask(engine, "one")
        picture = engine.resolve(request)
        assert picture is not None
        seconds = engine.estimate_seconds([picture])
        assert seconds is not None
        assert seconds > 0
        with pytest.raises(BadRequest):
            engine.resolve(RiffRequest(prompt="x", width=65))


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
    assert isinstance(done[0], GeneratedRiff)
    assert isinstance(done[1], BadRequest)


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
            engine.check(Requester(1))


async def test_a_line_that_breaks_answers_who_stood_in_it_and_goes_on() -> None:
    async with running(FakePipeline()) as engine:
        dispatcher = engine._dispatcher
        take, broken = dispatcher.take_batch, iter([True])

        def breaks_once() -> object:
            batch = take()
            if next(broken, False):
                raise KeyError("a bug")
            return batch

        dispatcher.take_batch = breaks_once  # type: ignore[method-assign,assignment]
        await ask(engine, "the take that waits began before the patch")
        (first,) = await answers(ask(engine, "unlucky"))
        assert isinstance(first, GenerationFailed)
        assert (await ask(engine, "lucky")).request.prompt == "lucky"


async def test_a_place_that_is_kept_counts_until_its_clip_is_in_line() -> None:
    pipeline, me = FakePipeline(), Requester(1, 1)
    request = RiffRequest(prompt="kept", seed=7, width=64)
    async with running(pipeline, max_jobs_per_member=2) as engine:
        first = await held(engine, pipeline)
        kept = [engine.reserve(me), engine.reserve(me, engine.resolve(request))]
        with pytest.raises(Refused, match="2 clips waiting"):
            engine.reserve(me)
        with pytest.raises(Refused):
            engine.check(me)
        engine.check(Requester(2, 1))
        waiting = asyncio.create_task(engine.submit(request, owner=me, reserved=kept[0]))
        await until(lambda: engine.stats().queued == 1)
        with pytest.raises(Refused, match="2 clips waiting"):  # it is in line instead
            engine.check(me)
        for _ in range(2):
            kept[1].release()
        engine.check(me)
        pipeline.gate.set()
        await asyncio.gather(first, waiting)


@pytest.mark.usefixtures("slow")
async def test_a_place_is_kept_only_where_the_clip_would_be_let_in() -> None:
    pipeline = FakePipeline()
    async with running(pipeline, max_wait_s=1.5 * A_CLIP_S) as engine:
        first = await held(engine, pipeline)
        request = engine.resolve(RiffRequest(prompt="x", width=64))
        with pytest.raises(Refused, match="try again in about"):
            engine.reserve(Requester(1), request)
        assert engine.stats().queued == 0, "asking leaves nothing in line"
        pipeline.gate.set()
        await first


async def test_one_network_keeps_the_places_of_three_visitors() -> None:
    async with running(FakePipeline(), max_jobs_per_member=2) as engine:
        for who in range(3):
            for _ in range(2):
                engine.reserve(Requester(-2 - who, 0, network=1))
            with pytest.raises(Refused, match="for one visitor"):
                engine.check(Requester(-2 - who, 0, network=1))
        with pytest.raises(Refused, match="Your network has 6 clips"):
            engine.check(Requester(-9, 0, network=1))
        engine.check(Requester(-9, 0, network=2))


PICTURE = RiffRequest(prompt="x", seed=1, width=64, steps=4, guidance=3.0)
"""Resolved; it is measured to take a second."""


def random_dispatcher(rng: random.Random, max_wait_s: float) -> Dispatcher:
    """One that has served some clips, with some waiting and songs of many to come."""
    dispatcher = Dispatcher(AdmissionLimits(max_wait_s=max_wait_s, max_jobs_per_member=10**6))
    dispatcher.throughput.measure([PICTURE], 1.0)
    for _ in range(rng.randrange(30)):
        dispatcher._queue.add(Job(PICTURE, owner=random_owner(rng)))
    for _ in range(rng.randrange(20)):
        dispatcher._queue.take(time.monotonic(), 1)
    for _ in range(rng.randrange(30)):
        pictures = [PICTURE] * rng.randrange(12)
        dispatcher.reserve(random_owner(rng), *pictures, is_admitted=True)
    return dispatcher


def random_owner(rng: random.Random) -> Requester:
    if rng.random() < 0.5:
        return Requester(rng.randrange(1, 5), rng.randrange(1, 3))
    return Requester(-rng.randrange(2, 8), None, network=rng.randrange(2))


def test_what_comes_later_changes_no_answer() -> None:
    rng = random.Random(1)
    refused = 0
    for _ in range(300):
        dispatcher = random_dispatcher(rng, max_wait_s=rng.choice([5.0, 30.0]))
        owner, pictures = random_owner(rng), [PICTURE] * rng.randrange(1, 8)
        answer = dispatcher._refusal_of_clip(owner, pictures)
        dispatcher._max_requests_before = lambda *_: 10**9  # plans everything
        everything = dispatcher._refusal_of_clip(owner, pictures)
        assert (answer and answer.wait_s) == (everything and everything.wait_s)
        refused += answer is not None
    assert 50 < refused < 250


def test_a_clip_is_let_in_without_planning_the_end_of_every_song(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dispatcher = Dispatcher(AdmissionLimits(max_wait_s=600.0, max_jobs_per_member=10))
    dispatcher.throughput.measure([PICTURE], 1.0)
    for member in range(330):
        dispatcher.reserve(Requester(member, 1), *[PICTURE] * 91, is_admitted=True)
    planned: list[int] = []
    plan = FairQueue.plan

    def counting(queue: FairQueue, now: float, limit: int) -> list[list[Job]]:
        planned.append(len(queue))
        return plan(queue, now, limit)

    monkeypatch.setattr(FairQueue, "plan", counting)
    began = time.monotonic()
    dispatcher.reserve(Requester(1000, 1), PICTURE)
    print(f"30,030 pictures to come: reserved in {time.monotonic() - began:.3f} s")
    assert planned == [331]
