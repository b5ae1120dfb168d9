"""An evening with a jam in the simulated Discord: everything but the sound."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from discord import Permissions

from riffbot.errors import GenerationFailed
from riffbot.library.jam_record import GuildJam
from riffbot.request import RiffRequest
from riffbot.settings import Settings
from tests.support.patience import patience
from tests.support.simulated_discord import Room, open_room

PAGE = "http://127.0.0.1:8765/"


@asynccontextmanager
async def jam_room(settings: Settings, **options: Any) -> AsyncIterator[Room]:
    async with open_room(settings, local=True, **options) as room:
        room.services.jams.page = PAGE
        yield room


async def heard(room: Room, seconds: float) -> None:
    """Let real time pass until so much was heard; nothing of Discord's happens meanwhile."""
    (controller,) = room.bot.jam_controllers.values()
    async with patience(30):
        while controller.session.status().played_s < seconds:
            await asyncio.to_thread(time.sleep, 0.05)


def panel(room: Room) -> Any:
    """The panel as everybody sees it now."""
    panels = [m for m in room.messages if {"Stop", "Go on"} & {*labels(m)}]
    return panels[-1]


def parts(message: Any) -> list[Any]:
    """The buttons and menus of a message."""
    return [part for row in message.components for part in row.children]


def labels(message: Any) -> list[str]:
    """What its buttons say."""
    return [part.label for part in parts(message) if getattr(part, "label", None)]


async def start(room: Room, **options: Any) -> Any:
    return await room.ada.slash(room.channel, "jam start", **options)


async def test_an_evening_of_two(settings: Settings) -> None:
    async with jam_room(settings) as room:
        shown = await start(room, prompt="funky sax", seed_image="steady")
        embed = panel(room).embeds[0]
        assert embed.title == "funky sax"
        (controller,) = room.bot.jam_controllers.values()
        assert f"{PAGE}jam/{controller.session.id}" in embed.description
        assert "115.4 bpm" in embed.description
        assert embed.image.url
        assert shown.response.id == panel(room).id

        steered = await room.ben.slash(room.channel, "jam prompt", prompt="church bells")
        assert steered.response.ephemeral
        async with patience(30):  # a busy machine loops its last bar before it turns
            while "**Steered by**" not in panel(room).embeds[0].description:
                await asyncio.to_thread(time.sleep, 0.05)
                await controller.refresh(at_once=True)
        embed = panel(room).embeds[0]
        assert "50 % funky sax (ada)" in embed.description
        assert "50 % church bells (ben)" in embed.description
        assert "**Steered by** ben" in embed.description

        menu = parts(panel(room))[-1]
        value = next(o.value for o in menu.options if o.label == "church bells")
        voted = await room.ada.select(panel(room), [value], custom_id=menu.custom_id)
        assert "church bells" in voted.response.content
        assert controller.session.status().shares[0].prompt == "church bells"

        wilder = await room.ben.click(panel(room), label="Wilder")
        assert "denoising 0.85" in wilder.response.content

        kept = await room.ben.click(panel(room), label="Keep last 30 s")
        message = kept.response.message
        assert {a.filename for a in message.attachments} >= {"riff.mp3", "spectrogram.png"}
        assert "of the jam, kept" in message.content
        (riff,) = await room.services.library.riffs.recent()
        assert riff.author_id == room.ben.id
        assert riff.message_id == message.id
        assert isinstance(riff.request, RiffRequest)

        await room.ada.slash(room.channel, "jam stop")
        assert not room.bot.jam_controllers
        (over,) = [m for m in room.messages if m.id == shown.response.id]
        assert "■ over" in over.embeds[0].description
        assert labels(over) == []


async def test_a_restart_in_the_middle_goes_on_at_the_same_place(settings: Settings) -> None:
    async with jam_room(settings) as room:
        await start(room, prompt="funky sax")
        await heard(room, 1.0)
        first = panel(room)
        (controller,) = room.bot.jam_controllers.values()
        before = controller.session.status().played_s
        jam_id = controller.session.id
        await room.restart_jams()
        (controller,) = room.bot.jam_controllers.values()
        assert controller.session.id == jam_id
        assert controller.session.status().played_s >= before
        assert panel(room).id == first.id
        paused = await room.ben.click(panel(room), label="Pause")
        assert "Paused" in paused.response.content
        assert "Go on" in labels(panel(room))
        await room.ben.click(panel(room), label="Go on")
        assert controller.session.status().phase in {"playing", "catching up"}
        await room.ben.click(panel(room), label="Stop")
        async with patience(10):
            while await room.services.jams.find_unfinished():
                await asyncio.to_thread(time.sleep, 0.05)


