"""Whether a machine is let begin a jam: what is only expected is tried, what was measured ages."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from riffbot.errors import Refused
from riffbot.inference.batching import steps_to_run
from riffbot.inference.engine.engine import Engine
from riffbot.jam.attempts import FailedAttempts
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.session import JamSession
from riffbot.jam.snapshot import JamSnapshot, PlannedChunk
from riffbot.request import RiffRequest
from tests.riffbot.jam.conftest import Start, read, settled
from tests.support.fake_pipeline import FakePipeline, until


class Machine:
    """A machine whose clips take as long as the test says; only a picture's making takes time."""

    def __init__(self, pipeline: FakePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.clip_s = 0.1
        self.step_s = 0.0
        clock = SimpleNamespace(monotonic=lambda: self.now)
        monkeypatch.setattr("riffbot.inference.engine.worker.time", clock)
        pipeline.trouble = self._compute

    def _compute(self, requests: Sequence[RiffRequest]) -> None:
        self.now += self.clip_s + self.step_s * steps_to_run(requests[0])


@pytest.fixture
def machine(pipeline: FakePipeline, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(pipeline, monkeypatch)


async def test_one_slow_moment_keeps_no_jam_from_being_tried(
    start: Start, engine: Engine, pipeline: FakePipeline, machine: Machine
) -> None:
    machine.clip_s = 60.0
    await engine.submit(RiffRequest(prompt="in a busy moment", width=128))
    picture = engine.resolve(RiffRequest(prompt="sax", width=128))
    assert picture is not None
    expected = engine.estimate_seconds([picture])
    assert expected is not None
    assert expected > 10 * 1.28, "by other clips' measure a jam is out of the question"
    machine.clip_s = 0.1
    session = await start()
    assert session.status().phase == "playing"


async def test_a_machine_that_is_too_slow_is_told_after_its_first_chunks(
    start: Start, pipeline: FakePipeline, machine: Machine
) -> None:
    machine.clip_s = 2.56
    with pytest.raises(Refused) as refusal:
        await start()
    assert len(pipeline.batches) == 2, "the first pays for first uses, so a second one judges"
    assert str(refusal.value) == (
        "This machine makes 0.50 seconds of this jam in a second and needs 1.25: "
        "make single riffs here, or try again when it has less to do."
    )
    machine.clip_s = 1.0
    with pytest.raises(Refused, match=r"beside the jams that play already \(they take 50%"):
        await start(load_of_others=lambda: 0.5)
    await start(load_of_others=lambda: 0.01)


async def test_a_machine_that_is_too_slow_for_all_steps_takes_fewer(
    start: Start, pipeline: FakePipeline, machine: Machine
) -> None:
    machine.clip_s, machine.step_s = 0.2, 0.3  # the default takes 1.4 s for 1.28 s of sound
    session = await start()
    await settled(session)
    assert session.status().phase == "playing"
    steps = [request.steps for batch in pipeline.batches for request in batch]
    assert (steps[0], {*steps[1:]}) == (4, {3})
    assert [one.chunk.request.steps for one in session.reader.placements()] == steps[1:]


async def test_a_jam_resumes_with_the_steps_that_its_chunks_had(
    start: Start, pipeline: FakePipeline, machine: Machine
) -> None:
    machine.clip_s, machine.step_s = 0.1, 0.17
    first = await start(load_of_others=lambda: 0.35)
    await settled(first)
    await read(first, 20)
    before = [(one.start, one.chunk.request.steps) for one in first.reader.placements()]
    assert {steps for _, steps in before} == {3}
    snapshot = JamSnapshot.from_json((await first.park()).model_dump_json())
    pipeline.batches.clear()
    second = await start(state=snapshot)
    await settled(second)
    again = [(one.start, one.chunk.request.steps) for one in second.reader.placements()]
    assert again[: len(before)] == before[: len(again)], "whatever the machine could do by now"
    await read(second, 300)
    assert pipeline.batches[-1][0].steps == 4, "later chunks have what it can do"


def test_default_steps_are_not_stored() -> None:
    path = PromptPath.begin(ChunkOptions(prompt="sax"), seed_image="beat")
    stored = PlannedChunk(path=path, start=0).model_dump_json()
    assert stored.endswith('"scheduler":null},"start":0}')
    chosen = PlannedChunk(path=path, start=0, chosen_steps=3).model_dump_json()
    assert chosen == stored[:-1] + ',"steps":3}'
    assert PlannedChunk.model_validate_json(chosen).chosen_steps == 3


async def test_what_first_uses_cost_does_not_count(
    start: Start, pipeline: FakePipeline, machine: Machine
) -> None:
    machine.clip_s = 30.0
    compute = pipeline.trouble

    def first_use(requests: Sequence[RiffRequest]) -> None:
        compute(requests)
        machine.clip_s = 0.1

    pipeline.trouble = first_use
    assert (await start()).status().phase == "playing"


async def test_the_warm_up_pays_for_first_uses_and_is_not_measured(pipeline: FakePipeline) -> None:
    costs = iter([30.0, 0.1])
    now = 0.0

    def compute(requests: Sequence[RiffRequest]) -> None:
        nonlocal now
        now += next(costs, 0.1)

    pipeline.trouble = compute
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "riffbot.inference.engine.worker.time", SimpleNamespace(monotonic=lambda: now)
        )
        warm_up = RiffRequest(prompt="warming up", seed=0)
        async with Engine(lambda: pipeline, warm_up=warm_up) as engine:
            await until(lambda: engine.stats().seconds_per_clip is not None)
            assert engine.stats().seconds_per_clip == pytest.approx(0.1)


async def test_who_is_refused_cannot_keep_the_engine_busy_with_attempts(
    start: Start, pipeline: FakePipeline, machine: Machine
) -> None:
    clock = SimpleNamespace(now=0.0)
    attempts = FailedAttempts(clock=lambda: clock.now)
    machine.clip_s = 2.56
    for _ in range(5):
        with pytest.raises(Refused, match=r"0\.50 seconds"):
            await start(attempts=attempts)
    assert len(pipeline.batches) == 2, "measured once"
    with pytest.raises(Refused, match="measured again in 10 seconds"):
        await start(attempts=attempts)
    # It took 5 s, so it may be tried again after 10 more: a third of the time at most.
    clock.now = 10.3
    machine.clip_s = 0.1
    await start(attempts=attempts)
    assert len(pipeline.batches) >= 3


async def test_however_slow_it_was_a_measurement_counts_for_minutes_only(
    start: Start, pipeline: FakePipeline, machine: Machine
) -> None:
    clock = SimpleNamespace(now=0.0)
    attempts = FailedAttempts(clock=lambda: clock.now)
    machine.clip_s = 3600.0
    with pytest.raises(Refused):
        await start(attempts=attempts)
    clock.now = 121.0
    machine.clip_s = 0.1
    assert (await start(attempts=attempts)).status().phase == "playing"


def test_what_is_easier_to_make_is_tried_at_next_beat() -> None:
    attempts = FailedAttempts(clock=lambda: 0.0)
    attempts.record(request(denoising=0.7), factor=0.9, took_s=5.0)
    assert attempts.find(request(denoising=0.7)) is not None
    assert attempts.find(request(denoising=0.9)) is not None
    assert attempts.find(request(denoising=0.3)) is None
    assert attempts.find(request(denoising=0.7, guidance=1.0)) is None


def request(**fields: object) -> RiffRequest:
    return RiffRequest(prompt="sax", seed_image="beat", **fields)


async def paused_and_slow(start: Start, machine: Machine) -> JamSession:
    """A jam that was measured in a busy moment, paused, beside another that plays."""
    session = await start(load_of_others=lambda: 0.3)
    await settled(session)
    session._capacity.real_time_factor = 1.0
    await session.pause()
    return session


async def test_a_pause_beside_others_does_not_last_because_of_an_old_measurement(
    start: Start, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await paused_and_slow(start, machine)
    with pytest.raises(Refused, match="beside the jams"):
        await session.resume()
    assert session.status().phase == "paused"
    monkeypatch.setattr("riffbot.jam.capacity.MEASUREMENT_VALID_S", 0.0)
    machine.clip_s = 2.56
    with pytest.raises(Refused, match="beside the jams"):
        await session.resume()  # measured anew, and still too slow
    assert session.status().phase == "paused"
    machine.clip_s = 0.1
    await session.resume()
    assert session.status().phase == "playing"
    await read(session, 10)
