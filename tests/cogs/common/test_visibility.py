"""Who finds which riff: what was made in a channel is for those who see that channel."""

from __future__ import annotations

import json
from typing import Any

import discord
import pytest
from discord import PermissionOverwrite

from riffbot.library.tables import StoredRiff
from riffbot.library.types import Author, Origin
from riffbot.request import RiffRequest
from riffbot.settings import Settings
from tests.cogs.edit.test_remix import behind, newest
from tests.riffbot.library.conftest import files, made
from tests.support.simulated_discord import Room, buttons, open_room


async def kept(room: Room, prompt: str, who: Any, channel: int, guild: int | None) -> StoredRiff:
    """A riff that somebody made in a channel some time ago."""
    library, request = room.services.library, RiffRequest(prompt=prompt, seed=1)
    author = Author(who.id, who.name, guild)
    job = await library.jobs.create(request, author=author, origin=Origin(channel_id=channel))
    return await library.jobs.finish(job.id, made(request), files(prompt))


def closed(room: Room, *members: Any) -> Any:
    """A channel for these members alone."""
    hidden, open_ = PermissionOverwrite(view_channel=False), PermissionOverwrite(view_channel=True)
    seen_by = {room.guild.default_role: hidden, room.bot.user: open_}
    return room.guild.create_text_channel(
        "band", overwrites=seen_by | dict.fromkeys(members, open_)
    )


async def sees(room: Room, who: Any, channel: Any, riff: StoredRiff) -> set[str]:
    """By which doors somebody reaches a riff from a channel."""
    word = riff.prompt.split()[-1]
    doors = set()

    def note(door: str, result: Any) -> None:
        answers = [result.response, *result.followups]
        said = "".join(f"{a.content} {[e.to_dict() for e in a.embeds]}" for a in answers if a)
        assert result.response or result.followups
        if riff.prompt in said or any(a.attachments for a in answers if a):
            doors.add(door)

    for command in ("server", "mine", "favourites"):
        note(command, await who.slash(channel, f"library {command}"))
    note("search", await who.slash(channel, "library search", words=word))
    for named in (riff.id, word):
        shown = await who.slash(channel, "library show", riff=named, private=True)
        note("show", shown)
        note("export", await who.slash(channel, "library export", riff=named, format="mp3"))
        note("lineage", await who.slash(channel, "library lineage", riff=named))
    for command, option in (("library show", "riff"), ("remix", "riff"), ("extend", "riff")):
        more = {"prompt": "x"} if command == "remix" else {"seconds": 9.0}
        more = {} if command == "library show" else more
        for typed in ("", word, riff.prompt):
            choices = await who.autocomplete(channel, command, option, typed, **more)
            if riff.id in [choice["value"] for choice in choices]:
                doors.add("suggestions")
    return doors


ALL = {"server", "favourites", "search", "show", "export", "lineage", "suggestions"}


async def test_a_closed_channels_riffs_are_for_those_who_see_it(settings: Settings) -> None:
    async with open_room(settings) as room:
        band = closed(room, room.ada, room.ben)
        riff = await kept(room, "secret oboe", room.ada, band.id, room.guild.id)
        for who in (room.ada, room.ben, room.mia):
            await room.services.library.riffs.add_favourite(riff.id, who.id)
        assert await sees(room, room.ben, room.channel, riff) == ALL
        assert await sees(room, room.ada, room.channel, riff) == ALL | {"mine"}
        assert await sees(room, room.mia, room.channel, riff) == set(), "not even a moderator"
        remix = await room.mia.slash(room.channel, "remix", prompt="x", riff=riff.id)
        assert "found no riff" in remix.followups[0].content
        link = f"https://discord.com/channels/{room.guild.id}/{band.id}/{10**17}"
        await room.services.library.jobs.set_message(riff.id, channel_id=band.id, message_id=10**17)
        shown = await room.mia.slash(room.channel, "library show", riff=link)
        assert "no riff in that message" in shown.followups[0].content
        shown = await room.ben.slash(room.channel, "library show", riff=link)
        assert shown.response.attachments


