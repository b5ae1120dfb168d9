"""What whoever waits for a clip hears, and on which loop."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest

from riffbot.inference.engine.engine import GeneratedRiff, Progress
from tests.support.driven_engine import ask, held, running
from tests.support.fake_pipeline import FakePipeline, until


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
        assert isinstance(await ask(engine, "sax", on_progress=listener), GeneratedRiff)
    assert threads == {threading.get_ident()}
    assert "clumsy listener" in caplog.text


async def test_previews_only_for_those_who_want_them_and_not_at_every_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("riffbot.inference.engine.worker.PREVIEW_EVERY_S", 0.0)
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
