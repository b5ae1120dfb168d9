"""A server's rules, met by those who start and steer a jam."""

from __future__ import annotations

from datetime import timedelta

import discord
import pytest

from cogs.jam import _controller
from riffbot.settings import Settings
from tests.cogs.test_jam import get_ephemeral_text, jam_room, labels, panel, start
from tests.cogs.test_rules import set_rules


async def test_rules_refuse_the_start_of_a_jam(settings: Settings) -> None:
    async with jam_room(settings) as room:
        other = room.guild.create_text_channel("other")
        await set_rules(room, channels=(other.id,))
        assert f"<#{other.id}>" in await get_ephemeral_text(room, await start(room, prompt="sax"))
        role = room.guild.create_role("band")
        await set_rules(room, channels=(), roles=(role.id,))
        assert f"<@&{role.id}>" in await get_ephemeral_text(room, await start(room, prompt="sax"))
        await set_rules(room, roles=(), words=("bad",), word_action="refuse")
        refused = await get_ephemeral_text(room, await start(room, prompt="a b4d! sax"))
        assert "does not want one of these words" in refused
        begin = (discord.utils.utcnow() + timedelta(hours=2)).hour
        await set_rules(room, jam_from=begin, jam_until=(begin + 1) % 24)
        refused = await get_ephemeral_text(room, await start(room, prompt="sax"))
        assert f"jams play from {begin}:00" in refused.replace("\\", "")
        assert "<t:" in refused, "when it goes again"
        assert not room.bot.jam_controllers
        assert await room.services.library.riffs.count() == 0


async def test_rules_refuse_a_vote(settings: Settings) -> None:
    async with jam_room(settings) as room:
        await start(room, prompt="funky sax")
        (controller,) = room.bot.jam_controllers.values()
        await set_rules(room, words=("bad",), word_action="refuse")
        refused = await room.ben.slash(room.channel, "jam prompt", prompt="b4d! bells")
        assert "does not want one of these words" in await get_ephemeral_text(room, refused)
        await room.services.library.operator.block("member", room.ben.id)
        refused = await room.ben.slash(room.channel, "jam prompt", prompt="bells")
        assert "does not let you" in await get_ephemeral_text(room, refused)
        assert "bells" not in str(controller.session.status().shares)
        await room.ada.slash(room.channel, "jam stop")


async def test_a_jam_is_parked_when_its_hours_are_over(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_controller, "HOURS_CHECK_S", 0.0)
    async with jam_room(settings) as room:
        await start(room, prompt="funky sax")
        (controller,) = room.bot.jam_controllers.values()
        await controller.refresh(at_once=True)
        assert not controller.is_over, "no hours are set"
        begin = (discord.utils.utcnow() + timedelta(hours=2)).hour
        await set_rules(room, jam_from=begin, jam_until=(begin + 1) % 24)
        controller._next_hours_check = 0.0
        await controller.refresh(at_once=True)
        assert controller.is_over
        assert not room.bot.jam_controllers
        assert f"jams play from {begin}:00" in panel(room).embeds[0].description.replace("\\", "")
        assert labels(panel(room)) == ["Go on"]
        refused = await room.ada.click(panel(room), label="Go on")
        told = await get_ephemeral_text(room, refused)
        assert f"jams play from {begin}:00" in told.replace("\\", "")
        await set_rules(room, jam_from=None, jam_until=None)
        await room.ada.slash(room.channel, "jam resume")
        (again,) = room.bot.jam_controllers.values()
        assert again.session.id == controller.session.id
        await room.ada.slash(room.channel, "jam stop")