async def test_another_servers_and_private_riffs_are_nobody_elses(settings: Settings) -> None:
    async with open_room(settings) as room:
        other = room.env.create_guild("Eve's own")
        lair = other.create_text_channel("lair")
        eve = other.add_member(room.env.create_user("eve"))
        await room.env.settle()
        riff = await kept(room, "our oboe", room.ada, room.channel.id, room.guild.id)
        await room.services.library.riffs.add_favourite(riff.id, eve.id)
        assert await sees(room, eve, lair, riff) == set()
        alone = await kept(room, "my bassoon", room.ada, 10**17, None)
        assert await sees(room, room.ben, room.channel, alone) == set()
        assert await sees(room, room.ada, room.channel, alone) >= {"mine", "show", "export"}
        # The tree of an open riff has a place for it, and no more.
        child = await kept(room, "open drums", room.ben, room.channel.id, room.guild.id)
        tree = await room.ben.slash(room.channel, "library lineage", riff=child.id)
        assert "open drums" in tree.response.embeds[0].description


async def test_credits_tell_no_more_than_the_family_tree(settings: Settings) -> None:
    async with open_room(settings) as room:
        band = closed(room, room.ada, room.ben)
        stage = room.guild.create_text_channel("stage")
        await room.env.settle()
        made = (await room.ada.slash(band, "riff", prompt="secret oboe", steps=1)).response
        secret = await newest(room)
        for place in (band, room.channel):
            options = {"prompt": "x", "riff": secret.id}
            card = (await room.ada.slash(place, "remix", **options)).response
            description = card.embeds[0].description
            assert ("remix of **ada**: secret oboe" in description) is (place is band)
            assert (secret.id in description) is (place is band)
            assert ("remix of a riff of **ada**" in description) is (place is room.channel)
        file = await next(f for f in made.attachments if f.filename == "riff.mp3").read()
        again = await room.ada.slash(room.channel, "remix", prompt="x", upload=("a.mp3", file))
        assert again.response.content == "I know this clip."
        # What everyone in the server sees keeps its words in its other channels.
        await room.ada.slash(stage, "riff", prompt="open harp", steps=1)
        harp = await newest(room)
        for place in (room.channel, band):
            options = {"prompt": "x", "riff": harp.id}
            card = (await room.ada.slash(place, "remix", **options)).response
            assert f"remix of **ada**: open harp `#{harp.id}`" in card.embeds[0].description
        # A child that comes along to where its parent is unknown says no more there either.
        await room.ada.slash(band, "remix", prompt="y", riff=secret.id)
        child = await newest(room)
        shown = (await room.ada.slash(stage, "library show", riff=child.id)).response
        assert secret.id not in shown.embeds[0].description


@pytest.mark.parametrize("private", [True, False])
async def test_threads(settings: Settings, private: bool) -> None:
    """A public thread belongs to its channel, also when it is long forgotten; a private one to
    whoever is in it."""
    async with open_room(settings) as room:
        hall: Any = room.bot.get_channel(room.channel.id)
        kind = discord.ChannelType.private_thread if private else discord.ChannelType.public_thread
        made_by_bot = await hall.create_thread(name="side room", type=kind)
        await room.env.settle()
        (thread,) = room.channel.threads
        if private:
            await made_by_bot.add_user(discord.Object(room.ada.id))
            await room.env.settle()
        await room.ada.slash(thread, "riff", prompt="quiet harp", steps=1)
        riff = await newest(room)
        assert riff.channel_id == thread.id
        assert riff.audience_id == (thread.id if private else room.channel.id)
        page = (await room.ben.slash(room.channel, "library server")).response
        seen = bool(page.embeds) and "quiet harp" in page.embeds[0].description
        assert seen is not private
        shown = await room.ben.slash(room.channel, "library show", riff=riff.id, private=True)
        assert bool(shown.response.attachments) is not private
        if private:
            inside = await room.ada.slash(thread, "library server")
            assert "quiet harp" in inside.response.embeds[0].description
            return
        await made_by_bot.edit(archived=True)
        await room.env.settle()
        later = (await room.ben.slash(room.channel, "library server")).response
        assert "quiet harp" in later.embeds[0].description


