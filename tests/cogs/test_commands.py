"""Every command, as Discord will be told of it and as the cog promises it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import discord
import pytest

from cogs.common.i18n import SOURCE_LANGUAGE, languages
from riffbot.bot import RiffTree
from riffbot.settings import Settings
from tests.support.simulated_discord import Room, open_room

NAME = re.compile(r"^[-_\w]{1,32}$")
MENUS = (2, 3)
"""Types of commands that stand in a menu: their names are for people."""

COMMANDS = {
    "riff",
    "remix",
    "inpaint",
    "extend",
    "morph",
    "layer",
    "draw",
    "replay",
    "library",
    "privacy",
    "Remix this riff",
    "guide",
    "about",
}


async def _payload(settings: Settings) -> list[dict[str, Any]]:
    async with open_room(settings) as room:
        return await room.bot.tree.payload()


async def test_the_command_tree_keeps_discords_limits(settings: Settings) -> None:
    payload = await _payload(settings)
    assert {command["name"] for command in payload} >= COMMANDS
    assert len(payload) <= 100
    for command in payload:
        assert _length(command) <= 8000
        for thing in _walk(command):
            options = thing.get("options", [])
            assert len(options) <= 25
            required = [option.get("required", False) for option in options]
            assert required == sorted(required, reverse=True)
            for name in (thing["name"], *thing["name_localizations"].values()):
                if thing.get("type") in MENUS and "options" not in thing and thing in payload:
                    assert 1 <= len(name) <= 32
                    continue
                assert NAME.match(name), name
                assert name == name.lower()
            if "description" in thing:
                texts = (thing["description"], *thing["description_localizations"].values())
                assert all(1 <= len(text) <= 100 for text in texts), texts
            _check_unique_in_every_language(options)


def _walk(thing: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A command, its subcommands and all their options."""
    yield thing
    for option in thing.get("options", []):
        yield from _walk(option)


def _length(command: dict[str, Any]) -> int:
    return sum(_longest(thing) for thing in _walk(command))


def _longest(thing: dict[str, Any]) -> int:
    return sum(
        max(len(text) for text in (thing[field], *thing[f"{field}_localizations"].values()))
        for field in ("name", "description")
        if field in thing
    )


def _check_unique_in_every_language(options: list[dict[str, Any]]) -> None:
    for language in {key for option in options for key in option["name_localizations"]}:
        names = [option["name_localizations"].get(language, option["name"]) for option in options]
        assert len(names) == len(set(names)), language


async def test_every_command_and_option_speaks_every_language(settings: Settings) -> None:
    wanted = languages() - {SOURCE_LANGUAGE}
    assert wanted >= {"de", "fr"}
    for command in await _payload(settings):
        for thing in _walk(command):
            for field in ("name", "description"):
                if field not in thing:  # a message command has no description
                    continue
                assert wanted <= set(thing[f"{field}_localizations"]), (command["name"], thing)
            for choice in thing.get("choices", []):
                assert wanted <= set(choice["name_localizations"]), choice


async def test_commands_are_synced_once_and_again_only_when_they_change(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_room(settings) as room:

        def syncs() -> int:
            return sum(
                request.method == "PUT" and request.path.endswith("/commands")
                for request in room.env.http_requests
            )

        assert syncs() == 1
        await room.restart()
        assert syncs() == 1
        monkeypatch.setattr("cogs.common.i18n.command_description", lambda _: "Another description")
        await room.restart()
        assert syncs() == 2


async def test_an_entry_point_command_survives_a_sync(settings: Settings) -> None:
    async with open_room(settings) as room:
        kept = {"id": "1", "type": 4, "name": "launch", "description": "", "handler": 2}
        sent: list[Any] = []

        async def upsert(_application: int, payload: list[Any]) -> list[Any]:
            sent.extend(payload)
            return []

        async def existing(_application: int) -> list[Any]:
            return [kept, {"id": "2", "type": 1, "name": "old"}]

        room.bot.http.get_global_commands = existing  # type: ignore[assignment,method-assign]
        room.bot.http.bulk_upsert_global_commands = upsert  # type: ignore[assignment,method-assign]
        await room.bot.tree.sync_keeping_entry_point()
        assert kept in sent
        assert "old" not in {command["name"] for command in sent}
        assert "riff" in {command["name"] for command in sent}


async def test_the_bot_asks_for_no_privileged_intent_and_pings_nobody(settings: Settings) -> None:
    async with open_room(settings) as room:
        intents = room.bot.intents
        assert intents.guilds
        assert intents.voice_states
        assert not (intents.message_content)
        assert not (intents.members)
        assert not (intents.presences)
        mentions = room.bot.allowed_mentions
        assert mentions is not None
        assert mentions.to_dict() == {"parse": []}


async def test_a_sync_that_discord_refuses_does_not_stop_the_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answer: Any = SimpleNamespace(status=400, reason="Bad Request")

    async def refused(*_: Any) -> bool:
        raise discord.HTTPException(answer, "Max number of daily application command creates")

    monkeypatch.setattr(RiffTree, "sync_if_changed", refused)
    async with open_room(settings) as room:
        assert room.bot.is_ready()
    assert "could not be synced" in caplog.text


async def test_every_command_says_where_it_can_be_installed_and_used(settings: Settings) -> None:
    guild_install, user_install = 0, 1
    for command in await _payload(settings):
        installs = [guild_install, user_install]
        contexts = [0, 1, 2]
        if command["name"] in ("jam", "server"):  # they need a server of their own
            installs, contexts = [guild_install], [0]
        assert command["integration_types"] == installs, command["name"]
        assert command["contexts"] == contexts, command["name"]


async def test_sentences_name_commands_as_mentions_that_can_be_clicked(settings: Settings) -> None:
    async with open_room(settings) as room:
        known = {c["name"]: int(c["id"]) for c in await _registered(room)}
        assert room.bot.tree.command_ids == {
            n: i for n, i in known.items() if n != "Remix this riff"
        }
        said = (await room.ada.slash(room.channel, "library favourites")).response.content
        assert "⭐ **Save**" in said
        refused = await room.ada.slash(room.channel, "library show", riff="tuba", private=True)
        assert "`/library`" in refused.response.content, "a group cannot be run"
        refused = await room.ada.slash(room.channel, "jam prompt", prompt="dub")
        assert f"</jam start:{known['jam']}>" in refused.response.content
        ask = (await room.ada.slash(room.channel, "privacy delete")).response.content
        assert f"</privacy export:{known['privacy']}>" in ask
        assert ask.count("\n- ") == 6
        page = (await room.ada.slash(room.channel, "guide")).response.embeds[0]
        assert f"</riff:{known['riff']}>" in page.description
        about = (await room.ada.slash(room.channel, "about")).response.embeds[0]
        assert f"</privacy remixes:{known['privacy']}>" in about.fields[-1].value


async def test_the_ids_are_asked_for_where_nothing_is_synced(settings: Settings) -> None:
    async with open_room(settings) as room:
        ids = room.bot.tree.command_ids
        await room.restart()
        assert room.bot.tree.command_ids == ids != {}


async def test_without_ids_commands_are_named_in_plain_text(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_room(settings) as room:
        monkeypatch.setattr(room.bot.tree, "command_ids", {})
        refused = await room.ada.slash(room.channel, "jam stop")
        assert "start one with `/jam start`." in refused.response.content


async def _registered(room: Room) -> list[Any]:
    assert room.bot.application_id is not None
    return list(await room.bot.http.get_global_commands(room.bot.application_id))
