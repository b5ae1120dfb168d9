"""One jam a server, many at once, and what a restart must not lose."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio.image import decode_image
from riffbot.clips.service import ClipService
from riffbot.errors import BadRequest, GenerationFailed, NotFound, Refused
from riffbot.images import Images
from riffbot.inference.engine.engine import Engine
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.manager import JamManager
from riffbot.jam.ring import SILENCE
from riffbot.jam.snapshot import scrub_jam
from riffbot.jam.tempo_lock import choose_seed_image
from riffbot.jam.types import JamChannels
from riffbot.library.jam_record import GuildJam
from riffbot.library.store import Library
from riffbot.library.types import Author
from riffbot.request import RiffRequest
from riffbot.settings import Settings
from tests.riffbot.jam.conftest import ANN, BOB, read, settled
from tests.support.fake_pipeline import FakePipeline, until

Open = Callable[[], JamManager]


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    library = await Library.open(settings_of(tmp_path))
    yield library
    await library.close()


def settings_of(tmp_path: Path) -> Settings:
    return Settings(
        _env_file=None, data_dir=tmp_path / "data", seed_images=tmp_path / "seed_images"
    )


@pytest.fixture
async def opened(
    engine: Engine, pipeline: FakePipeline, library: Library, tmp_path: Path
) -> AsyncIterator[Open]:
    """Opens a manager, as a start of RiffBot does; all are closed in the end."""
    managers: list[JamManager] = []
    settings = settings_of(tmp_path)

    def open_one() -> JamManager:
        clip_service = ClipService(engine, library, settings)
        managers.append(JamManager(engine, pipeline.images, library, clip_service, settings))
        return managers[-1]

    yield open_one
    for manager in managers:
        await manager.close()


async def test_one_jam_a_server_and_many_servers(opened: Open) -> None:
    jams = opened()
    one = await jams.start(GuildJam(1), ChunkOptions(prompt="sax", seed_image="beat"), starter=ANN)
    two = await jams.start(GuildJam(2), ChunkOptions(prompt="bells", bpm=90), starter=BOB)
    assert two.seed_image == "slow"
    with pytest.raises(BadRequest, match="plays here already"):
        await jams.start(GuildJam(1), ChunkOptions(prompt="techno"), starter=BOB)
    assert (jams.get(GuildJam(1)), jams.get(GuildJam(2)), jams.get(GuildJam(3))) == (one, two, None)
    assert jams.get_by_id(two.id) is two
    assert {session.id for session in jams.all()} == {one.id, two.id}
    await one.stop()
    await until(lambda: jams.get(GuildJam(1)) is None)
    again = await jams.start(GuildJam(1), ChunkOptions(prompt="techno"), starter=BOB)
    assert again.status().current_prompt == "techno"
    assert again.status().shares[0].voters == ("Bob",)


async def test_a_restart_goes_on_with_the_same_walk_at_the_same_place(opened: Open) -> None:
    first = opened()
    session = await first.start(
        GuildJam(7),
        ChunkOptions(prompt="sax", seed_image="beat"),
        starter=ANN,
        bitrate=64_000,
        channels=JamChannels(10, 11),
    )
    await first.update_channels(session, JamChannels(10, 11, 12))
    await read(session, 60)
    await session.vote_for_prompt("bells", ANN)
    await read(session, 200)
    here = session.status()
    await first.close()
    assert session.ring.read() == b""

    second = opened()
    (row,) = await second.find_unfinished()
    assert (row.status, row.voice_channel_id, row.text_channel_id, row.message_id) == (
        "running",
        10,
        11,
        12,
    )
    resumed = await second.resume(GuildJam(7))
    status = resumed.status()
    assert resumed.id == session.id
    assert resumed.reader.bitrate == 64_000
    assert resumed.channels == JamChannels(10, 11, 12)
    assert status.played_s == here.played_s
    assert (status.current_prompt, status.seed, status.denoising) == (
        "bells",
        here.seed,
        here.denoising,
    )
    np.testing.assert_array_equal(status.spectrogram, here.spectrogram)
    assert await second.find_unfinished() == []
    await read(resumed, 100)


async def test_after_a_crash_it_goes_on_at_the_last_chunk(opened: Open, library: Library) -> None:
    first = opened()
    session = await first.start(
        GuildJam(7), ChunkOptions(prompt="sax", seed_image="beat"), starter=ANN
    )
    await read(session, 300)
    await until(lambda: not first._saver.is_saving)
    row = await library.jams.find_latest(GuildJam(7))
    assert row is not None
    assert len(row.snapshot) < 3000, "while it plays only the place is stored, not the sound"
    second = opened()  # the first never said goodbye
    resumed = await second.resume(GuildJam(7))
    assert session.reader.played_s - 2.6 < resumed.reader.played_s <= session.reader.played_s
    await read(resumed, 60)


async def test_a_jam_from_before_a_crash_does_not_come_back_over_a_newer_one(
    opened: Open,
) -> None:
    first = opened()
    await first.start(GuildJam(7), ChunkOptions(prompt="sax", seed_image="beat"), starter=ANN)
    await first.start(GuildJam(8), ChunkOptions(prompt="sax", seed_image="beat"), starter=ANN)
    await until(lambda: not first._saver.is_saving)
    second = opened()  # the first never said goodbye
    newer = await second.start(
        GuildJam(7), ChunkOptions(prompt="bells", seed_image="beat"), starter=BOB
    )
    await newer.stop()
    await until(lambda: second.get_starter(newer) is None)  # its end is stored
    third = opened()
    (row,) = await third.find_unfinished()
    assert (row.guild_id, row.status) == (8, "running")
    await third.mark_paused(row)
    (row,) = await third.find_unfinished()
    assert row.status == "paused", "only who asks for it goes on with it"


async def test_a_parked_jam_frees_its_place_and_comes_back(opened: Open) -> None:
    jams = opened()
    session = await jams.start(
        GuildJam(7), ChunkOptions(prompt="sax", seed_image="beat"), starter=ANN
    )
    await read(session, 100)
    at = session.ring.head
    await jams.park(session)
    assert jams.get(GuildJam(7)) is None
    assert session.ring.read() == b""
    (row,) = await jams.find_unfinished()
    assert row.status == "paused"
    resumed = await jams.resume(GuildJam(7))
    assert resumed.ring.head == at
    assert jams.get_starter(resumed) == ANN


@pytest.mark.parametrize("end", ["park", "stop"])
async def test_an_end_while_an_older_state_is_written_is_stored_all_the_same(
    opened: Open, library: Library, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    jams = opened()
    session = await jams.start(
        GuildJam(7), ChunkOptions(prompt="sax", seed_image="beat"), starter=ANN
    )
    await read(session, 100)
    await until(lambda: not jams._saver.is_saving)
    stop = session._player.stop

    def slowly() -> None:
        stop()
        time.sleep(0.3)  # meanwhile a state that is being written is done with

    monkeypatch.setattr(session._player, "stop", slowly)
    await session.set_denoising(0.8, ANN)  # a change is written just now
    await (jams.park(session) if end == "park" else session.stop())
    await until(lambda: jams.get_starter(session) is None)  # its end is stored
    row = await library.jams.find_latest(GuildJam(7))
    assert row is not None
    assert (row.status, row.starter_name) == ("paused" if end == "park" else "ended", "Ann")


async def test_resuming_a_paused_jam_is_going_on_and_without_one_it_is_a_sentence(
    opened: Open,
) -> None:
    jams = opened()
    session = await jams.start(
        GuildJam(7), ChunkOptions(prompt="sax", seed_image="beat"), starter=ANN
    )
    await session.pause()
    assert await jams.resume(GuildJam(7)) is session
    assert session.status().phase == "playing"
    with pytest.raises(NotFound, match="/jam start"):
        await jams.resume(GuildJam(8))


async def test_a_pause_does_not_end_where_other_jams_need_the_machine_by_now(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    jams = opened()
    waiting = await jams.start(
        GuildJam(7),
        ChunkOptions(prompt="sax", seed_image="beat"),
        starter=ANN,
        channels=JamChannels(10, 11),
    )
    await waiting.pause()
    other = await jams.start(
        GuildJam(8), ChunkOptions(prompt="bells", seed_image="beat"), starter=BOB
    )
    with monkeypatch.context() as patch:
        patch.setattr(type(other.reader), "load", property(lambda reader: 0.79999))
        with pytest.raises(Refused, match="beside the jams that play already"):
            await jams.resume(GuildJam(7), channels=JamChannels(20, 21))
    assert waiting.status().phase == "paused"
    assert waiting.ring.read() == SILENCE
    assert waiting.channels == JamChannels(10, 11)
    assert await jams.resume(GuildJam(7), channels=JamChannels(20, 21)) is waiting
    assert (waiting.status().phase, waiting.channels) == ("playing", JamChannels(20, 21))


async def test_a_stretch_becomes_a_riff_of_the_library(opened: Open, library: Library) -> None:
    jams = opened()
    session = await jams.start(
        GuildJam(7), ChunkOptions(prompt="funky sax", seed_image="beat"), starter=ANN
    )
    await read(session, 120)
    await session.vote_for_prompt("bells", ANN)
    await until(lambda: len(session.reader.response_times) == 1)  # `read` is faster than time
    # A machine whose blocks take long writes more ahead, so the change is heard later there.
    while session.status().current_prompt != "bells":
        await read(session, 10)
    await read(session, 100)
    clip = await jams.save_excerpt(session, 4.0, author=Author(1, "Ann", 7))
    stored = await library.riffs.get(clip.id)
    assert stored.author.user_id == 1
    assert 3 < clip.duration_s <= 4
    sound, rate = soundfile.read(io.BytesIO(clip.mp3))
    assert len(sound) / rate == pytest.approx(clip.duration_s, abs=0.001)
    image = decode_image(clip.png)
    assert image.pixels.shape == (512, 128), "what its recipe makes again and a remix starts from"
    recipe = json.loads(image.recipe or "")
    assert recipe["request"]["seed_image"] == "beat"
    assert recipe["jam"]["columns"] == round(clip.duration_s * 100)
    prompts = {chunk["request"]["prompt"] for chunk in recipe["jam"]["chunks"]}
    assert prompts == {"funky sax", "bells"}


async def test_a_jam_that_an_error_ended_is_stored_and_can_go_on(
    opened: Open, library: Library, pipeline: FakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riffbot.jam.planner.PAUSE_BETWEEN_TRIES_S", 0.01)
    jams = opened()
    session = await jams.start(
        GuildJam(7), ChunkOptions(prompt="sax", seed_image="beat"), starter=ANN
    )

    def trouble(requests: Sequence[RiffRequest]) -> None:
        raise GenerationFailed("not a number")

    pipeline.trouble = trouble
    await session.vote_for_prompt("bells", ANN)
    await until(lambda: jams.get_starter(session) is None)  # its end is stored
    assert session.status().error == "not a number"
    row = await library.jams.find_latest(GuildJam(7))
    assert row is not None
    assert row.status == "paused"
    pipeline.trouble = lambda _: None
    resumed = await jams.resume(GuildJam(7))
    await read(resumed, 40)
    assert resumed.status().phase == "playing"


async def test_a_start_that_fails_leaves_nothing_behind(
    opened: Open, library: Library, pipeline: FakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    jams = opened()
    with pytest.raises(NotFound):
        await jams.start(GuildJam(7), ChunkOptions(prompt="sax", seed_image="nothing"), starter=ANN)
    with pytest.raises(BadRequest, match="Denoising"):
        await jams.start(GuildJam(7), ChunkOptions.build(prompt="sax", denoising=3.0), starter=ANN)
    with pytest.raises(BadRequest, match="Bpm"):
        await jams.start(GuildJam(7), ChunkOptions(prompt="sax", bpm=999), starter=ANN)
    with monkeypatch.context() as patch:
        patch.setattr("riffbot.jam.capacity.MAX_LOAD", 1e-9)
        with pytest.raises(Refused):
            await jams.start(GuildJam(7), ChunkOptions(prompt="sax"), starter=ANN)
    assert jams.get(GuildJam(7)) is None
    assert await library.jams.find_latest(GuildJam(7)) is None
    await jams.start(GuildJam(7), ChunkOptions(prompt="sax"), starter=ANN)


async def test_a_member_is_forgotten_in_rows_and_in_what_plays(
    opened: Open, library: Library
) -> None:
    jams = opened()
    session = await jams.start(
        GuildJam(7), ChunkOptions(prompt="sax", seed_image="beat"), starter=ANN
    )
    await session.vote_for_prompt("bells", BOB)
    await until(lambda: not jams._saver.is_saving)
    await jams.forget_member(ANN.user_id)
    await library.privacy.erase_member(ANN.user_id, scrub_jam)
    await until(lambda: not jams._saver.is_saving)
    await jams.update_channels(session, JamChannels())
    row = await library.jams.find_latest(GuildJam(7))
    assert row is not None
    assert "Ann" not in row.snapshot + str(row.starter_name)
    assert "Bob" in row.snapshot


async def test_jams_need_no_loop_of_the_caller(opened: Open) -> None:
    """A session that was started on one loop is steered from another."""
    jams = opened()
    session = await jams.start(
        GuildJam(7), ChunkOptions(prompt="sax", seed_image="beat"), starter=ANN
    )
    await settled(session)
    await asyncio.to_thread(lambda: asyncio.run(session.vote_for_prompt("bells", BOB)))
    await until(lambda: len(session.reader.response_times) == 1)
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert others == set(), "nothing of a jam waits on the caller's loop"


async def test_the_page_is_known_only_while_it_is_served(opened: Open) -> None:
    jams = opened()
    session = await jams.start(
        GuildJam(7), ChunkOptions(prompt="sax", seed_image="beat"), starter=ANN
    )
    assert jams.page_url(session) is None
    jams.page = "http://127.0.0.1:1234/"
    assert jams.page_url(session) == f"http://127.0.0.1:1234/jam/{session.id}"


def test_the_seed_image_is_the_one_of_the_nearest_tempo(seeds: Path, tmp_path: Path) -> None:
    images = Images(seeds)
    assert choose_seed_image(images, None, "sax") == "beat"
    assert choose_seed_image(images, 100.0) == "slow"
    assert choose_seed_image(images, None, "techno, 170 bpm") == "beat"
    with pytest.raises(NotFound, match="seed image"):
        choose_seed_image(Images(tmp_path / "none"), None)
