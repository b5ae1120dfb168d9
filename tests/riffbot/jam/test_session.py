"""A living jam: what is heard, who steers, what happens when a chunk is late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from audio.stream import BLOCK
from riffbot.errors import BadRequest, GenerationFailed, NotFound, Refused, RiffBotError
from riffbot.jam import opus
from riffbot.jam.ring import SILENCE
from riffbot.jam.session import JamSession
from riffbot.jam.snapshot import JamSnapshot
from riffbot.request import RiffRequest
from tests.riffbot.jam.conftest import ANN, BOB, Start, at_the_next_beat, read, read_to, settled
from tests.support.fake_pipeline import FakePipeline, until


class Recorder:
    """What went into the packets."""

    def __init__(self, session: JamSession) -> None:
        self.blocks: list[np.ndarray] = []
        self.positions: list[int] = []
        session.reader.add_block_callback(self)

    def __call__(self, position: int, samples: np.ndarray) -> None:
        self.positions.append(position)
        self.blocks.append(samples)

    @property
    def samples(self) -> np.ndarray:
        return np.concatenate(self.blocks)


async def test_the_packets_are_what_was_rendered(start: Start) -> None:
    session = await start()
    recorder = Recorder(session)
    first = session.ring.stats().ready  # made before the tap was there
    packets = await read(session, first + 150)
    sound = opus.decode(packets)
    assert len(sound) == len(packets) * 960
    left = sound[first * 960 + opus.PRE_SKIP :, 0]
    made = recorder.samples[: len(left)]
    assert np.corrcoef(left[: len(made)], made)[0, 1] > 0.95
    assert recorder.positions == [7680 * (4 + n) for n in range(len(recorder.positions))]


async def test_it_plans_one_turn_ahead_and_stops_when_nobody_reads(
    start: Start, pipeline: FakePipeline
) -> None:
    session = await start()
    await settled(session)
    made = len(pipeline.batches)
    await asyncio.sleep(0.3)
    assert len(pipeline.batches) == made <= 3
    await read(session, 200)
    assert len(pipeline.batches) > made
    assert session.ring.stats().underruns == 0


async def test_a_wish_is_heard_at_the_next_beat_not_after_what_was_planned(start: Start) -> None:
    session = await start()
    await settled(session)
    await read(session, 30)
    heard = session.ring.head * 2
    await session.vote_for_prompt("church bells", BOB)
    await until(lambda: len(session.reader.response_times) == 1)
    entry = session._player.placement_after(session._player.placement_at(heard))  # type: ignore[arg-type]
    assert entry is not None
    assert entry.start % 32 == 0, "on a beat"
    assert entry.start - heard <= 64 + 8 + 16 + 32, "the lead, what the stream sees, and a beat"
    assert session.status().steered_by == BOB
    await read(session, 200)
    status = session.status()
    assert status.underruns == status.late_chunks == 0


async def test_one_voter_steers_alone_and_two_are_blended(start: Start) -> None:
    session = await start()
    await at_the_next_beat(session, session.vote_for_prompt("techno", ANN))
    assert session.status().current_prompt == "techno"
    await at_the_next_beat(session, session.vote_for_prompt("bells", BOB))
    assert session.status().current_prompt == "bells, techno"
    assert [share.prompt for share in session.status().shares] == ["bells", "techno"]
    await at_the_next_beat(session, session.vote_for_listed_prompt("bells", ANN))
    assert session.status().current_prompt == "bells"
    with pytest.raises(NotFound):
        await session.vote_for_listed_prompt("nobody's", ANN)
    with pytest.raises(BadRequest):
        await session.vote_for_prompt("  ", ANN)


async def test_wishes_that_come_together_are_one_chunk(
    start: Start, pipeline: FakePipeline
) -> None:
    session = await halted(start, pipeline)
    await session.vote_for_prompt("one", ANN)
    # A target alone would say nothing: a walk that drifts has one, too.
    await until(lambda: _goal(pipeline.batches[-1][0]) == "one")
    await session.vote_for_prompt("two", ANN)
    await session.set_denoising(0.9, ANN)
    made = len(pipeline.batches)
    pipeline.gate.set()
    await until(lambda: len(session.reader.response_times) == 2)
    wish = pipeline.batches[made][0]
    assert wish.target is not None
    assert (wish.target.prompt, wish.target.denoising) == ("two", 0.9)
    assert session.status().next_prompt in ("two", None)


async def halted(start: Start, pipeline: FakePipeline) -> JamSession:
    """A jam that has settled; what comes next waits at the pipeline's gate."""
    session = await start()
    await settled(session)
    pipeline.gate.clear()
    return session


