"""What was promised before a crash is kept after it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cogs.common.progress import POSTPONED
from riffbot.clips.service import MAX_ATTEMPTS
from riffbot.errors import Cancelled
from riffbot.library.types import Author, Origin
from riffbot.request import RiffRequest
from riffbot.settings import Settings
from tests.support.simulated_discord import Room, open_room


async def _promise(room: Room, count: int = 1, **origin: Any) -> list[Any]:
    """Jobs as a process that died left them."""
    return [
        await room.services.library.jobs.create(
            RiffRequest(prompt="dub", seed=number, steps=2),
            author=Author(room.ada.id, "ada", room.guild.id),
            origin=Origin(channel_id=room.channel.id, **origin),
        )
        for number in range(count)
    ]


async def test_an_unfinished_job_is_posted_in_its_channel(settings: Settings) -> None:
    async with open_room(settings) as room:
        (job,) = await _promise(room)
        await room.restart_and_recover()
        (message,) = room.messages
        assert message.content.startswith(f"<@{room.ada.id}> I was restarted")
        assert message.attachments[0].filename == "riff.mp3"
        assert (await room.services.library.riffs.get(job.id)).message_id == message.id
        assert await room.services.library.jobs.unfinished() == []
        await room.restart_and_recover()
        assert len(room.messages) == 1


async def test_the_old_progress_message_becomes_the_result_while_its_token_lives(
    settings: Settings,
) -> None:
    async with open_room(settings) as room:
        result = await room.riff("dub", steps=2)
        record = result._interaction
        await _promise(
            room,
            message_id=result.response.id,
            token=record.token,
            token_expires_at=datetime(2126, 1, 1, tzinfo=UTC),
        )
        await room.restart_and_recover()
        (message,) = room.messages
        assert message.id == result.response.id
        assert message.content.startswith("I was restarted")


async def test_recovery_begins_when_discord_is_there(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    async def recover(_cog: Any, channel_id: int | None = None) -> None:
        begun.append(channel_id)

    async with open_room(settings) as room:
        monkeypatch.setattr(type(room.bot.get_cog("recovery")), "recover", recover)
        room.bot.dispatch("ready")
        await room.env.settle()
        assert begun == [None]
    begun.clear()
    async with open_room(settings, local=True) as room:
        monkeypatch.setattr(type(room.bot.get_cog("recovery")), "recover", recover)
        room.bot.dispatch("ready")
        await room.env.settle()
        assert begun == []
        room.bot.dispatch("host_ready", 5)
        await room.env.settle()
        assert begun == [5]


async def test_jobs_of_one_command_are_told_together(settings: Settings) -> None:
    async with open_room(settings) as room:
        await _promise(room, 3)
        await room.restart_and_recover()
        assert [m.attachments[0].filename for m in room.messages] == ["riff.mp3"] * 3


async def test_a_job_that_keeps_breaking_is_given_up_in_words(settings: Settings) -> None:
    async with open_room(settings) as room:
        (job,) = await _promise(room)
        for _ in range(MAX_ATTEMPTS):
            await room.services.library.jobs.begin(job.id)
        await room.restart_and_recover()
        (message,) = room.messages
        assert message.content.startswith(f"<@{room.ada.id}> I broke down 3 times")
        assert message.mentions == [] or not message.mention_everyone
        assert await room.services.library.jobs.unfinished() == []


async def test_a_deleted_channel_sends_the_riff_by_mail(settings: Settings) -> None:
    async with open_room(settings) as room:
        await _promise(room)
        room.env.inject_error("POST", "/channels/*/messages", status=404, code=10003, times=1)
        await room.restart_and_recover()
        assert room.messages == []
        letter = room.ada.user.dm_channel.history()[-1]
        assert letter.attachments[0].filename == "riff.mp3"


async def test_the_pages_own_jobs_are_finished_without_a_message(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_room(settings) as room:
        job = await room.services.library.jobs.create(
            RiffRequest(prompt="dub", steps=2), author=Author(0, "page")
        )
        await room.restart_and_recover()
        assert room.messages == []
        assert (await room.services.library.riffs.get(job.id)).prompt == "dub"


async def test_whoever_waits_at_a_stop_is_told_that_it_goes_on_later(settings: Settings) -> None:
    async with open_room(settings) as room:

        async def interrupted(*_: Any, **__: Any) -> Any:
            await room.services.engine.close()
            raise Cancelled("RiffBot is stopping, so the riff was not made.")

        room.services.clip_service.make = interrupted  # type: ignore[method-assign]
        await room.riff()
        (message,) = room.messages
        assert message.embeds[0].description == POSTPONED
        assert message.components == []
