"""/riff from the command to the message, and everything that may go wrong on the way."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from typing import Any

import discord
import numpy as np
import pytest

from audio.files import read
from audio.image import decode_image
from cogs.common import generation
from cogs.common.clip_cards import clip_cards
from riffbot import prompt as prompt_module
from riffbot.errors import GenerationFailed, Refused
from riffbot.inference.job import Progress
from riffbot.settings import Settings
from tests.support.fake_pipeline import until
from tests.support.simulated_discord import Room, buttons, open_room

BUTTONS = ["New seed", "Remix…", "Again ×4", "Save", "Delete"]


async def test_a_prompt_becomes_a_message_that_plays(settings: Settings) -> None:
    async with open_room(settings) as room:
        message = (await room.riff("funky (sax:1.3) riff", seed=42)).response
        assert not message.ephemeral
        embed = message.embeds[0]
        assert embed.title == "funky (sax:1.3) riff"
        assert "seed `42`" in embed.description
        assert "riffbot-tiny" in embed.footer.text
        files = {file.filename: file for file in message.attachments}
        assert set(files) == {"riff.mp3", "spectrogram.png", "riff.png"}
        assert embed.image.url.endswith("spectrogram.png")
        assert embed.thumbnail.url.endswith("riff.png")
        sound = read(await files["riff.mp3"].read())
        picture = decode_image(await files["riff.png"].read())
        assert len(sound.samples) == picture.pixels.shape[1] * sound.sample_rate // 100
        assert files["spectrogram.png"].description.startswith("Spectrogram of")
        assert list(buttons(message)) == BUTTONS
        stored = (await room.services.library.riffs.recent())[0]
        assert (stored.message_id, stored.channel_id) == (message.id, room.channel.id)
        assert stored.author_id == room.ada.id


async def test_every_option_reaches_the_request(settings: Settings) -> None:
    async with open_room(settings) as room:
        await room.riff(
            "dub",
            negative="drums",
            seed=7,
            seed_image="steady",
            denoising=0.4,
            guidance=2.5,
            steps=2,
        )
        request = (await room.services.library.riffs.recent())[0].request
        assert request.negative == "drums"
        assert request.seed == 7
        assert request.seed_image == "steady"
        assert request.denoising == 0.4
        assert request.guidance == 2.5
        assert request.steps == 2
        assert request.bpm == 120
        await room.riff("dub", tempo=100.0)
        assert (await room.services.library.riffs.recent())[0].request.bpm == 100


async def test_a_prompt_is_parsed_once_from_the_command_to_the_model(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []
    pattern = prompt_module._TOKEN

    class CountingPattern:
        def finditer(self, text: str) -> Any:
            parsed.append(text)
            return pattern.finditer(text)

    async with open_room(settings) as room:
        monkeypatch.setattr(prompt_module, "_TOKEN", CountingPattern())
        await room.riff("a prompt that no other test has (sax:1.3)", seed=42)
    assert parsed.count("a prompt that no other test has (sax:1.3)") == 1


@pytest.mark.parametrize("prompt", ["()", "[ ]", "(x:1e9)"])
async def test_a_prompt_that_cannot_be_read_is_refused_before_anything_is_posted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, prompt: str
) -> None:
    async with open_room(settings) as room:

        async def never(*_: Any, **__: Any) -> Any:
            raise AssertionError("something was posted or queued")

        monkeypatch.setattr(generation.ReplyTarget, "respond", never)
        monkeypatch.setattr(room.services.clip_service, "make", never)
        assert "for example" in _whispered(await room.riff(prompt))
        assert room.messages == []


async def test_a_label_in_brackets_is_played_as_text(settings: Settings) -> None:
    async with open_room(settings) as room:
        await room.riff("(bpm: 120) funk", seed=1)
        assert (await room.services.library.riffs.recent())[0].request.bpm == 120


async def test_four_takes_are_four_messages_and_a_summary(settings: Settings) -> None:
    async with open_room(settings) as room:
        result = await room.riff("dub", seed=10, count=4)
        assert [f.attachments[0].filename for f in result.followups] == ["riff.mp3"] * 4
        assert "4 takes below" in result.response.embeds[0].description
        assert not buttons(result.response)
        seeds = {riff.seed for riff in await room.services.library.riffs.recent()}
        assert seeds == {10, 11, 12, 13}


async def test_markdown_in_a_prompt_is_shown_and_not_obeyed(settings: Settings) -> None:
    async with open_room(settings) as room:
        message = (await room.riff("**loud** _sax_ @everyone " + "x" * 300)).response
        title = message.embeds[0].title
        assert title.startswith(r"\*\*loud\*\* \_sax\_")
        assert len(title) <= 256
        assert message.message.mentions == []
        assert not message.message.mention_everyone


async def test_progress_is_shown_and_replaced_by_the_result(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[str, list[str]]] = []
    edit = generation.ReplyTarget.edit

    seen = asyncio.Event()

    async def watching(target: Any, card: Any) -> None:
        shown.append((card.embed.description, [file.name for file in card.files]))
        await edit(target, card)
        seen.set()

    async with open_room(settings) as room:
        await room.riff("dub")
        (stored,) = await room.services.library.riffs.recent()
        clip = await room.services.clip_service.clip(stored.id)
        news = [
            Progress("x", "queued", position=3, eta_s=7.0),
            Progress("x", "running", eta_s=2.0, step=1, steps=4, preview=_forming(200)),
            Progress("x", "running", eta_s=2.0, step=1, steps=4, preview=_forming(100)),
            Progress("x", "running", eta_s=1.0, step=3, steps=4),
        ]

        async def watched(*_: Any, on_progress: Any, **__: Any) -> Any:
            for progress in news:
                seen.clear()
                while not seen.is_set():
                    on_progress(progress)
                    await asyncio.to_thread(time.sleep, 0.02)
            return clip

        monkeypatch.setattr(generation, "FIRST_EDIT_S", 0.05)
        monkeypatch.setattr(generation, "EDIT_INTERVAL_S", 0.05)
        monkeypatch.setattr(generation.ReplyTarget, "edit", watching)
        monkeypatch.setattr(room.services.clip_service, "make", watched)
        result = await room.riff("dub")
        texts = [text for text, _ in shown]
        assert "3rd in line · about 7 s left" in texts
        assert texts[-1].endswith("step 3 of 4 · about 1 s left")
        assert shown[-1][1] == ["forming.png"], "the last preview stays until there is a newer one"
        assert list(buttons(result.response)) == BUTTONS
        assert not room.bot.generation_tasks


def _forming(grey: int) -> Any:
    return np.full((512, 128), grey, np.uint8)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"prompt": "(x:1e9)"}, "weight"),
        ({"prompt": "()"}, "empty"),
        ({"prompt": "dub", "seed_image": "stedy"}, "did you mean steady"),
    ],
)
async def test_nonsense_is_answered_with_one_quiet_sentence(
    settings: Settings, options: dict[str, Any], words: str
) -> None:
    async with open_room(settings) as room:
        result = await room.ada.slash(room.channel, "riff", **options)
        said = _whispered(result)
        assert words in said
        assert "\n" not in said
        assert room.messages == []


async def test_a_refusal_is_told_before_anything_is_posted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_room(settings) as room:

        def full(*_: Any) -> None:
            raise Refused("The line is 20 minutes long: please try again in 10.", wait_s=600)

        monkeypatch.setattr(room.services.engine, "check", full)
        result = await room.riff()
        assert _whispered(result) == "The line is 20 minutes long: please try again in 10."
        assert room.messages == []


async def test_a_failure_in_the_model_is_told_and_leaves_no_litter(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_room(settings) as room:

        async def broken(*_: Any, **__: Any) -> Any:
            raise GenerationFailed("The model gave no picture; please try another seed.")

        monkeypatch.setattr(room.services.clip_service, "make", broken)
        assert "another seed" in _whispered(await room.riff())
        assert "another seed" in _whispered(await room.riff(count=3))
        assert room.messages == []


async def test_a_bug_is_logged_and_answered_calmly(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_room(settings) as room:

        async def bug(*_: Any, **__: Any) -> Any:
            raise ZeroDivisionError("secret detail")

        monkeypatch.setattr(room.services.clip_service, "make", bug)
        said = _whispered(await room.riff())
        assert said.startswith("Something broke on my side")
        assert "secret detail" in caplog.text


async def test_seed_images_are_suggested_by_name_title_and_mood(settings: Settings) -> None:
    async with open_room(settings) as room:

        async def suggested(typed: str) -> list[str]:
            result = await room.ada.autocomplete(room.channel, "riff", "seed_image", typed)
            return [choice["value"] for choice in result]

        assert await suggested("") == ["steady", "swing"]
        assert await suggested("BRUSH") == ["swing"]
        assert await suggested("steady b") == ["steady"]
        assert await suggested("nothing like it") == []


def _whispered(result: Any) -> str:
    """The one ephemeral message of a result."""
    said = [m for m in (result.response, *result.followups) if m is not None]
    assert [m.ephemeral for m in said] == [True]
    text: str = said[0].content
    return text


# -- Discord's bad days ----------------------------------------------------------------------------


def _late(room: Room, monkeypatch: pytest.MonkeyPatch, seconds: float = 901) -> None:
    """Let the clip be finished only after the interaction's token has died."""
    make = room.services.clip_service.make

    async def slow(*args: Any, **options: Any) -> Any:
        clip = await make(*args, **options)
        room.env.backend.advance_clock(seconds)
        return clip

    monkeypatch.setattr(room.services.clip_service, "make", slow)