def _goal(request: RiffRequest) -> str | None:
    return request.target.prompt if request.target is not None else None


async def test_a_late_chunk_loops_the_last_bar_and_says_so(
    start: Start, pipeline: FakePipeline
) -> None:
    session = await halted(start, pipeline)
    recorder = Recorder(session)
    await read_to(session, session.reader.placements()[-1].end)  # up to where nothing is planned
    await until(lambda: session.status().phase == "catching up")
    await read(session, 50)
    status = session.status()
    assert (status.late_chunks, status.underruns) == (1, 0)
    loud = [np.abs(block).max() for block in recorder.blocks]
    assert min(loud) > 0.05, "never silence"
    planned = len(session.reader.placements())
    written = session._synthesizer.consumed
    pipeline.gate.set()
    await until(lambda: len(session.reader.placements()) > planned)
    late = session.reader.placements()[planned]
    assert written <= late.start <= session.loop_grid.next_beat(written + 2 * BLOCK), (
        "the next beat"
    )
    await settled(session)
    await read_to(session, late.start + BLOCK)
    await until(lambda: session.status().phase == "playing")
    starts = [entry.start for entry in session._synthesizer.timeline]
    assert all(start % 32 == 0 for start in starts)


async def test_another_take_and_wilder_and_tamer(start: Start) -> None:
    session = await start()
    before = session.status().seed

    async def wish() -> None:
        await session.new_seed(ANN)
        assert await session.increase_denoising(ANN) == pytest.approx(0.85)
        assert await session.increase_denoising(ANN) == pytest.approx(0.95)
        assert await session.increase_denoising(ANN) == pytest.approx(0.95)
        assert await session.decrease_denoising(ANN) == pytest.approx(0.85)

    entry = await at_the_next_beat(session, wish())
    await read_to(session, entry.end)  # it goes half-way first, and all the way with the next turn
    status = session.status()
    assert status.denoising == pytest.approx(0.85)
    assert abs(status.seed - before) > 100


async def test_a_pause_is_silent_keeps_the_place_and_makes_nothing(
    start: Start, pipeline: FakePipeline
) -> None:
    session = await start()
    await read(session, 20)
    await settled(session)
    await session.pause()
    made, head = len(pipeline.batches), session.ring.head
    assert {session.ring.read() for _ in range(100)} == {SILENCE}
    await asyncio.sleep(0.1)
    assert (len(pipeline.batches), session.ring.head) == (made, head)
    assert session.status().phase == "paused"
    assert session.reader.load == 0
    await session.resume()
    assert session.ring.read() != SILENCE
    assert session.ring.head == head + 1


async def test_put_away_and_taken_up_it_goes_on_with_the_same_samples(start: Start) -> None:
    whole = await start()
    everything = Recorder(whole)
    await read(whole, 400)

    first = await start()
    await read(first, 101)
    state = JamSnapshot.from_json(first.reader.snapshot().model_dump_json())
    await first.stop()
    assert (state.column, state.packets_heard) == (96 * 2, 5), (
        "the block of packet 101, and packets of it"
    )
    second = await start(state=state)
    assert second.ring.head == 101
    rest = Recorder(second)
    await read(second, 200)
    assert second.status().shares[0].voters == ("Ann",)

    offset = everything.positions.index(rest.positions[0])
    count = min(len(rest.blocks), len(everything.blocks) - offset)
    assert count >= 20, "all of the 200 packets but what was ready before the tap"
    np.testing.assert_array_equal(
        np.concatenate(rest.blocks[:count]),
        np.concatenate(everything.blocks[offset : offset + count]),
    )


