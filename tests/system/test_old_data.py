"""A data folder of an earlier version: everything in it goes on working, to the byte.

`tests/riffbot/library/old_data` was written by the version that its README names. Whatever is
renamed, moved or rebuilt: these rows, files, recipes and buttons are what people have.
"""

from __future__ import annotations

import asyncio
import json
import platform
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import discord
import numpy as np
import pytest
import torch

from audio import codec, files
from audio.image import decode_image
from riffbot import cli
from riffbot.clips import recipes
from riffbot.library.jam_record import GuildJam
from riffbot.rendering import render
from riffbot.request import RiffRequest
from riffbot.services import Services, open_services
from riffbot.settings import Settings
from tests.support.patience import patience
from tests.support.simulated_discord import Room, open_room

OLD = Path(__file__).parents[1] / "riffbot" / "library" / "old_data"
KNOWN: dict[str, Any] = json.loads((OLD / "known.json").read_text())
IDS: dict[str, int] = KNOWN["ids"]
RIFFS: dict[str, str] = KNOWN["riffs"]
RIFF, JAM = RIFFS["riff"], KNOWN["jam"]["id"]

BUTTON, MENU = 2, 3
"""Discord's numbers of these kinds of components."""


def same_machine() -> bool:
    """Whether floating point gives here what it gave where the folder was written."""
    here = [torch.__version__, platform.machine(), torch.backends.cpu.get_cpu_capability()]
    return here == KNOWN["machine"]


