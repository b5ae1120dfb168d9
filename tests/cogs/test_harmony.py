"""Key and chords in Discord: options, suggestions, what a card says, and a jam that keeps them."""

from __future__ import annotations

import asyncio
import io
import time
from pathlib import Path
from typing import Any

import pytest
import soundfile

from riffbot.settings import Settings
from tests.audio.test_keys import song
from tests.support.patience import patience
from tests.support.simulated_discord import Room, open_room
from tests.support.tiny_models import tiny_embedded_model


@pytest.fixture(scope="module")
def musical_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that is told keys and chords."""
    return tiny_embedded_model(tmp_path_factory.mktemp("model") / "musical", harmony=True)


@pytest.fixture
def musical(settings: Settings, musical_model: Path) -> Settings:
    return settings.model_copy(update={"model": str(musical_model)})


async def last_request(room: Room) -> Any:
    return (await room.services.library.riffs.recent())[0].request


async def test_a_riff_has_the_key_and_the_chords_that_were_asked_for(musical: Settings) -> None:
    async with open_room(musical) as room:
        shown = await room.riff("lo-fi piano", key="f# minor", chords="i-VI-III-VII", tempo=120.0)
        request = await last_request(room)
        assert request.harmony == ("F# minor", "i VI III VII")
        assert "key: F# minor · F#m D A E" in shown.response.embeds[0].description
        assert not shown.response.content


async def test_the_prompt_may_say_them(musical: Settings) -> None:
    async with open_room(musical) as room:
        shown = await room.riff("bebop, ii-V-I in Bb")
        assert (await last_request(room)).harmony == ("Bb major", "ii V I")
        assert "key: Bb major · Cm F Bb" in shown.response.embeds[0].description


async def test_a_wrong_chord_costs_nothing_and_names_the_right_one(musical: Settings) -> None:
    async with open_room(musical) as room:
        for options, sentence in (
            ({"chords": "Amm7 D7"}, "There is no chord “Amm7”. Did you mean Am7?"),
            ({"chords": "ii V I"}, "“ii” is a degree of a key: please say which key"),
            ({"key": "fish"}, "There is no key “fish”."),
        ):
            refused = await room.riff("sax", **options)
            assert refused.response.ephemeral
            assert refused.response.content.startswith(sentence)
        assert await room.services.library.riffs.recent() == []


async def test_a_remix_stays_in_key_unless_it_is_told_another(musical: Settings) -> None:
    async with open_room(musical) as room:
        await room.riff("piano", key="A minor", chords="Am F C G")
        (first,) = await room.services.library.riffs.recent()
        await room.ada.slash(room.channel, "remix", prompt="church bells", riff=first.id)
        assert (await last_request(room)).harmony == ("A minor", "Am F C G")
        await room.ada.slash(
            room.channel, "remix", prompt="church bells", riff=first.id, key="D minor"
        )
        assert (await last_request(room)).harmony == ("D minor", "Dm Bb F C")
        await room.ada.slash(room.channel, "extend", riff=first.id, seconds=16.0, chords="any")
        assert (await last_request(room)).harmony == ("A minor", None)


async def test_the_key_of_an_upload_is_heard_said_and_kept(
    musical: Settings, settings: Settings
) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, song(9, "minor"), 22050, format="WAV")
    upload = ("song.wav", buffer.getvalue())
    async with open_room(musical) as room:
        shown = await room.ada.slash(room.channel, "remix", prompt="bells", upload=upload)
        assert "I hear it in A minor." in shown.response.content
        assert (await last_request(room)).key == "A minor"
    other = settings.model_copy(update={"data_dir": settings.data_dir / "other"})
    async with open_room(other) as room:
        shown = await room.ada.slash(room.channel, "remix", prompt="bells", upload=upload)
        assert "does not know" not in shown.response.content, "nobody asked for a key"
        assert (await last_request(room)).key is None


async def test_layers_that_clash_say_so(musical: Settings) -> None:
    async with open_room(musical) as room:
        for key in ("A minor", "Eb major"):
            await room.riff("piano", key=key, tempo=120.0)
        second, first = await room.services.library.riffs.recent()
        shown = await room.ada.slash(room.channel, "layer", riff=first.id, second=second.id)
        assert shown.response.content.startswith(
            "The first is in A minor and the second in Eb major"
        )
        assert (await last_request(room)).key == "A minor"


async def test_a_model_that_knows_neither_says_so_and_makes_the_riff(settings: Settings) -> None:
    async with open_room(settings) as room:
        shown = await room.riff("piano", key="A minor")
        assert shown.response.content == (
            "riffbot-tiny does not know keys and chords, so this was made without “key: A minor”."
        )
        assert "A minor" not in shown.response.embeds[0].description
        plain = await room.riff("piano in A minor")
        assert not plain.response.content, "in a prompt they are plain words"


async def test_keys_and_progressions_are_suggested(musical: Settings) -> None:
    async with open_room(musical) as room:

        async def choices(option: str, typed: str, **filled: str) -> list[tuple[str, str]]:
            found = await room.ada.autocomplete(
                room.channel, "riff", option, typed, prompt="x", **filled
            )
            return [(choice["name"], choice["value"]) for choice in found]

        assert (await choices("key", ""))[0] == ("C major", "C major")
        assert len(await choices("key", "")) == 25
        assert (await choices("key", "d dorian"))[0][1] == "D dorian"
        pop = await choices("chords", "pop", key="D major")
        assert pop[0] == ("I–V–vi–IV · pop · D A Bm G", "I V vi IV")
        assert (await choices("chords", "pop"))[0][1] == "C G Am F", "numerals would need a key"
        assert (await choices("chords", "am7 d7"))[0] == ("Am7 D7 · 2 measures", "Am7 D7")


async def test_a_jam_keeps_its_key_whatever_its_prompt(musical: Settings) -> None:
    async with open_room(musical, local=True) as room:
        room.services.jams.page = "http://127.0.0.1:8765/"
        await room.ada.slash(
            room.channel, "jam start", prompt="funky sax", seed_image="steady", key="A minor"
        )
        (controller,) = room.bot.jam_controllers.values()
        session = controller.session
        assert session.status().key == "A minor"
        await room.ben.slash(room.channel, "jam prompt", prompt="church bells")
        assert session.status().key == "A minor"
        told = await room.ada.slash(room.channel, "jam key", chords="i-VI")
        assert told.response.content == "key: A minor · Am F: it comes in at one of the next beats."
        await room.ben.slash(room.channel, "jam prompt", prompt="dub in D minor")
        assert (session.status().key, session.status().chords) == ("D minor", "i VI")
        refused = await room.ada.slash(room.channel, "jam key", key="fish")
        assert refused.response.content.startswith("There is no key “fish”.")
        nothing = await room.ada.slash(room.channel, "jam key")
        assert nothing.response.content.startswith("Say a key or chords")
        async with patience(30):  # what nobody heard yet is not stored
            while session.reader.snapshot().current.path.key != "D minor":
                await asyncio.to_thread(time.sleep, 0.05)
        await room.restart_jams()
        (controller,) = room.bot.jam_controllers.values()
        assert controller.session.status().key == "D minor"
        await room.ada.slash(room.channel, "jam stop")


async def test_a_jam_whose_model_knows_no_key_says_so(settings: Settings) -> None:
    async with open_room(settings, local=True) as room:
        room.services.jams.page = "http://127.0.0.1:8765/"
        await room.ada.slash(
            room.channel, "jam start", prompt="funky sax", seed_image="steady", key="A minor"
        )
        (controller,) = room.bot.jam_controllers.values()
        assert controller.session.status().key is None
        told = await room.ada.slash(room.channel, "jam key", key="D minor")
        assert told.response.content == (
            "This RiffBot's model does not know keys and chords: the jam plays without them."
        )
        await room.ada.slash(room.channel, "jam stop")