async def test_a_state_without_its_sound_goes_on_at_the_same_place(start: Start) -> None:
    first = await start()
    await read(first, 101)
    state = first.reader.snapshot(sound=False)
    assert len(state.model_dump_json()) < 2000
    second = await start(state=state)
    assert second.ring.head == first.ring.head == 101
    assert second.ring.stats().late == 0
    await read(second, 50)
    assert second.status().phase == "playing"


async def test_the_last_seconds_can_be_kept_as_they_were_heard(start: Start) -> None:
    session = await start()
    recorder = Recorder(session)
    await read(session, 40)
    await session.vote_for_prompt("bells", ANN)
    await until(lambda: len(session.reader.response_times) == 1)  # `read` is faster than time
    await read(session, 160)
    kept = await session.take_excerpt(3.0)
    assert kept.sample_rate == 48000
    assert len(kept.samples) == kept.pixels.shape[1] * 480
    assert 200 < kept.pixels.shape[1] <= 300
    end = session.ring.head * 960 // 960 * 960
    at = end - len(kept.samples) - recorder.positions[0]
    heard = recorder.samples[at : at + len(kept.samples)]
    np.testing.assert_allclose(kept.samples, np.clip(heard, -1, 1), atol=2e-5)
    assert kept.prompts[-1] == "bells"
    assert len(kept.recipe.chunks) >= 2


async def test_nothing_heard_is_nothing_kept_and_the_end_is_the_end(start: Start) -> None:
    session = await start()
    with pytest.raises(BadRequest, match="Nothing was heard"):
        await session.take_excerpt()
    await session.stop()
    assert session.ring.read() == b""
    assert session.status().phase == "ended"
    assert session.stored_status == "ended"
    with pytest.raises(BadRequest, match="over"):
        await session.vote_for_prompt("x", ANN)