def check_pixels(new: np.ndarray[Any, Any], old: np.ndarray[Any, Any]) -> None:
    if same_machine():
        assert np.array_equal(new, old)
    else:
        assert new.shape == old.shape
        assert np.mean(new != old) < 0.05


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A copy of the folder, as if its RiffBot had stopped a moment ago."""
    data = tmp_path / "data"
    shutil.copytree(OLD / "data", data)
    # As the database has it; jams are forgotten after a month.
    now = datetime.now(UTC).replace(tzinfo=None).isoformat(sep=" ")
    with sqlite3.connect(data / "riffbot.db") as database:
        database.execute("UPDATE jams SET updated_at = ?", (now,))
        database.execute("UPDATE jobs SET created_at = ?", (now,))
    database.close()
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        data_dir=data,
        model=str(OLD / "model"),
        seed_images=OLD / "seed_images",
        device="cpu",
        open_browser=False,
    )


@pytest.fixture
async def services(settings: Settings) -> AsyncIterator[Services]:
    async with open_services(settings) as opened:
        await loaded(opened)
        yield opened


async def loaded(services: Services) -> None:
    """Wait for the model: two that load in one process at a time disturb each other."""
    async with patience(60):
        while services.engine.resolve(RiffRequest(prompt="any", seed=0)) is None:
            await asyncio.to_thread(time.sleep, 0.05)


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    database = sqlite3.connect(settings.data_dir / "riffbot.db")
    try:
        return database.execute(query).fetchall()
    finally:
        database.close()


async def test_every_riff_is_listed_with_its_files(services: Services) -> None:
    library = services.library
    assert {riff.id for riff in await library.riffs.recent()} == set(RIFFS.values())
    song, excerpt = (
        await library.riffs.get(RIFFS["song"]),
        await library.riffs.get(RIFFS["excerpt"]),
    )
    assert (song.kind, song.parent_id) == ("extend", RIFF)
    assert excerpt.kind == "riff"
    assert [riff.id for riff in await library.riffs.favourites(IDS["ben"])] == [RIFF]
    assert (await library.guilds.get_settings(IDS["guild"])).jam_steer == "starter"
    remix = await services.clip_service.clip(RIFFS["remix"])
    assert (remix.kind, remix.parent_id, remix.author.user_id) == ("remix", RIFF, IDS["ben"])
    found = await library.riffs.page(text="funky sax", author_id=IDS["ada"])
    assert RIFF in {riff.id for riff in found.riffs}
    by_message = await library.riffs.find_by_message(KNOWN["messages"][RIFF])
    assert by_message is not None
    assert by_message.id == RIFF


@pytest.mark.parametrize("name", RIFFS)
async def test_every_riff_replays(services: Services, settings: Settings, name: str) -> None:
    clip = await services.clip_service.clip(RIFFS[name])
    riff = await services.clip_service.replayer.replay(clip.id)
    check_pixels(riff.image, decode_image(clip.png).pixels)
    if name == "excerpt":  # whose sound is more than its last chunk, see below
        return
    ancestors = recipes.collect_ancestors(riff.request, services.images)
    again = render(riff, loudness_lufs=settings.loudness_lufs, made_from=ancestors)
    if same_machine():
        assert (again.png, again.mp3) == (clip.png, clip.mp3)
    old, new = files.read(clip.mp3), files.read(again.mp3)
    assert old.samples.shape == new.samples.shape
    if same_machine():
        assert np.array_equal(old.samples, new.samples)


async def test_the_recipes_in_the_files_are_read(services: Services) -> None:
    for riff_id in RIFFS.values():
        clip = await services.clip_service.clip(riff_id)
        for data in (clip.png, clip.mp3):
            recipe = services.clip_service.replayer.read_recipe(data)
            assert (recipe.request, recipe.model_hash) == (clip.request, clip.model_hash)


def test_an_excerpt_is_made_again_from_its_file(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((digest,),) = rows(settings, f"SELECT mp3 FROM riffs WHERE id = '{RIFFS['excerpt']}'")
    kept = settings.files_dir / digest[:2] / digest[2:4] / f"{digest}.mp3"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RIFFBOT_SEED_IMAGES", str(OLD / "seed_images"))
    monkeypatch.setenv("RIFFBOT_DATA_DIR", str(settings.data_dir))
    words = ["jam", "--from", str(kept), "--out", "again.wav", "--model", str(OLD / "model")]
    assert cli.main(words) == 0
    old, new = files.read(kept), files.read(tmp_path / "again.wav")
    columns = [
        codec.audio_to_image(sound.samples, sound.sample_rate)[:, 50:-20] for sound in (old, new)
    ]
    width = min(part.shape[1] for part in columns)
    first, second = (part[:, :width].astype(float) for part in columns)
    assert abs(columns[0].shape[1] - columns[1].shape[1]) < 10
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.8


async def test_the_jam_goes_on_at_its_place(settings: Settings) -> None:
    async with open_services(settings) as services:
        await loaded(services)
        session = await services.jams.resume(GuildJam(IDS["guild"]), paced_by="voice")
        assert session.id == JAM
        status = session.status()
        assert [share.prompt for share in status.shares] == ["church bells"]
        assert abs(status.played_s - KNOWN["jam"]["at"] / 100) < 0.16  # in a block of 16 columns
    ((text, state),) = rows(settings, "SELECT state, status FROM jams")
    assert state == "running"
    assert json.loads(text)["at"] == KNOWN["jam"]["at"]  # nobody listened


async def test_the_unfinished_riff_is_finished(services: Services) -> None:
    (job,) = await services.library.jobs.unfinished()
    assert (job.id, job.attempts) == (KNOWN["job"], 1)
    clip = await services.clip_service.resume(job)
    assert (clip.id, clip.request.prompt, clip.request.seed) == (job.id, "slow organ", 11)
    assert await services.library.jobs.unfinished() == []


# -- its messages ---------------------------------------------------------------------------------


@dataclass
class OldServer:
    """The server whose data these are, in a simulated Discord: the same ids, the same buttons."""

    room: Room
    guild: Any
    channel: Any
    ada: Any
    ben: Any

    @classmethod
    async def furnish(cls, room: Room) -> OldServer:
        env = room.env
        guild = env.create_guild("Old server", id=IDS["guild"])
        with next_id(env, IDS["channel"]):
            channel = guild.create_text_channel("riffs")
        members = {}
        for name in ("ada", "ben"):
            with next_id(env, IDS[name]):
                user = env.create_user(name)
            members[name] = guild.add_member(user)
        await env.settle()
        return cls(room, guild, channel, members["ada"], members["ben"])

    async def message(self, custom_id: str, values: tuple[str, ...] = ()) -> Any:
        """A message of the bot's from before the restart, with one button or one menu."""
        part: dict[str, Any] = {"type": BUTTON, "style": 2, "label": "old", "custom_id": custom_id}
        if values:
            options = [{"label": value, "value": value} for value in values]
            part = {"type": MENU, "custom_id": custom_id, "options": options}
        route = discord.http.Route(
            "POST", "/channels/{channel_id}/messages", channel_id=self.channel.id
        )
        row = {"type": 1, "components": [part]}
        await self.room.bot.http.request(route, json={"content": "old", "components": [row]})
        await self.room.env.settle()
        return self.channel.history()[-1]

    async def click(self, who: Any, custom_id: str) -> Any:
        return await who.click(await self.message(custom_id), custom_id=custom_id)

    async def choose(self, who: Any, custom_id: str, value: str) -> Any:
        message = await self.message(custom_id, (value,))
        return await who.select(message, [value], custom_id=custom_id)


@contextmanager
def next_id(env: Any, value: int) -> Iterator[None]:
    """What is made in the block gets this id, as Discord would give it."""
    plain = env.backend.snowflake
    given = iter([env.backend.reserve_id(value)])
    env.backend.snowflake = lambda: next(given, None) or plain()
    try:
        yield
    finally:
        env.backend.snowflake = plain


@asynccontextmanager
async def old_server(settings: Settings) -> AsyncIterator[OldServer]:
    async with open_room(settings, local=True) as room:
        await loaded(room.services)
        yield await OldServer.furnish(room)


