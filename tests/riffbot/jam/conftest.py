"""A jam around a pipeline that draws at once, on a loop of an exact 1.28 seconds; filled rings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from audio import codec
from audio.image import encode_png
from audio.stream import BLOCK
from riffbot.images import Images
from riffbot.inference.engine.engine import Engine
from riffbot.jam.attempts import FailedAttempts
from riffbot.jam.ballot import Ballot
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.config import JamConfig, JamHost
from riffbot.jam.loop_thread import LoopThread
from riffbot.jam.player import BLOCK_PACKETS, MAX_LEAD
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.ring import PacketRing
from riffbot.jam.session import JamSession
from riffbot.jam.snapshot import JamSnapshot
from riffbot.jam.timeline import Chunk, Placement
from riffbot.jam.types import Participant
from tests.support.fake_pipeline import FakePipeline, until
from tests.support.patience import patience

ANN, BOB = Participant(1, "Ann"), Participant(2, "Bob")

Start = Callable[..., Awaitable[JamSession]]


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """Numba compiles once; no test shall wait for it."""
    codec.warm_up()


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    """Two bundled seed images: `beat` at 187.5 bpm and `slow` at 93.75."""
    folder = tmp_path / "seed_images"
    folder.mkdir()
    picture = np.full((512, 128), 255, np.uint8)
    picture[200:400, ::32] = 60
    (folder / "beat.png").write_bytes(encode_png(picture))
    (folder / "slow.png").write_bytes(encode_png(picture))
    (folder / "seeds.toml").write_text(
        '[beat]\ntitle = "Beat"\nbpm = 187.5\nbeats = 4\nwidth = 128\n'
        '[slow]\ntitle = "Slow"\nbpm = 93.75\nbeats = 2\nwidth = 128\n'
    )
    return folder


@pytest.fixture
def pipeline(seeds: Path) -> FakePipeline:
    fake = FakePipeline()
    fake.images = Images(seeds)
    return fake


@pytest.fixture
async def engine(pipeline: FakePipeline) -> AsyncIterator[Engine]:
    engine = Engine(lambda: pipeline)
    await until(lambda: engine.stats().state == "ready")
    yield engine
    pipeline.gate.set()
    await engine.close()


@pytest.fixture
async def start(engine: Engine, pipeline: FakePipeline) -> AsyncIterator[Start]:
    """Starts jams that the test reads (or the clock, if told), and ends them."""
    loop, sessions = LoopThread(), list[JamSession]()

    async def begin(
        prompt: str = "sax",
        *,
        state: JamSnapshot | None = None,
        attempts: FailedAttempts | None = None,
        load_of_others: Callable[[], float] = lambda: 0.0,
        **options: object,
    ) -> JamSession:
        if state is None:
            ballot = Ballot().cast(ANN.user_id, ANN.name, prompt, 0.0)
            state = JamSnapshot.begin(
                PromptPath.begin(ChunkOptions(prompt=prompt, seed=5), seed_image="beat"),
                ballot=ballot,
            )
        host = JamHost(engine, pipeline.images, loop, attempts or FailedAttempts())
        config = JamConfig(**{"pause_when_idle": False, **options})  # type: ignore[arg-type]
        session = JamSession(host, state, config, load_of_others=load_of_others)
        sessions.append(session)
        await session.start()
        return session

    yield begin
    pipeline.gate.set()
    for session in sessions:
        await session.stop()
    loop.stop()


async def read(session: JamSession, packets: int) -> list[bytes]:
    """Read as a voice channel's player would, only as fast as the packets are made."""
    heard = []
    for _ in range(packets):
        await until(lambda: session.ring.stats().ready > 0 or session.ring.closed)
        heard.append(session.ring.read())
    return heard


async def read_to(session: JamSession, column: int) -> None:
    """Read until this column is heard next. Nothing is planned meanwhile, for it takes no time: so
    at most to the end of what `settled` leaves planned."""
    await read(session, max(0, -(-(column - session._player.heard_column) // 2)))


async def at_the_next_beat(session: JamSession, wish: Awaitable[object]) -> Placement:
    """Wish something of a jam that is at rest, and read up to where it is heard.

    That is the first beat which is not written when its chunk is there, whatever was planned. And
    as nobody reads meanwhile, no more is written by then than was ready when it was wished, or has
    to be ready on a machine whose blocks take so long.
    """
    entered: list[tuple[int, Placement, int]] = []
    enter, next_beat = session._player.insert, session.loop_grid.next_beat

    def listen(chunk: Chunk, *, at_next_beat: bool, planned: int | None = None) -> Placement:
        earliest = next_beat(session._synthesizer.consumed)
        entry = enter(chunk, at_next_beat=at_next_beat, planned=planned)
        if at_next_beat:
            entered.append((earliest, entry, next_beat(session._synthesizer.consumed)))
        return entry

    await settled(session)
    wished_at, most = session._player.heard_column, 2 * MAX_LEAD
    with patch.object(session._player, "insert", listen):
        await wish
        await until(lambda: len(entered) > 0 and not session._planner.pending.has_any)
    earliest, entry, latest = entered[-1]
    assert session._player.heard_column == wished_at
    assert earliest <= entry.start <= latest
    assert entry.start <= next_beat(wished_at + most + 2 * BLOCK)
    await settled(session)
    await read_to(session, entry.start)
    return entry


async def settled(session: JamSession) -> None:
    """Wait until the ring is full, enough is planned ahead and nothing is being made."""

    async def at_rest() -> bool:  # on the jams' own loop, where nothing happens in between
        full = session._planner.is_settled and session.ring.free_slots() < BLOCK_PACKETS
        return full and session.status().buffer_s > 1.5  # a whole turn of the loop, and some

    async with patience(20):
        while not await session._loop.run(at_rest()):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def packet(position: int) -> bytes:
    return f"p{position}".encode()


def filled(count: int, **options: int) -> PacketRing:
    ring = PacketRing(1000, **options)
    for position in range(ring.head, ring.head + count):
        assert ring.put(packet(position), position)
    return ring