async def test_only_a_chunk_of_the_jam_itself_is_a_measurement(
    start: Start, pipeline: FakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0  # of the thread that measures: only a picture's making takes time there

    def slow(requests: Sequence[RiffRequest]) -> None:
        nonlocal now
        now += 1.4

    monkeypatch.setattr(
        "riffbot.inference.engine.worker.time", SimpleNamespace(monotonic=lambda: now)
    )
    pipeline.trouble = slow
    with pytest.raises(Refused, match=r"0\.91 seconds of this jam"):
        await start()
    assert len(pipeline.batches) == 2, "a second chunk had its chance"


async def test_a_chunk_that_fails_is_tried_again_and_three_failures_end_the_jam_in_words(
    start: Start, pipeline: FakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riffbot.jam.planner.PAUSE_BETWEEN_TRIES_S", 0.01)
    failures = 0

    def trouble(requests: Sequence[RiffRequest]) -> None:
        nonlocal failures
        if failures > 0:
            failures -= 1
            raise GenerationFailed("not a number")

    session = await start()
    await settled(session)
    pipeline.trouble = trouble
    failures = 2
    await session.vote_for_prompt("bells", ANN)
    await until(lambda: len(session.reader.response_times) == 1)
    failures = 99
    await session.vote_for_prompt("techno", ANN)
    await until(lambda: session.is_ended)
    assert session.status().error == "not a number"
    assert session.stored_status == "paused", "it can be gone on with"


async def test_sound_that_cannot_be_made_ends_the_jam_in_words(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riffbot.jam.player._WAIT_S", 0.01)
    session = await start()

    def broken(*_: object) -> None:
        raise MemoryError

    session.reader.add_block_callback(broken)
    for _ in range(200):  # the voice channel reads on, whatever is there
        session.ring.read()
    await until(lambda: session.is_ended)
    assert session.status().error == "Something broke; the log has the details."
    assert session.stored_status == "paused"
    assert session.ring.read() == b""


async def test_a_jam_whose_sound_cannot_even_begin_is_not_waited_for(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("riffbot.jam.player._WAIT_S", 0.01)
    monkeypatch.setattr("riffbot.jam.synthesizer.Synthesizer.render_block", broken)
    with pytest.raises(RiffBotError, match="Something broke"):
        await start()


async def test_prompts_that_the_model_cannot_take_do_not_end_the_jam(
    start: Start, pipeline: FakePipeline
) -> None:
    def trouble(requests: Sequence[RiffRequest]) -> None:
        target = requests[0].target
        if target is not None and "odd" in target.prompt:
            raise BadRequest("This model cannot take that.")

    session = await start()
    await settled(session)
    pipeline.trouble = trouble
    for number in range(4):
        made = len(pipeline.batches)
        await session.vote_for_prompt(f"odd {number}", BOB)
        await until(lambda made=made: len(pipeline.batches) > made)
        await until(lambda: session._planner.pending.in_progress is None)
    assert not session.is_ended
    assert "odd" not in session.reader.snapshot(sound=False).model_dump_json()
    pipeline.trouble = lambda _: None
    await read(session, 100)
    assert session.status().current_prompt == "sax"


def _odd(requests: Sequence[RiffRequest]) -> None:
    target = requests[0].target
    if target is not None and "odd" in target.prompt:
        raise BadRequest("This model cannot take that.")


def _odd_at_the_end(pipeline: FakePipeline) -> Callable[[Sequence[RiffRequest]], None]:
    """The same, but only when the gate opens."""

    def trouble(requests: Sequence[RiffRequest]) -> None:
        assert pipeline.gate.wait(30)
        _odd(requests)

    return trouble


async def test_who_only_wished_beside_an_odd_prompt_keeps_vote_and_wish(
    start: Start, pipeline: FakePipeline
) -> None:
    session = await halted(start, pipeline)
    await session.vote_for_prompt("one", ANN)
    await until(lambda: _goal(pipeline.batches[-1][0]) == "one")
    await session.vote_for_prompt("odd", BOB)
    await session.set_denoising(0.9, ANN)  # the last of all that waits
    pipeline.trouble = _odd
    pipeline.gate.set()
    await until(lambda: [share.prompt for share in session.status().shares] == ["one"])
    await until(lambda: not session._planner.pending.has_any)
    await settled(session)
    last = session.reader.placements()[-1]
    await read_to(session, last.start)
    await settled(session)
    await read_to(session, last.end)  # half-way first, all the way with the next turn
    assert session.status().denoising == pytest.approx(0.9)
    assert session.status().current_prompt == "one"
    assert session.status().shares[0].voters == ("Ann",)


async def test_a_vote_after_an_odd_one_is_not_made_with_it(
    start: Start, pipeline: FakePipeline
) -> None:
    session = await halted(start, pipeline)
    pipeline.trouble = _odd_at_the_end(pipeline)
    await session.vote_for_prompt("odd", BOB)
    await until(lambda: "odd" in (_goal(pipeline.batches[-1][0]) or ""))
    await session.vote_for_prompt("bells", ANN)
    pipeline.gate.set()
    await until(lambda: not session._planner.pending.has_any)
    await settled(session)
    await read_to(session, session.reader.placements()[-1].start)
    assert session.status().current_prompt == "bells"
    assert [share.voters for share in session.status().shares] == [("Ann",)]


async def test_an_odd_prompt_of_a_member_who_was_forgotten_does_not_end_the_jam(
    start: Start, pipeline: FakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riffbot.jam.planner.PAUSE_BETWEEN_TRIES_S", 0.01)
    session = await halted(start, pipeline)
    pipeline.trouble = _odd_at_the_end(pipeline)
    await session.vote_for_prompt("odd", BOB)
    await until(lambda: "odd" in (_goal(pipeline.batches[-1][0]) or ""))
    await session.forget_member(BOB.user_id)
    pipeline.gate.set()
    await until(lambda: not session._planner.pending.has_any)
    assert not session.is_ended
    await at_the_next_beat(session, session.vote_for_prompt("bells", ANN))
    assert session.status().current_prompt == "bells"


async def test_a_member_can_be_forgotten(start: Start) -> None:
    session = await start()
    await session.vote_for_prompt("bells", BOB)
    await read(session, 100)
    await session.forget_member(BOB.user_id)
    assert "Bob" not in session.reader.snapshot(sound=False).model_dump_json()
    assert session.status().steered_by is None
