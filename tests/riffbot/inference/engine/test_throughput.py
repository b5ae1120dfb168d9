"""What the measured speed promises, also after a moment in which the machine stood still."""

from __future__ import annotations

import pytest

from riffbot.inference.engine import throughput
from riffbot.inference.engine.engine import Engine
from riffbot.inference.engine.throughput import ThroughputMeter
from riffbot.request import RiffRequest
from tests.support.driven_engine import ask, held, running
from tests.support.fake_pipeline import FakePipeline, until

CLIP = RiffRequest(prompt="x", seed=1, width=64, steps=4, guidance=3.0)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the meter takes for the time."""
    now = [1000.0]
    monkeypatch.setattr(throughput, "monotonic", lambda: now[0])
    return now


def test_one_outlier_is_outvoted_by_the_next_measurement(clock: list[float]) -> None:
    meter = ThroughputMeter()
    assert meter.seconds([CLIP]) is None
    meter.measure([CLIP], 10_000.0)
    clock[0] += 5
    meter.measure([CLIP], 5.0)
    assert meter.seconds([CLIP]) == pytest.approx(5.0)
    assert meter.seconds_per_clip == pytest.approx(5.0)
    assert meter.real_time_factor == pytest.approx(0.64 / 5.0)
    for _ in range(3):
        meter.measure([CLIP], 6.0)
    meter.measure([CLIP], 10_000.0)
    assert meter.seconds([CLIP]) == pytest.approx(6.0)


def test_what_is_out_of_date_is_replaced(clock: list[float]) -> None:
    meter = ThroughputMeter()
    for _ in range(5):
        meter.measure([CLIP], 50.0)
    clock[0] += throughput.MEASURED_S + 1
    assert meter.seconds([CLIP]) == pytest.approx(50.0), "better than nothing"
    meter.measure([CLIP], 4.0)
    assert meter.seconds([CLIP]) == pytest.approx(4.0)


def test_an_outlier_of_another_batch_size_is_forgotten(clock: list[float]) -> None:
    meter = ThroughputMeter()
    meter.measure([CLIP] * 4, 40_000.0)
    clock[0] += throughput.MEASURED_S + 1
    meter.measure([CLIP], 4.0)
    assert meter.seconds([CLIP] * 4) == pytest.approx(16.0)


def slow_moment(engine: Engine) -> None:
    engine._dispatcher.throughput.measure([CLIP], 10_000.0)


async def test_an_idle_engine_makes_a_clip_and_measures_anew() -> None:
    pipeline = FakePipeline()
    async with running(pipeline) as engine:
        slow_moment(engine)
        await ask(engine, "first after it")
        expected = engine.estimate_seconds([CLIP])
        assert expected is not None
        assert expected < 60
        first = await held(engine, pipeline)
        second = ask(engine, "second")
        await until(lambda: engine.stats().queued == 1)
        pipeline.gate.set()
        await first
        await second
