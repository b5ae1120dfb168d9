"""/library and /privacy in a channel: pages, trees, exports, and what goes when somebody goes."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from typing import Any

import pytest
from discord import Permissions

from audio.files import read
from riffbot.jam.manager import JamManager
from riffbot.library.types import Author
from riffbot.request import RiffRequest
from riffbot.settings import Settings
from tests.cogs.edit.test_remix import beat_wav, newest
from tests.support.simulated_discord import Room, buttons, open_room


async def remixed(room: Room, who: Any, message: Any, prompt: str) -> Any:
    """Somebody remixes what a message carries, by the message command."""
    shown = await who.context_menu(room.channel, "Remix this riff", message)
    result = await who.submit_modal(shown, {"prompt": prompt, "denoising": "0.7"})
    return result.response.message


async def test_ann_bob_and_cy(settings: Settings) -> None:
    """The whole story: a riff, a remix of it, a remix of that; then the first of them goes."""
    async with open_room(settings) as room:
        ann, bob, cy = room.ada, room.ben, room.mia
        first = (await room.riff("funky sax", steps=2)).response.message
        second = await remixed(room, bob, first, "church bells")
        third = await remixed(room, cy, second, "steel drums")
        tail, middle, head = await room.services.library.riffs.recent()
        tree = (await bob.slash(room.channel, "library lineage", riff=tail.id)).response
        text = tree.embeds[0].description
        lines = [line for line in text.splitlines() if "·" in line]
        assert ["ada" in lines[0], "ben" in lines[1], "mia" in lines[2]] == [True] * 3
        assert "remix 0.7 · steel drums" in lines[2]
        assert "this one" in lines[2]
        (picture,) = tree.attachments
        assert picture.filename == "family.png"
        assert "Family tree" in picture.description

        asked = await ann.slash(room.channel, "privacy delete")
        assert asked.response.ephemeral
        done = await ann.click(asked.response, label="Delete everything about me")
        assert "1 riff is deleted" in done.response.content
        assert "family trees" in done.response.content
        library = room.services.library
        assert await library.riffs.count() == 2
        assert first.id not in {message.id for message in room.messages}
        message = next(m for m in room.messages if m.id == second.id)
        assert "a former member" in message.embeds[0].description
        assert "ada" not in message.embeds[0].description
        assert message.embeds[0].image.url.endswith("spectrogram.png")
        assert {file.filename for file in message.attachments} >= {"riff.mp3", "riff.png"}
        assert library.files.path(head.png) is not None, "Bob's clip starts from it"
        assert library.files.path(head.mp3) is None
        tree = (await bob.slash(room.channel, "library lineage", riff=tail.id)).response
        assert "a riff of a former member" in tree.embeds[0].description
        assert "ada" not in tree.embeds[0].description
        # Bob's clip still replays to the pixel.
        await room.services.clip_service.replayer.replay(middle.id)
        assert third.id in {message.id for message in room.messages}


async def test_the_tree_credits_whose_upload_it_was(settings: Settings) -> None:
    async with open_room(settings) as room:
        message = await room.ben.send(
            room.channel, "listen", attachments=[("drums.wav", beat_wav())]
        )
        await remixed(room, room.mia, message, "marimba")
        child = await newest(room)
        tree = (await room.ada.slash(room.channel, "library lineage", riff=child.id)).response
        first, second = tree.embeds[0].description.splitlines()[1:3]
        assert "ben · upload · drums.wav" in first
        assert "mia" in second


async def test_pages_turn_both_ways_and_open_riffs(settings: Settings) -> None:
    async with open_room(settings) as room:
        for number in range(4):
            await room.riff(f"riff {number}", steps=1, count=3, seed=100 * number)
        page = (await room.ada.slash(room.channel, "library mine")).response
        assert page.ephemeral
        assert page.embeds[0].description.count("·") >= 20
        assert "riff 3" in page.embeds[0].description
        assert set(buttons(page)) >= {"Older"}
        older = (await room.ada.click(page, label="Older")).response
        assert "riff 0" in older.embeds[0].description
        assert "riff 3" not in older.embeds[0].description
        assert "Newer" in buttons(older)
        back = (await room.ada.click(older, label="Newer")).response
        assert back.embeds[0].description == page.embeds[0].description
        newest_id = (await newest(room)).id
        opened = (await room.ada.select(back, [newest_id], custom_id="library:open")).response
        assert opened.ephemeral
        assert {file.filename for file in opened.attachments} >= {"riff.mp3"}
        assert "Remix…" in buttons(opened)


async def test_search_favourites_and_server(settings: Settings) -> None:
    async with open_room(settings) as room:
        first = (await room.riff("funky sax", steps=1)).response.message
        await room.ben.slash(room.channel, "riff", prompt="sad piano", steps=1)
        found = (await room.mia.slash(room.channel, "library search", words="sax fun")).response
        assert "funky sax" in found.embeds[0].description
        assert "piano" not in found.embeds[0].description
        nothing = (
            await room.mia.slash(room.channel, "library search", words="sax", mine=True)
        ).response
        assert "found nothing" in nothing.content
        nothing = (await room.mia.slash(room.channel, "library favourites")).response
        assert "saved nothing yet" in nothing.content
        await room.mia.click(first, label="Save")
        page = (await room.mia.slash(room.channel, "library favourites")).response
        assert "⭐ 1" in page.embeds[0].description
        page = (await room.mia.slash(room.channel, "library server")).response
        assert {"funky sax" in page.embeds[0].description} == {True}
        assert "sad piano" in page.embeds[0].description


@pytest.mark.parametrize("format", ["mp4", "mp3", "wav", "flac", "ogg", "png", "json", "zip"])
async def test_export(settings: Settings, format: str) -> None:
    async with open_room(settings) as room:
        await room.riff("Ünïcode / sax", steps=1)
        riff = await newest(room)
        result = await room.ben.slash(room.channel, "library export", riff=riff.id, format=format)
        message = result.response
        assert message.ephemeral
        (file,) = message.attachments
        assert file.filename == f"unicode-sax-{riff.id}.{format}"
        data = await file.read()
        if format in ("mp3", "wav", "flac", "ogg"):
            assert read(data).seconds == pytest.approx(riff.duration_s, abs=0.02)
        if format == "mp4":
            assert data[4:8] == b"ftyp"
            # A loop goes round until about ten seconds.
            assert read(data).seconds == pytest.approx(
                round(10 / riff.duration_s) * riff.duration_s, abs=0.1
            )
        if format == "json":
            assert json.loads(data)["request"]["seed"] == riff.seed
        if format == "zip":
            assert len(zipfile.ZipFile(io.BytesIO(data)).namelist()) == 4


async def test_delete_is_for_the_author_or_a_moderator(settings: Settings) -> None:
    async with open_room(settings) as room:
        await room.riff("dub", steps=1)
        riff = await newest(room)
        refused = await room.ben.slash(room.channel, "library delete", riff=riff.id)
        assert "moderator" in refused.response.content
        await room.mia.slash(room.channel, "library delete", riff=riff.id)
        assert room.messages == []
        assert await room.services.library.riffs.count() == 0
        gone = await room.ada.slash(room.channel, "library show", riff=riff.id)
        assert [said.ephemeral for said in gone.followups] == [True]


async def test_who_may_remix(settings: Settings) -> None:
    async with open_room(settings) as room:
        first = (await room.riff("dub", steps=1)).response.message
        riff = await newest(room)
        said = await room.ada.slash(room.channel, "privacy remixes", allowed=False, riff=riff.id)
        assert "may not remix" in said.response.content
        for refused in (
            (await room.ben.context_menu(room.channel, "Remix this riff", first)).response,
            (await room.ben.slash(room.channel, "remix", prompt="x", riff=riff.id)).followups[0],
            (await room.ben.slash(room.channel, "extend", seconds=9.0, riff=riff.id)).followups[0],
            (await room.ben.slash(room.channel, "morph", first=riff.id, second="x")).followups[0],
        ):
            assert refused.ephemeral
            assert "keeps it" in refused.content
        assert await room.ben.autocomplete(room.channel, "remix", "riff", "dub", prompt="x") == []
        not_mine = await room.ben.slash(room.channel, "privacy remixes", allowed=True, riff=riff.id)
        assert "Only the one" in not_mine.response.content
        await room.ada.slash(room.channel, "privacy remixes", allowed=True)
        assert (await room.ben.context_menu(room.channel, "Remix this riff", first)).modal
        await room.ada.slash(room.channel, "privacy remixes", allowed=False)
        await room.riff("new one", steps=1)
        assert not (await newest(room)).remix_allowed
        message = await room.ada.send(room.channel, "", attachments=[("a.wav", beat_wav())])
        shown = await room.ben.context_menu(room.channel, "Remix this riff", message)
        refused = await room.ben.submit_modal(shown, {"prompt": "x", "denoising": "0.5"})
        assert "keeps their sounds" in refused.followups[0].content


async def test_a_no_to_remixes_outlives_what_is_deleted(settings: Settings) -> None:
    """Ada's file is still in somebody's hands; so is her decision about it."""
    async with open_room(settings) as room:
        message = await room.ada.send(room.channel, "", attachments=[("a.wav", beat_wav())])
        await room.ada.slash(room.channel, "privacy remixes", allowed=False)
        asked = await room.ada.slash(room.channel, "privacy delete")
        done = await room.ada.click(asked.response, label="Delete everything about me")
        assert "only keep your id" in done.response.content
        shown = await room.ben.context_menu(room.channel, "Remix this riff", message)
        refused = await room.ben.submit_modal(shown, {"prompt": "x", "denoising": "0.5"})
        assert "keeps their sounds" in refused.followups[0].content
        await room.ada.slash(room.channel, "privacy remixes", allowed=True)
        done = await room.ada.click(asked.response, label="Delete everything about me")
        assert "nothing in my library knows you" in done.response.content


async def test_privacy_export_holds_everything(settings: Settings) -> None:
    async with open_room(settings) as room:
        first = (await room.riff("dub", steps=1)).response.message
        await room.ada.click(first, label="Save")
        result = await room.ada.slash(room.channel, "privacy export")
        (file,) = result.response.attachments
        archive = zipfile.ZipFile(io.BytesIO(await file.read()))
        exported = json.loads(archive.read("data.json"))
        (riff,) = exported["riffs"]
        assert riff["request"]["prompt"] == "dub"
        assert exported["favourites"][0]["riff"] == riff["id"]
        assert f"riffs/{riff['id']}.mp3" in archive.namelist()
        assert exported["files_left_out"] == []
        small = await room.services.library.privacy.export_member(room.ada.id, limit=105_000)
        exported = json.loads(zipfile.ZipFile(io.BytesIO(small)).read("data.json"))
        assert exported["files_left_out"]
        assert len(small) < 105_000


async def test_a_moderator_elsewhere_is_none_here(settings: Settings) -> None:
    """Whoever has a server of their own moderates there, and a riff can be brought there."""
    async with open_room(settings) as room:
        await room.riff("dub", steps=1)
        riff = await newest(room)
        other = room.env.create_guild("Eve's own")
        channel = other.create_text_channel("lair")
        role = other.create_role("owner", permissions=Permissions(manage_messages=True))
        eve = other.add_member(room.env.create_user("eve"), roles=[role])
        ada = other.add_member(room.ada.user)
        unseen = await eve.slash(channel, "library show", riff=riff.id)
        assert "found no riff" in unseen.followups[0].content
        shown = (await ada.slash(channel, "library show", riff=riff.id)).response
        refused = await eve.click(shown, label="Delete")
        assert "Only the one who made it" in refused.response.content
        refused = await eve.slash(channel, "library delete", riff=riff.id)
        assert "found no riff" in refused.response.content
        assert await room.services.library.riffs.count() == 1


async def test_a_copys_delete_button_takes_the_original_with_it(settings: Settings) -> None:
    async with open_room(settings) as room:
        await room.riff("dub", steps=1)
        riff = await newest(room)
        shown = (await room.ada.slash(room.channel, "library show", riff=riff.id)).response
        await room.ada.click(shown, label="Delete")
        assert room.messages == []


async def test_playing_jams_forget_a_member_too(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    forgotten: list[int] = []

    async def forget(_: JamManager, user_id: int) -> None:
        forgotten.append(user_id)

    monkeypatch.setattr(JamManager, "forget_member", forget)
    async with open_room(settings) as room:
        asked = await room.ada.slash(room.channel, "privacy delete")
        await room.ada.click(asked.response, label="Delete everything about me")
        assert forgotten == [room.ada.id]


async def test_what_a_member_waits_for_is_taken_back_when_they_go(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_room(settings) as room:
        library, cancelled = room.services.library, []
        monkeypatch.setattr(room.services.clip_service, "cancel", cancelled.append)
        jobs = [
            await library.jobs.create(RiffRequest(prompt="x"), author=Author(who.id, who.name))
            for who in (room.ada, room.ben)
        ]
        asked = await room.ada.slash(room.channel, "privacy delete")
        await room.ada.click(asked.response, label="Delete everything about me")
        assert cancelled == [jobs[0].id]
        assert [job.id for job in await library.jobs.unfinished()] == [jobs[1].id]


async def test_children_of_what_is_too_old_tell_the_new_truth(settings: Settings) -> None:
    settings = settings.model_copy(update={"retention_days": 30})
    async with open_room(settings) as room:
        first = (await room.riff("funky sax", steps=1)).response.message
        second = await remixed(room, room.ben, first, "bells")
        head = (await room.services.library.riffs.recent())[1]
        with sqlite3.connect(settings.data_dir / "riffbot.db") as db:
            long_ago = "2020-01-01 00:00:00.000000"
            db.execute("UPDATE riffs SET created_at = ? WHERE id = ?", (long_ago, head.id))
        await room.bot.get_cog("privacy").expire()  # type: ignore[union-attr]
        message = next(m for m in room.messages if m.id == second.id)
        assert "a riff that was deleted" in message.embeds[0].description
        assert "funky sax" not in message.embeds[0].description


async def test_a_riff_is_shown_after_the_answer_and_poorer_where_it_is_too_large(
    settings: Settings,
) -> None:
    async with open_room(settings) as room:
        await room.riff("dub", steps=1)
        riff = (await newest(room)).id
        page = (await room.ada.slash(room.channel, "library mine")).response
        for private in (False, True):
            room.env.inject_error("PATCH", "/webhooks/*", status=413, code=40005, times=2)
            shown = await room.ada.slash(room.channel, "library show", riff=riff, private=private)
            assert shown.response.ephemeral == private
            assert [file.filename for file in shown.response.attachments] == ["riff.mp3"]
        room.env.inject_error("PATCH", "/webhooks/*", status=413, code=40005, times=3)
        opened = (await room.ada.select(page, [riff], custom_id="library:open")).response
        assert opened.ephemeral
        assert opened.attachments == []
        assert opened.embeds[0].fields[0].name == "No files here"
        first = [r for r in room.env.http_requests if r.path.endswith("/callback")]
        assert all("attachments" not in (r.json.get("data") or {}) for r in first)


async def test_a_decision_counts_what_it_is_about(settings: Settings) -> None:
    async with open_room(settings) as room:
        for expected in ("everything from now on", "the one riff so far", "all 2 riffs so far"):
            said = await room.ada.slash(room.channel, "privacy remixes", allowed=True)
            assert expected in said.response.content
            await room.riff("dub", steps=1)


async def test_takes_of_one_prompt_are_told_apart_in_the_picker(settings: Settings) -> None:
    async with open_room(settings) as room:
        prompt = "funky sax " * 30
        await room.riff(prompt, steps=1, count=3, seed=4294967290)
        choices = await room.ada.autocomplete(room.channel, "library show", "riff", "fun")
        names = [choice["name"] for choice in choices]
        assert len(set(names)) == len(names) == 3
        assert all(len(name) <= 100 for name in names)
        for seed in (4294967290, 4294967291, 4294967292):
            assert sum(f"seed {seed} · just now" in name for name in names) == 1