async def test_a_clip_that_outlives_its_token_is_posted_in_the_channel(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_room(settings) as room:
        _late(room, monkeypatch)
        await room.riff()
        (message,) = room.messages
        assert message.interaction_metadata is None
        assert message.content == f"<@{room.ada.id}>"
        assert message.mentions == [] or not message.mention_everyone
        assert "riff.mp3" in [file.filename for file in message.attachments]


async def test_without_permission_in_the_channel_a_late_clip_goes_by_mail(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_room(settings) as room:
        _late(room, monkeypatch)
        closed = room.guild.create_text_channel(
            "closed",
            overwrites={room.guild.default_role: discord.PermissionOverwrite(attach_files=True)},
        )
        monkeypatch.setattr(
            "cogs.common.delivery.ReplyTarget._bot_permissions",
            lambda _: discord.Permissions.none(),
        )
        await room.ada.slash(closed, "riff", prompt="dub")
        letters = room.ada.user.dm_channel.history()
        assert "riff.mp3" in [file.filename for file in letters[-1].attachments]


async def test_a_late_clip_without_attach_files_is_told_in_words(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_room(settings) as room:
        _late(room, monkeypatch)
        monkeypatch.setattr(
            "cogs.common.delivery.ReplyTarget._bot_permissions",
            lambda _: discord.Permissions(send_messages=True),
        )
        await room.riff()
        (message,) = room.messages
        assert message.attachments == []
        assert "library" in message.embeds[0].fields[0].value


@pytest.mark.parametrize("status", [403, 404, 500, 503])
async def test_a_clip_is_posted_anew_when_its_message_cannot_be_edited(
    settings: Settings, status: int
) -> None:
    async with open_room(settings) as room:
        room.env.inject_error("PATCH", "/webhooks/*", status=status, times=None)
        result = await room.riff()
        assert [f.attachments[0].filename for f in result.followups] == ["riff.mp3"]
        assert result.response is None, "the progress message is taken away"
        assert len(await room.services.library.riffs.recent()) == 1


async def test_when_discord_takes_nothing_the_clip_is_in_the_library(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_room(settings) as room:
        for method, path in (
            ("PATCH", "/webhooks/*"),
            ("POST", "/webhooks/*"),
            ("POST", "/channels/*"),
            ("POST", "/users/*"),
        ):
            room.env.inject_error(method, path, status=500, times=None)
        await room.riff()
        (stored,) = await room.services.library.riffs.recent()
        assert f"riff {stored.id} is in the library" in caplog.text


async def test_pictures_are_dropped_first_where_uploads_are_small(settings: Settings) -> None:
    async with open_room(settings) as room:
        await room.riff()
        (stored,) = await room.services.library.riffs.recent()
        clip = await room.services.clip_service.clip(stored.id)

    def offered(limit: int) -> list[list[str]]:
        return [[file.name for file in card.files] for card in clip_cards(clip, limit)]

    everything = len(clip.mp3) + len(clip.picture) + len(clip.png)
    assert offered(everything)[0] == ["riff.mp3", "spectrogram.png", "riff.png"]
    assert offered(everything - 1)[0] == ["riff.mp3", "spectrogram.png"]
    assert offered(len(clip.mp3)) == [["riff.mp3"], []]
    assert offered(1) == [[]]


async def test_a_poorer_message_is_tried_when_discord_finds_it_too_large(
    settings: Settings,
) -> None:
    async with open_room(settings) as room:
        room.env.inject_error("PATCH", "/webhooks/*", status=413, code=40005, times=2)
        message = (await room.riff()).response
        assert [file.filename for file in message.attachments] == ["riff.mp3"]


async def test_a_locked_library_is_told_and_what_was_told_is_true(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riffbot.library.connection.BUSY_TIMEOUT_MS", 50)
    monkeypatch.setattr("riffbot.library.jobs._WRITE_TIMEOUT_S", 0.5)
    async with open_room(settings) as room:
        other = sqlite3.connect(settings.data_dir / "riffbot.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        said = _whispered(await room.riff("locked out"))
        assert "Another program holds the library" in said
        assert room.messages == []
        other.close()
        assert await room.services.library.jobs.unfinished() == [], "it is not made after all"
        assert (await room.riff("let in")).response.attachments


async def test_a_riff_that_costs_too_much_is_refused_in_words(settings: Settings) -> None:
    async with open_room(settings.model_copy(update={"max_job_s": 0.0001})) as room:
        engine = room.services.engine
        await until(lambda: engine.stats().seconds_per_clip is not None)  # of the warm-up
        assert "one riff may for" in _whispered(await room.riff("dear", steps=100))
        assert await room.services.library.jobs.unfinished() == []
