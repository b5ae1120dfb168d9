"""The buttons under a riff: what they do, for whom, and after a restart."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from riffbot.errors import Cancelled
from riffbot.settings import Settings
from tests.support.simulated_discord import Room, buttons, open_room


async def _press(room: Room, who: Any, message: Any, label: str) -> Any:
    return await who.click(message, label=label)


async def test_new_seed_makes_another_take_of_the_same_request(settings: Settings) -> None:
    async with open_room(settings) as room:
        first = (await room.riff("dub", seed=1, steps=2)).response.message
        again = await _press(room, room.ben, first, "New seed")
        assert again.response.attachments[0].filename == "riff.mp3"
        child, parent = await room.services.library.riffs.recent()
        assert child.parent_id == parent.id
        assert child.seed != parent.seed
        assert child.request.with_changes(seed=1) == parent.request
        assert child.author_id == room.ben.id


async def test_again_four_makes_four(settings: Settings) -> None:
    async with open_room(settings) as room:
        first = (await room.riff("dub", steps=2)).response.message
        result = await _press(room, room.ada, first, "Again ×4")
        assert len(result.followups) == 4
        assert len({riff.seed for riff in await room.services.library.riffs.recent()}) == 5


async def test_remix_starts_from_the_riffs_own_picture(settings: Settings) -> None:
    async with open_room(settings) as room:
        first = (await room.riff("dub", steps=2)).response.message
        shown = await _press(room, room.ben, first, "Remix…")
        assert shown.modal["components"][0]["component"]["value"] == "dub"
        result = await room.ben.submit_modal(shown, {"prompt": "ska", "denoising": "0,4"})
        assert result.response.embeds[0].title == "ska"
        assert "\ndenoising 0.4\nremix of" in result.response.embeds[0].description
        child, parent = await room.services.library.riffs.recent()
        assert child.request.seed_image == parent.image_ref
        assert child.request.denoising == 0.4
        assert child.parent_id == parent.id
        for wrong in ("much", "1.5"):
            shown = await _press(room, room.ben, first, "Remix…")
            refused = await room.ben.submit_modal(shown, {"prompt": "ska", "denoising": wrong})
            assert refused.response.ephemeral
            assert "denoising" in refused.response.content.lower()


async def test_a_riff_that_may_not_be_remixed_is_its_authors_alone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_room(settings) as room:
        first = (await room.riff("dub", steps=2)).response.message
        library = room.services.library
        get = library.riffs.get

        async def kept(riff_id: str) -> Any:
            riff = await get(riff_id)
            riff.remix_allowed = False
            return riff

        monkeypatch.setattr(library.riffs, "get", kept)
        for label in ("New seed", "Remix…", "Again ×4"):
            refused = await _press(room, room.ben, first, label)
            assert refused.response.ephemeral
            assert "keeps it" in refused.response.content
        assert (await _press(room, room.ada, first, "Remix…")).modal is not None


async def test_save_keeps_a_riff_among_ones_own(settings: Settings) -> None:
    async with open_room(settings) as room:
        first = (await room.riff("dub", steps=2)).response.message
        saved = await _press(room, room.ben, first, "Save")
        assert saved.response.ephemeral
        (riff,) = await room.services.library.riffs.favourites(room.ben.id)
        assert riff.id in saved.response.content


async def test_only_its_author_or_a_moderator_deletes_a_riff(settings: Settings) -> None:
    async with open_room(settings) as room:
        library = room.services.library
        for who in (room.ada, room.mia):
            first = (await room.riff("dub", steps=2)).response.message
            refused = await _press(room, room.ben, first, "Delete")
            assert refused.response.ephemeral
            assert "moderator" in refused.response.content
            assert await library.riffs.count() == 1
            await _press(room, who, first, "Delete")
            assert room.messages == []
            assert await library.riffs.count() == 0


async def test_the_buttons_work_after_a_restart(settings: Settings) -> None:
    async with open_room(settings) as room:
        first = (await room.riff("dub", steps=2)).response.message
        await room.restart()
        assert (await _press(room, room.ada, first, "New seed")).response.attachments
        assert (await _press(room, room.ada, first, "Remix…")).modal is not None
        await _press(room, room.ada, first, "Delete")
        assert await room.services.library.riffs.count() == 1


async def test_the_buttons_of_a_deleted_riff_say_so(settings: Settings) -> None:
    async with open_room(settings) as room:
        first = (await room.riff("dub", steps=2)).response.message
        (riff,) = await room.services.library.riffs.recent()
        await room.services.library.riffs.delete(riff.id)
        for label in ("New seed", "Remix…", "Again ×4", "Save", "Delete"):
            result = await _press(room, room.ada, first, label)
            assert result.response.ephemeral
            assert "not in the library" in result.response.content


async def test_a_bug_in_a_button_is_answered_not_swallowed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_room(settings) as room:
        first = (await room.riff("dub", steps=2)).response.message

        async def bug(*_: Any) -> None:
            raise RuntimeError("oh")

        monkeypatch.setattr(room.services.library.riffs, "add_favourite", bug)
        result = await _press(room, room.ada, first, "Save")
        assert result.response.content.startswith("Something broke")


async def test_cancel_stops_what_is_not_finished(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_room(settings) as room:
        cancelled = asyncio.Event()

        async def pressed_meanwhile(*_: Any, **__: Any) -> Any:
            (task,) = room.bot.generation_tasks.values()
            await task.stop()
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                cancelled.set()
                raise
            raise Cancelled("too late")

        monkeypatch.setattr(room.services.clip_service, "make", pressed_meanwhile)
        await room.riff()
        assert cancelled.is_set()
        assert room.messages == []
        assert not room.bot.generation_tasks


async def test_cancel_is_for_the_asker_or_a_moderator(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_room(settings) as room:
        stopped = []

        class Busy:
            async def stop(self) -> None:
                stopped.append(True)

        from cogs.common.buttons import cancel_view

        await room.env.settle()
        channel = room.bot.get_channel(room.channel.id)
        message = await channel.send("busy", view=cancel_view("77", room.ada.id))  # type: ignore[union-attr]
        over = await _press(room, room.ada, message, "Cancel")
        assert "nothing left" in over.response.content
        room.bot.generation_tasks["77"] = Busy()
        refused = await _press(room, room.ben, message, "Cancel")
        assert "moderator" in refused.response.content
        assert not stopped
        for who in (room.ada, room.mia):
            await _press(room, who, message, "Cancel")
        assert stopped == [True, True]


async def test_a_riff_carries_its_id_in_every_button(settings: Settings) -> None:
    async with open_room(settings) as room:
        message = (await room.riff("dub", steps=2)).response
        (riff,) = await room.services.library.riffs.recent()
        ids = buttons(message).values()
        assert all(custom_id.endswith(f":{riff.id}") for custom_id in ids)
        assert all(len(custom_id) <= 100 for custom_id in ids)
