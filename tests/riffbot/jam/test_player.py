"""The thread that fills the ring: whoever looks on waits for nothing, what fails loses nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from audio.arrays import Floats, Pixels
from audio.leveller import Leveller
from audio.stream import AHEAD, BLOCK, Stream
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.opus import OpusEncoder
from riffbot.jam.player import Player
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.ring import PacketRing
from riffbot.jam.synthesizer import Synthesizer
from riffbot.jam.timeline import Chunk, LoopGrid, Timeline
from tests.support.fake_pipeline import until
from tests.support.patience import patience

LOOP_GRID = LoopGrid(width=128, beats=4)
BLOCKS = 9


def chunk(seed: int) -> Chunk:
    path = PromptPath.begin(ChunkOptions(prompt="sax", seed=seed), seed_image="beat")
    picture = np.random.default_rng(seed).integers(120, 255, (512, LOOP_GRID.width), np.uint8)
    return Chunk(path, path.build_request(), picture)


def score() -> Timeline:
    written = Timeline(LOOP_GRID)
    written.insert(chunk(1), 0)
    written.insert(chunk(2), LOOP_GRID.width)
    return written


@contextmanager
def playing(**options: Any) -> Iterator[tuple[Player, PacketRing, dict[int, Floats]]]:
    """A player with room for all of `BLOCKS`, its ring, and the blocks by their positions."""
    ring, blocks = PacketRing(8 * BLOCKS), dict[int, Floats]()
    player = Player(
        Synthesizer(score()), ring, OpusEncoder(), **{"on_block": lambda: None, **options}
    )
    player.block_callbacks.append(blocks.__setitem__)
    player.start()
    try:
        yield player, ring, blocks
    finally:
        ring.close()
        player.stop()


def failing_at(
    call: int, original: Callable[..., Any], *, after: bool = False
) -> Callable[..., Any]:
    """The same function, which breaks once; `after` it has done its work."""
    calls = 0

    def function(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and not after:
            raise MemoryError
        result = original(*args)
        if calls == call:
            raise MemoryError
        return result

    return function


async def test_a_block_that_fails_is_made_again_at_its_own_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wherever it fails: nothing is lost, nothing is played twice, every sample stays the same."""
    whole = Synthesizer(score())
    expected = np.concatenate([whole.render_block() for _ in range(BLOCKS)])
    monkeypatch.setattr("riffbot.jam.player._WAIT_S", 0.001)
    monkeypatch.setattr(Stream, "push", failing_at(2, Stream.push, after=True))
    monkeypatch.setattr(Leveller, "push", failing_at(4, Leveller.push, after=True))
    monkeypatch.setattr(OpusEncoder, "encode", failing_at(6, OpusEncoder.encode))
    with playing() as (player, ring, blocks):
        player.block_callbacks.append(failing_at(5, lambda position, samples: None))
        await until(lambda: len(blocks) == BLOCKS)
        await until(lambda: ring.stats().ready == 8 * BLOCKS)
        assert list(blocks) == [7680 * number for number in range(BLOCKS)]
        np.testing.assert_array_equal(np.concatenate(list(blocks.values())), expected)
        stats = ring.stats()
        assert (stats.head, stats.late) == (0, 0)


async def test_the_first_block_that_fails_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Synthesizer(score())
    expected = whole.render_block()
    monkeypatch.setattr("riffbot.jam.player._WAIT_S", 0.001)
    monkeypatch.setattr(Leveller, "push", failing_at(1, Leveller.push, after=True))
    with playing() as (_, _, blocks):
        await until(lambda: len(blocks) > 0)
        np.testing.assert_array_equal(blocks[0], expected)


async def test_the_score_can_be_looked_at_and_changed_while_a_block_is_solved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    solving, go_on, push = threading.Event(), threading.Event(), Stream.push

    def slow(self: Stream, columns: Pixels) -> Floats:
        solving.set()
        assert go_on.wait(30)
        return push(self, columns)

    monkeypatch.setattr(Stream, "push", slow)
    with playing() as (player, _, blocks):
        try:
            await asyncio.to_thread(solving.wait, 20)

            def look() -> None:
                assert len(player.placements()) == 2
                assert player.placement_at(0) is not None
                # What is being solved is written: a chunk can come in at the next beat only.
                assert player.columns_ahead() == 2 * LOOP_GRID.width - BLOCK - AHEAD
                assert player.insert(chunk(3), at_next_beat=True).start == 32

            async with patience(20):
                await asyncio.to_thread(look)
        finally:
            go_on.set()
        await until(lambda: len(blocks) == BLOCKS)
    assert player.failures == 0