async def test_after_a_restart_no_server_waits_for_another(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with jam_room(settings) as room:
        other = room.env.create_guild("Other server")
        lounge = other.create_text_channel("lounge")
        eve = other.add_member(room.env.create_user("eve"))
        await room.env.settle()
        await start(room, prompt="funky sax")
        await eve.slash(lounge, "jam start", prompt="church bells")
        submit, asked, both = room.services.engine.submit, 0, asyncio.Event()

        async def together(*args: Any, **options: Any) -> Any:
            nonlocal asked
            asked += 1
            if asked == 2:
                both.set()
            async with patience(20):  # until the other server's first chunk is asked for
                await both.wait()
            return await submit(*args, **options)

        monkeypatch.setattr(room.services.engine, "submit", together)
        await room.restart_jams()
        assert set(room.bot.jam_controllers) == {room.guild.id, other.id}
        await room.ada.slash(room.channel, "jam stop")
        await eve.slash(lounge, "jam stop")


async def test_the_panel_steers(settings: Settings) -> None:
    async with jam_room(settings) as room:
        await start(room, prompt="funky sax")
        (controller,) = room.bot.jam_controllers.values()
        asked = await room.ben.click(panel(room), label="Steer…")
        steered = await room.ben.submit_modal(asked, {"prompt": "marimba"})
        assert "marimba" in steered.response.content
        assert {share.prompt for share in controller.session.status().shares} == {
            "funky sax",
            "marimba",
        }
        asked = await room.ben.click(panel(room), label="Steer…")
        refused = await room.ben.submit_modal(asked, {"prompt": "   "})
        assert refused.response.ephemeral
        assert "moves towards" not in refused.response.content
        assert len(controller.session.status().shares) == 2
        tamer = await room.ada.click(panel(room), label="Tamer")
        assert "denoising 0.65" in tamer.response.content
        seed = await room.ada.click(panel(room), label="New seed")
        assert "new seed" in seed.response.content
        await room.ada.click(panel(room), label="Stop")
        assert not room.bot.jam_controllers
        late = await room.ben.slash(room.channel, "jam prompt", prompt="techno")
        assert "No jam plays here" in late.response.content


async def test_who_may_is_the_servers_business(settings: Settings) -> None:
    async with jam_room(settings) as room:
        await start(room, prompt="funky sax")
        manager = room.guild.create_role("boss", permissions=Permissions(manage_guild=True))
        boss = room.guild.add_member(room.env.create_user("zoe"), roles=[manager])
        await room.env.settle()
        shown = await boss.slash(
            room.channel, "server settings", jam_steer="starter", jam_stop="starter"
        )
        assert "whoever started it" in str(shown.response.embeds[0].to_dict()["fields"])
        refused = await room.ben.slash(room.channel, "jam prompt", prompt="techno")
        assert "only ada may steer" in refused.response.content
        refused = await room.ben.click(panel(room), label="Stop")
        assert "only ada may stop" in refused.response.content
        refused = await boss.slash(room.channel, "server settings", jam_steer="dj")
        assert "DJ role" in refused.response.content
        role = room.guild.create_role("DJ")
        await boss.slash(room.channel, "server settings", jam_steer="dj", dj_role=role)
        refused = await room.ben.slash(room.channel, "jam prompt", prompt="techno")
        assert f"<@&{role.id}>" in refused.response.content
        allowed = await room.ada.slash(room.channel, "jam prompt", prompt="techno")
        assert "techno" in allowed.response.content
        await room.ada.slash(room.channel, "jam stop")


async def test_nonsense_is_refused_in_one_sentence(settings: Settings) -> None:
    async with jam_room(settings) as room:
        for command in ("jam stop", "jam now", "jam save"):
            refused = await room.ada.slash(room.channel, command)
            assert "No jam plays here" in refused.response.content
        refused = await room.ada.slash(room.channel, "jam resume")
        assert "no jam to go on with" in await get_ephemeral_text(room, refused)
        refused = await start(room, prompt="(", seed_image="nowhere")
        assert "nowhere" in refused.response.content
        await start(room, prompt="funky sax")
        refused = await start(room, prompt="techno")
        assert "plays here already" in refused.response.content
        await room.ada.slash(room.channel, "jam stop")


async def test_who_may_not_stop_it_may_not_end_a_pause_either(settings: Settings) -> None:
    async with jam_room(settings) as room:
        await start(room, prompt="funky sax")
        await room.services.library.guilds.set_settings(room.guild.id, jam_stop="starter")
        await room.ada.click(panel(room), label="Pause")
        refused = await room.ben.slash(room.channel, "jam resume")
        assert "only ada may stop" in refused.response.content
        (controller,) = room.bot.jam_controllers.values()
        assert controller.session.status().phase == "paused"
        await room.ada.slash(room.channel, "jam resume")
        assert controller.session.status().phase != "paused"
        await room.ada.slash(room.channel, "jam stop")


async def test_an_error_that_ends_a_jam_is_told_and_the_jam_can_go_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riffbot.jam.planner.PAUSE_BETWEEN_TRIES_S", 0.01)
    async with jam_room(settings) as room:
        await start(room, prompt="funky sax")
        (controller,) = room.bot.jam_controllers.values()

        async def fails(*_: Any, **__: Any) -> None:
            raise GenerationFailed("The model made no numbers.")

        with monkeypatch.context() as patch:
            patch.setattr(room.services.engine, "submit", fails)
            await room.ben.slash(room.channel, "jam prompt", prompt="church bells")
            async with patience(10):
                while not controller.session.is_ended:
                    await asyncio.to_thread(time.sleep, 0.05)
            await controller.refresh(at_once=True)
        told_all = [m for m in room.messages if "The model made no numbers." in m.content]
        assert "/jam resume" in told_all[0].content
        assert labels(panel(room)) == ["Go on"]
        await room.ben.click(panel(room), label="Go on")
        (again,) = room.bot.jam_controllers.values()
        assert again.session.id == controller.session.id
        await room.ada.slash(room.channel, "jam stop")


async def test_a_jam_forgets_a_member_who_wants_to_be_forgotten(settings: Settings) -> None:
    async with jam_room(settings) as room:
        await start(room, prompt="funky sax")
        (controller,) = room.bot.jam_controllers.values()
        await room.ben.slash(room.channel, "jam prompt", prompt="church bells")
        asked = await room.ada.slash(room.channel, "privacy delete")
        await room.ada.click(asked.response, label="Delete everything about me")
        assert {share.voters for share in controller.session.status().shares} == {("ben",)}
        assert controller.starter is None
        await room.ben.slash(room.channel, "jam stop")
        async with patience(10):
            while room.services.jams._registry._starters:  # until its end is stored
                await asyncio.to_thread(time.sleep, 0.05)
        row = await room.services.library.jams.find_latest(GuildJam(room.guild.id))
        assert row is not None
        assert (row.starter_id, row.starter_name) == (None, None)
        assert "ada" not in row.snapshot


async def get_ephemeral_text(room: Room, result: Any) -> str:
    """The text that only the asker sees."""
    replies = [result.response, *result.followups]
    return " ".join(reply.content for reply in replies if reply is not None and reply.content)


async def test_the_panel_comes_down_and_the_old_one_goes(settings: Settings) -> None:
    async with jam_room(settings) as room:
        await start(room, prompt="funky sax")
        first = panel(room)
        shown = await room.ben.slash(room.channel, "jam now")
        assert panel(room).id == shown.response.id != first.id
        assert first.id not in {message.id for message in room.messages}
        assert "ahead" in await get_ephemeral_text(room, shown)
        await room.ada.slash(room.channel, "jam stop")


async def test_a_stopped_jam_can_be_resumed(settings: Settings) -> None:
    async with jam_room(settings) as room:
        await start(room, prompt="funky sax")
        await heard(room, 1.0)
        (controller,) = room.bot.jam_controllers.values()
        jam_id = controller.session.id
        await room.ada.slash(room.channel, "jam stop")
        await room.ben.slash(room.channel, "jam resume")
        (controller,) = room.bot.jam_controllers.values()
        assert controller.session.id == jam_id
        assert controller.session.status().played_s >= 1.0
        await room.ben.slash(room.channel, "jam stop")


async def test_a_machine_that_is_too_slow_says_so_at_the_door(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riffbot.jam.capacity.MAX_LOAD", 1e-6)
    async with jam_room(settings) as room:
        refused = await start(room, prompt="funky sax")
        assert "seconds of this jam in a second" in await get_ephemeral_text(room, refused)
        assert room.messages == []
        assert not room.bot.jam_controllers


async def test_a_dj_role_can_be_taken_away_again(settings: Settings) -> None:
    async with jam_room(settings) as room:
        manager = room.guild.create_role("boss", permissions=Permissions(manage_guild=True))
        boss = room.guild.add_member(room.env.create_user("zoe"), roles=[manager])
        role = room.guild.create_role("DJ")
        await room.env.settle()

        async def chosen(**options: Any) -> Any:
            return (await boss.slash(room.channel, "server settings", **options)).response

        shown = await chosen(dj_role=role, jam_steer="dj")
        assert f"DJ role: <@&{role.id}>" in shown.embeds[0].fields[4].value
        assert "DJs cannot decide" in (await chosen(no_dj_role=True)).content
        assert "not both" in (await chosen(no_dj_role=True, dj_role=role)).content
        shown = await chosen(no_dj_role=True, jam_steer="anyone")
        assert shown.embeds[0].fields[4].value.find("DJ role: none") > 0
        assert (await chosen()).embeds[0].fields[4].value.find("DJ role: none") > 0


async def test_a_jam_that_is_over_does_not_say_since_when(settings: Settings) -> None:
    async with jam_room(settings) as room:
        await start(room, prompt="funky sax")
        assert "· since <t:" in panel(room).embeds[0].description
        numbers = await get_ephemeral_text(room, await room.ada.slash(room.channel, "jam now"))
        assert "packets" not in numbers
        assert "no dropouts" in numbers or "bridged" in numbers or "late" in numbers
        last = panel(room).id
        await room.ada.slash(room.channel, "jam stop")
        (over,) = [m for m in room.messages if m.id == last]
        first_line = over.embeds[0].description.splitlines()[0]
        assert first_line == "■ over"