def ids_of(kind: str) -> dict[str, str]:
    """The custom ids that the old version put under a message, by what they do."""
    return {custom_id.split(":")[1]: custom_id for custom_id in KNOWN["custom_ids"][kind]}


async def test_the_buttons_under_an_old_riff(settings: Settings) -> None:
    async with old_server(settings) as server:
        library, press = server.room.services.library, ids_of("riff")
        assert set(press) == {"seed", "remix", "four", "save", "delete"}
        before = await library.riffs.count()

        await server.click(server.ben, press["seed"])
        newest = (await library.riffs.recent())[0]
        assert (newest.parent_id, newest.author_id) == (RIFF, IDS["ben"])

        shown = await server.click(server.ben, press["remix"])
        assert shown.modal["components"][0]["component"]["value"] == "funky (sax:1.2)"
        await server.ben.submit_modal(shown, {"prompt": "ska", "denoising": "0.4"})
        remix = (await library.riffs.recent())[0]
        assert (remix.kind, remix.prompt, remix.parent_id) == ("remix", "ska", RIFF)

        await server.click(server.ada, press["four"])
        assert await library.riffs.count() == before + 6
        await server.click(server.ada, press["save"])
        assert RIFF in {riff.id for riff in await library.riffs.favourites(IDS["ada"])}
        await server.click(server.ada, press["delete"])
        assert await library.riffs.count() == before + 5
        assert RIFF not in {riff.id for riff in await library.riffs.recent()}


async def test_an_old_page_of_the_library(settings: Settings) -> None:
    async with old_server(settings) as server:
        menu, turn = KNOWN["custom_ids"]["library page"]
        opened = (await server.choose(server.ada, menu, RIFF)).response
        assert opened.ephemeral
        assert {attachment.filename for attachment in opened.attachments} >= {"riff.mp3"}
        older = (await server.click(server.ada, turn)).response
        assert f"#{RIFF}" in str(older.embeds[0].to_dict())


async def test_an_old_page_of_the_guide(settings: Settings) -> None:
    async with old_server(settings) as server:
        for custom_id in KNOWN["custom_ids"]["guide"]:
            library = server.room.services.library
            before = await library.riffs.count()
            turned = await server.click(server.ada, custom_id)
            if custom_id.startswith("guide:page:"):
                assert turned.response.embeds[0].footer.text.startswith("Page 2 of")
            else:
                assert await library.riffs.count() == before + 1


async def test_an_old_button_that_erases(settings: Settings) -> None:
    async with old_server(settings) as server:
        (custom_id,) = KNOWN["custom_ids"]["privacy"]
        library = server.room.services.library
        refused = (await server.click(server.ben, custom_id)).response
        assert "somebody else's" in refused.content
        await server.click(server.ada, custom_id)
        assert {riff.author_id for riff in await library.riffs.recent()} == {IDS["ben"]}


async def test_an_old_panel_of_a_jam(settings: Settings) -> None:
    async with old_server(settings) as server:
        press, ada = ids_of("jam panel"), server.ada
        assert set(press) == {"keep", "seed", "wilder", "tamer", "steer", "pause", "stop"}
        jams = server.room.services.jams
        jams.page = "http://127.0.0.1:8765/"
        await server.click(ada, press["pause"])  # which takes it up again
        session = jams.get(GuildJam(IDS["guild"]))
        assert session is not None
        assert session.id == JAM
        assert session.status().played_s >= KNOWN["jam"]["at"] / 100

        refused = (await server.click(server.ben, press["wilder"])).response.content
        assert "denoising" not in refused
        wilder = (await server.click(ada, press["wilder"])).response.content
        assert wilder.startswith("Wilder: denoising 0.")
        assert (await server.click(ada, press["tamer"])).response.content.startswith("Tamer:")
        assert "new seed" in (await server.click(ada, press["seed"])).response.content.lower()
        assert (await server.click(ada, press["steer"])).modal is not None
        (vote,) = KNOWN["custom_ids"]["jam vote"]
        voted = await server.choose(ada, vote, KNOWN["vote"])
        assert "Your vote: church bells" in voted.response.content

        before = await server.room.services.library.riffs.count()
        await server.click(server.ben, press["keep"])
        assert await server.room.services.library.riffs.count() == before + 1
        await server.click(ada, press["pause"])
        assert session.status().phase == "paused"
        await server.click(ada, press["stop"])
        assert session.is_ended


async def test_the_unfinished_riff_is_posted_where_it_was_asked_for(settings: Settings) -> None:
    async with old_server(settings) as server:
        recovery: Any = server.room.bot.get_cog("recovery")
        await recovery.recover()
        await server.room.env.settle()
        riff = await server.room.services.library.riffs.get(KNOWN["job"])
        assert riff.channel_id == server.channel.id
        assert riff.message_id in {message.id for message in server.channel.history()}
