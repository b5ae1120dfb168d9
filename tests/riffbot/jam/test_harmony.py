"""A jam keeps its key and its chords, and shows each chunk those that sound in it."""

from __future__ import annotations

import pytest

from riffbot.errors import BadRequest
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.session import JamSession
from riffbot.jam.snapshot import JamSnapshot
from tests.riffbot.jam.conftest import ANN, BOB, Start, at_the_next_beat, read, settled
from tests.support.fake_pipeline import CARD, FakePipeline

LOOP = 128
"""Columns of a loop of one measure."""


@pytest.fixture
def pipeline(pipeline: FakePipeline) -> FakePipeline:
    """One that knows keys and chords."""
    pipeline.model.card = CARD.model_copy(update={"beat_grid": True, "harmony_grid": True})
    return pipeline


def beginning(**options: str) -> JamSnapshot:
    path = PromptPath.begin(ChunkOptions.build(prompt="sax", seed=5, **options), seed_image="beat")
    return JamSnapshot.begin(path)


def chords_by_cycle(session: JamSession) -> dict[int, str | None]:
    """The chords of the chunks that play whole cycles, by the cycle that each ends with."""
    return {each.end // LOOP - 1: each.chunk.request.chords for each in session.reader.placements()}


async def test_the_chords_go_round_with_the_loop(start: Start) -> None:
    session = await start(state=beginning(key="A minor", chords="Am F C G"))
    await settled(session)
    await read(session, 320)
    await settled(session)
    shown = chords_by_cycle(session)
    assert len(shown) >= 4
    for cycle, chords in shown.items():
        assert chords == ["Am", "F", "C", "G"][cycle % 4], cycle
    assert {each.chunk.request.key for each in session.reader.placements()} == {"A minor"}


async def test_a_new_prompt_keeps_both_and_a_new_key_takes_the_chords_along(
    start: Start,
) -> None:
    session = await start(state=beginning(key="A minor", chords="Am F"))
    await settled(session)
    voted = await at_the_next_beat(session, session.vote_for_prompt("church bells", BOB))
    assert voted.chunk.request.key == "A minor"
    moved = await at_the_next_beat(session, session.set_harmony(ANN, key="D minor"))
    assert moved.chunk.request.key == "D minor"
    assert moved.chunk.request.chords in {"Dm", "Bb"}
    assert session.status().key == "D minor"
    told = await at_the_next_beat(session, session.vote_for_prompt("dub in E minor", BOB))
    assert told.chunk.request.key == "E minor"
    free = await at_the_next_beat(session, session.set_harmony(ANN, key="any", chords="any"))
    assert free.chunk.path.harmony == (None, None)


async def test_what_cannot_be_read_changes_nothing(start: Start) -> None:
    session = await start(state=beginning(key="A minor"))
    for told in ({"chords": "Amm7"}, {"key": "fish"}, {}):
        with pytest.raises(BadRequest):
            await session.set_harmony(ANN, **told)
    assert session.status().key == "A minor"
    assert await session.set_harmony(ANN, chords="i-VI") == ("A minor", "i VI")


async def test_it_resumes_with_the_same_chords(start: Start) -> None:
    session = await start(state=beginning(key="A minor", chords="Am F C G"))
    await settled(session)
    await read(session, 130)
    await settled(session)
    stored = JamSnapshot.from_json((await session.park()).model_dump_json())
    again = await start(state=stored)
    await settled(again)
    before = {each.start: each.chunk.request for each in session.reader.placements()}
    after = {each.start: each.chunk.request for each in again.reader.placements()}
    both = before.keys() & after.keys()
    assert both
    assert all(before[column] == after[column] for column in both)