async def test_old_riffs_of_archived_public_threads_are_found_again(settings: Settings) -> None:
    """An older RiffBot kept the thread alone, and who sees it nobody knows once it is archived."""
    async with open_room(settings) as room:
        hall: Any = room.bot.get_channel(room.channel.id)
        threads = {}
        for kind in (discord.ChannelType.public_thread, discord.ChannelType.private_thread):
            name = kind.name.removesuffix("_thread")
            thread = await hall.create_thread(name=name, type=kind)
            threads[name] = await kept(room, f"{name} harp", room.ada, thread.id, room.guild.id)
            await room.env.settle()
            await thread.edit(archived=True)
        await room.env.settle()
        gone = await kept(room, "lost harp", room.ada, 10**17, room.guild.id)
        cog: Any = room.bot.get_cog("threads")
        await cog.correct_audiences()
        library = room.services.library
        old = {
            name: (await library.riffs.get(riff.id)).audience_id for name, riff in threads.items()
        }
        assert old["public"] == room.channel.id
        assert old["private"] == threads["private"].channel_id
        assert (await library.riffs.get(gone.id)).audience_id == 10**17
        page = (await room.ben.slash(room.channel, "library search", words="harp")).response
        assert "public harp" in page.embeds[0].description
        assert "private" not in page.embeds[0].description
        # What Discord said it is not asked again.
        assert 10**17 in json.loads((settings.data_dir / "places.json").read_text())


async def test_who_made_a_riff_may_bring_it_anywhere(settings: Settings) -> None:
    async with open_room(settings) as room:
        band = closed(room, room.ada, room.ben)
        await room.ada.slash(band, "riff", prompt="secret oboe", steps=1)
        riff = await newest(room)
        # Ben sees it and shows it to all: he can, as he could play it to them, but it stays Ada's.
        leak = (await room.ben.slash(room.channel, "library show", riff=riff.id)).response
        for name in ("Remix…", "New seed", "Save"):
            refused = await room.mia.click(leak, custom_id=buttons(leak)[name])
            assert "only the one who made it can bring it" in refused.response.content, name
        refused = await room.mia.context_menu(room.channel, "Remix this riff", leak)
        refused = await room.mia.submit_modal(refused, {"prompt": "x", "denoising": "0.5"})
        assert "cannot see" in refused.followups[0].content
        file = await next(f for f in leak.attachments if f.filename == "riff.mp3").read()
        again = await room.mia.slash(room.channel, "replay", file=("riff.mp3", file))
        assert "cannot see" in again.followups[0].content
        by_hand = RiffRequest(prompt="mine", seed_image=riff.image_ref).model_dump_json()
        hidden = behind(by_hand, 0).encode()
        again = await room.mia.slash(room.channel, "replay", file=("a.json", hidden))
        assert "cannot see" in again.followups[0].content
        assert len(await room.services.library.riffs.recent()) == 1
        # Ada shows it herself: that opens it to those who are there.
        shown = (await room.ada.slash(room.channel, "library show", riff=riff.id)).response
        modal = await room.mia.click(shown, custom_id=buttons(shown)["Remix…"])
        await room.mia.submit_modal(modal, {"prompt": "bells", "denoising": "0.5"})
        child = await newest(room)
        assert (child.parent_id, child.audience_id) == (riff.id, room.channel.id)
        # Saved, it would not be among her favourites; it is no lie that it is not there.
        refused = await room.mia.click(shown, custom_id=buttons(shown)["Save"])
        assert "missing among your favourites" in refused.response.content
        saved = await room.ben.click(shown, custom_id=buttons(shown)["Save"])
        assert "Saved" in saved.response.content, "he sees where it was made"
        menu = await room.mia.context_menu(room.channel, "Remix this riff", shown)
        await room.mia.submit_modal(menu, {"prompt": "drums", "denoising": "0.5"})
        assert (await newest(room)).parent_id == riff.id
