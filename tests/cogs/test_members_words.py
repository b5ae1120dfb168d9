"""Whatever members write is shown as they wrote it, in everything that is sent to Discord."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from riffbot.settings import Settings
from tests.cogs.edit.test_remix import beat_wav, newest
from tests.cogs.test_jam import heard, jam_room, panel, parts
from tests.support.discord_markdown import shown
from tests.support.simulated_discord import Room, buttons

LINKS = "[a](https://evil.org) and [b](https://evil.org) <https://evil.org> https://evil.org"
MENTIONS = "<@1> <@&2> <#3> @everyone </jam stop:1> `/jam stop` <id:home> <t:0> <:x:1> :fire:"
LOUD = "*c* **d** __e__ ~~f~~ ||g|| # h \\ -# i"
NASTY = f"{LINKS} {MENTIONS} {LOUD}"
NAME = "*ada* <@1>"

OURS = {"text", "bold", "code", "codeblock"}
"""What our own cards are made of, beside `_our_own`."""


def _our_own(kind: str, text: str) -> bool:
    known = {"mention": r"</[a-z ]+:\d+>", "time": r"<t:\d+:R>", "link": r"http://127\.0\.0\.1\S+"}
    return kind in OURS or re.fullmatch(known.get(kind, r"(?!)"), text) is not None


def formatted(body: Any) -> Iterator[str]:
    """Every text of a request's body that Discord reads as markdown."""
    data = body.get("data", body) if isinstance(body, dict) else {}
    if not isinstance(data, dict) or ("type" in data and "options" in data):
        return
    if isinstance(data.get("content"), str):
        yield data["content"]
    for embed in data.get("embeds") or []:
        yield from (embed[field] for field in ("title", "description") if embed.get(field))
        for field in embed.get("fields") or []:
            yield from (field["name"], field["value"])


def live(room: Room) -> list[tuple[str, str]]:
    """What was sent so far that a member's words made live."""
    sent = [text for request in room.env.http_requests for text in formatted(request.json)]
    assert sum("evil" in text for text in sent) >= 2
    return [
        (run.kind, run.text)
        for text in sent
        for run in shown(text)
        if not _our_own(run.kind, run.text) or run.text == "</jam stop:1>"
    ]


async def test_nothing_is_live_in_riffs_lists_and_errors(settings: Settings) -> None:
    async with jam_room(settings) as room:
        zoe = room.guild.add_member(room.env.create_user(NAME))
        await room.env.settle()
        here = room.channel
        for text in (NASTY, LINKS, f"# {LOUD}"):
            made = await zoe.slash(here, "riff", prompt=text, negative=text, steps=1, count=2)
            assert made.followups
        riff = (await newest(room)).id
        await zoe.slash(here, "remix", prompt=LINKS, riff=riff, denoising=0.4)
        await zoe.slash(here, "morph", first=LINKS, second=MENTIONS, clips=2)
        upload = await zoe.send(here, "", attachments=[("[a](https-evil).wav", beat_wav())])
        asked = await room.ben.context_menu(here, "Remix this riff", upload)
        await room.ben.submit_modal(asked, {"prompt": LOUD, "denoising": "*x*"})
        asked = await room.ben.context_menu(here, "Remix this riff", upload)
        await room.ben.submit_modal(asked, {"prompt": LOUD, "denoising": "0.5"})
        broken = await zoe.send(here, "", attachments=[("*[a](https-evil)*", b"x" * 99)])
        asked = await room.ben.context_menu(here, "Remix this riff", broken)
        await room.ben.submit_modal(asked, {"prompt": LOUD, "denoising": "0.5"})
        await zoe.slash(here, "library server")
        await zoe.slash(here, "library search", words="[a](https://evil.org) *b*")
        await zoe.slash(here, "library show", riff=riff)
        await zoe.slash(here, "library lineage", riff=riff)
        await zoe.slash(here, "library show", riff=f"{LINKS[:60]}")
        await zoe.slash(here, "riff", prompt="dub", seed_image="[a](https://evil.org) *b*")
        assert live(room) == []


async def test_nothing_is_live_on_a_jams_panel(settings: Settings) -> None:
    async with jam_room(settings) as room:
        zoe = room.guild.add_member(room.env.create_user(NAME))
        await room.env.settle()
        await zoe.slash(room.channel, "jam start", prompt=LINKS)
        await zoe.slash(room.channel, "jam prompt", prompt=MENTIONS)
        await room.ben.slash(room.channel, "jam prompt", prompt=LOUD)
        await heard(room, 2.0)
        (controller,) = room.bot.jam_controllers.values()
        await controller.refresh(at_once=True)
        assert NAME in shown_as_text(panel(room).embeds[0].description)
        menu = parts(panel(room))[-1]
        labels = [option.label for option in menu.options]
        assert " ".join(LOUD.split()) in labels, "menus show no markdown"
        await room.services.library.guilds.set_settings(room.guild.id, jam_stop="starter")
        await room.ben.slash(room.channel, "jam stop")
        await zoe.slash(room.channel, "jam stop")
        assert live(room) == []


async def test_titles_show_a_prompt_to_the_letter(settings: Settings) -> None:
    async with jam_room(settings) as room:
        for prompt in ("[sax] *loud* [drums](soft)", "(sax:1.3), [drums], lo-fi: 5_4 <3"):
            message = (await room.riff(prompt, steps=1)).response
            assert shown_as_text(message.embeds[0].title) == prompt
            (run,) = shown(message.embeds[0].title)
            assert run.kind == "text"
            asked = await room.ben.click(message.message, label="Remix…")
            assert asked.modal["components"][0]["component"]["value"] == prompt
            assert "Remix…" in buttons(message)


def shown_as_text(markdown: str) -> str:
    return "".join(run.text for run in shown(markdown))
