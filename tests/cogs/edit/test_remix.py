"""Remixing in a channel: from riffs, messages and uploads, and what the others see of it."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
import soundfile

from audio.files import encode, read, read_tags
from audio.image import decode_image, encode_png
from riffbot.library.types import Author
from riffbot.request import RiffRequest
from riffbot.settings import Settings
from tests.support.hostile_uploads import hostile
from tests.support.simulated_discord import Room, open_room


def beat_wav(*, bpm: float = 120.0, seconds: float = 8.0, rate: int = 22050) -> bytes:
    """A kick on every beat and a hat between: something with a tempo."""
    time = np.arange(round(seconds * rate)) / rate
    sound = np.zeros_like(time)
    rng = np.random.default_rng(0)
    for number in range(int(seconds * bpm / 30)):
        at = round(number * 30 / bpm * rate)
        length = min(rate // 10, len(time) - at)
        t = np.arange(length) / rate
        if number % 2 == 0:
            sound[at : at + length] += 0.8 * np.sin(2 * np.pi * 60 * t) * np.exp(-t * 30)
        sound[at : at + length] += 0.1 * rng.standard_normal(length) * np.exp(-t * 80)
    out = io.BytesIO()
    soundfile.write(out, sound, rate, format="WAV")
    return out.getvalue()


async def picture_of(message: Any) -> np.ndarray:
    (raw,) = [f for f in message.attachments if f.filename == "riff.png"]
    return decode_image(await raw.read()).pixels


async def newest(room: Room) -> Any:
    return (await room.services.library.riffs.recent())[0]


async def test_remix_of_a_picked_riff(settings: Settings) -> None:
    async with open_room(settings) as room:
        await room.riff("funky sax", steps=2)
        choices = await room.ben.autocomplete(room.channel, "remix", "riff", "fun", prompt="x")
        parent = await newest(room)
        assert [choice["value"] for choice in choices] == [parent.id]
        assert "funky sax" in choices[0]["name"]
        assert "ada" in choices[0]["name"]
        result = await room.ben.slash(
            room.channel, "remix", prompt="bells", riff=parent.id, denoising=0.5, seed=3
        )
        child = await newest(room)
        assert (child.kind, child.parent_id, child.seed) == ("remix", parent.id, 3)
        assert child.request.seed_image == parent.image_ref
        description = result.response.embeds[0].description
        assert "remix of **ada**" in description
        assert parent.id in description
        # Words find it as well as its id does.
        await room.ben.slash(room.channel, "remix", prompt="y", riff="sax funky", seed=4)
        assert (await newest(room)).parent_id == parent.id
        refused = await room.ben.slash(room.channel, "remix", prompt="y", riff="tuba")
        assert refused.response is None
        assert [f.ephemeral for f in refused.followups] == [True]
        assert "tuba" in refused.followups[0].content


async def test_denoising_is_offered_with_the_guides_words(settings: Settings) -> None:
    async with open_room(settings) as room:
        offered = await room.ada.autocomplete(room.channel, "remix", "denoising", "", prompt="x")
        assert {choice["value"] for choice in offered} >= {0.4, 0.75, 0.95}
        assert any("keeps the beat" in choice["name"] for choice in offered)


async def test_the_message_command_remixes_a_riff(settings: Settings) -> None:
    async with open_room(settings) as room:
        first = (await room.riff("funky sax", steps=2)).response.message
        shown = await room.ben.context_menu(room.channel, "Remix this riff", first)
        assert shown.modal["components"][0]["component"]["value"] == "funky sax"
        result = await room.ben.submit_modal(shown, {"prompt": "ska", "denoising": "0.4"})
        child, parent = await room.services.library.riffs.recent()
        assert (child.parent_id, child.author_id) == (parent.id, room.ben.id)
        assert "remix of **ada**" in result.response.embeds[0].description
        again = await room.mia.context_menu(
            room.channel, "Remix this riff", result.response.message
        )
        assert again.modal["components"][0]["component"]["value"] == "ska"


async def test_a_sound_in_a_message_becomes_a_loop_on_its_beat(settings: Settings) -> None:
    async with open_room(settings) as room:
        message = await room.ben.send(
            room.channel, "my drums", attachments=[("drums.wav", beat_wav(bpm=120))]
        )
        shown = await room.mia.context_menu(room.channel, "Remix this riff", message)
        result = await room.mia.submit_modal(shown, {"prompt": "marimba", "denoising": "0"})
        assert "beats at" in result.response.content
        child, upload = await room.services.library.riffs.recent()
        assert (upload.kind, upload.author_id, upload.prompt) == (
            "upload",
            room.ben.id,
            "drums.wav",
        )
        assert child.parent_id == upload.id
        assert child.request.bpm == pytest.approx(120, rel=0.02)
        beats = child.request.width * child.request.bpm / 6000
        assert beats == pytest.approx(round(beats), abs=0.01)
        assert round(beats) % 4 == 0
        # Denoising 0 gives the loop itself back.
        assert np.array_equal(
            await picture_of(result.response),
            room.services.clip_service.importer.load_picture(upload.image_ref),
        )
        # The same sound again is the same upload.
        again = await room.ada.context_menu(room.channel, "Remix this riff", message)
        await room.ada.submit_modal(again, {"prompt": "harp", "denoising": "0"})
        assert (await newest(room)).parent_id == upload.id


async def test_a_downloaded_clip_is_known_again(settings: Settings) -> None:
    async with open_room(settings) as room:
        first = (await room.riff("funky sax", steps=2)).response
        parent = await newest(room)
        for name in ("riff.mp3", "riff.png"):
            (file,) = [f for f in first.attachments if f.filename == name]
            result = await room.ben.slash(
                room.channel, "remix", prompt="x", upload=(f"my {name}", await file.read())
            )
            assert (await newest(room)).parent_id == parent.id
            assert "I know this clip" in result.response.content
        await room.services.library.privacy.set_remix_allowed(room.ada.id, False)
        refused = await room.ben.slash(
            room.channel, "remix", prompt="x", upload=("r.png", await file.read())
        )
        assert "keeps it" in refused.followups[0].content


async def test_a_message_without_sound_and_a_command_without_a_start_say_so(
    settings: Settings,
) -> None:
    async with open_room(settings) as room:
        message = await room.ben.send(room.channel, "hello", attachments=[("a.txt", b"hi")])
        refused = await room.ada.context_menu(room.channel, "Remix this riff", message)
        assert refused.response.ephemeral
        assert "no sound and no picture" in refused.response.content
        refused = await room.ada.slash(room.channel, "remix", prompt="x")
        assert "pick a riff" in refused.followups[0].content
        assert room.messages[-1].content == "hello", "nothing is left in the channel"


async def test_inpaint_by_bar(settings: Settings) -> None:
    async with open_room(settings) as room:
        await room.riff("dub", tempo=93.75, steps=2)
        parent = await newest(room)
        offered = await room.ben.autocomplete(
            room.channel, "inpaint", "where", "", prompt="x", riff=parent.id
        )
        assert offered[0]["value"] == "beat 1" or offered[0]["value"].startswith(("bar", "first"))
        result = await room.ben.slash(
            room.channel, "inpaint", prompt="fill", riff=parent.id, where="second half", high=2000.0
        )
        child = await newest(room)
        assert child.kind == "inpaint"
        before = room.services.clip_service.importer.load_picture(parent.image_ref)
        after = await picture_of(result.response)
        changed = before != after
        width = before.shape[1]
        assert changed.any()
        assert not changed[:, : width // 2].any()
        assert not changed[:100].any()
        assert "only" in result.response.embeds[0].description
        refused = await room.ben.slash(
            room.channel, "inpaint", prompt="fill", riff=parent.id, where="bar 99"
        )
        assert "bar" in refused.followups[0].content


async def test_extend_makes_a_song_that_can_be_remixed(settings: Settings) -> None:
    async with open_room(settings) as room:
        await room.riff("dub", tempo=93.75, steps=2)
        parent = await newest(room)
        result = await room.ben.slash(room.channel, "extend", riff=parent.id, seconds=24.0)
        song = await newest(room)
        assert (song.kind, song.prompt, song.parent_id) == ("extend", "dub", parent.id)
        assert song.duration_s == pytest.approx(24, abs=2.6)
        whole = await picture_of(result.response)
        before = room.services.clip_service.importer.load_picture(parent.image_ref)
        assert np.array_equal(whole[:, : before.shape[1]], before)
        assert "goes on from **ada**" in result.response.embeds[0].description
        await room.mia.slash(
            room.channel, "remix", prompt="x", riff=song.id, start=5.0, denoising=0
        )
        piece = await newest(room)
        assert piece.parent_id == song.id
        part = room.services.clip_service.importer.load_picture(piece.image_ref)
        assert np.array_equal(part, whole[:, 500 : 500 + part.shape[1]])
        assert room.services.images.tempo(piece.request.seed_image) == 93.75
        # The song goes on as a song.
        longer = song.duration_s + 3
        result = await room.ben.slash(room.channel, "extend", riff=song.id, seconds=longer)
        assert np.array_equal((await picture_of(result.response))[:, : whole.shape[1]], whole)
        assert (await newest(room)).parent_id == song.id


async def test_morph_and_layer_credit_both(settings: Settings) -> None:
    async with open_room(settings) as room:
        await room.riff("dub", tempo=93.75, steps=2)
        first = await newest(room)
        await room.ben.slash(room.channel, "riff", prompt="ska", tempo=93.75, steps=2)
        second = await newest(room)
        walk = await room.mia.slash(
            room.channel, "morph", first=first.id, second=second.id, clips=3
        )
        description = walk.response.embeds[0].description
        assert "**ada**" in description
        assert "**ben**" in description
        assert walk.response.embeds[0].title == "dub → ska"
        mix = await room.mia.slash(room.channel, "layer", riff=first.id, second=second.id)
        assert mix.response.embeds[0].title == "dub + ska"
        child = await newest(room)
        assert (child.parent_id, child.second_parent_id) == (first.id, second.id)
        await room.mia.slash(room.channel, "morph", first="rain", second="thunder", clips=2)
        assert (await newest(room)).parent_id is None


async def test_an_old_caption_is_layered_and_no_model_reads_it(settings: Settings) -> None:
    async with open_room(settings) as room:
        await room.riff("dub", tempo=93.75, steps=2)
        dub = await newest(room)
        caption = {"prompt": "(x:1e9)", "seed": 1, "seed_image": dub.image_ref, "bpm": 93.75}
        piece = {"kind": "layer", "image": dub.image_ref}
        request = RiffRequest.from_json(json.dumps({**caption, "piece": piece}))
        ada = Author(room.ada.id, "ada", room.guild.id)
        old = await room.services.clip_service.make(request, author=ada)
        mix = await room.ada.slash(room.channel, "layer", riff=old.id, second=dub.id)
        assert (await newest(room)).prompt == "(x:1e9) + dub"
        await room.ada.click(mix.response.message, label="New seed")
        remade = await newest(room)
        assert remade.prompt == "(x:1e9) + dub"
        assert (await room.services.clip_service.replayer.replay(remade.id)).request.piece
        refused = await room.ada.slash(room.channel, "extend", riff=old.id, seconds=20)
        assert "“1e9” is not a weight" in refused.followups[0].content
        assert (await newest(room)).id == remade.id


async def test_draw_explains_itself(settings: Settings) -> None:
    drawing = np.full((256, 256), 255, np.uint8)
    drawing[100:110, 20:200] = 0
    async with open_room(settings) as room:
        result = await room.ada.slash(
            room.channel, "draw", picture=("line.png", encode_png(drawing))
        )
        assert "left to right is time" in result.response.content
        heard = await picture_of(result.response)
        assert heard.shape == (512, 512)
        assert heard[210, 200] < 40
        assert heard[50, 200] == 255
        painted = await room.ada.slash(
            room.channel, "draw", picture=("line.png", encode_png(drawing)), prompt="violin"
        )
        assert not np.array_equal(await picture_of(painted.response), heard)
        painted_riff = await newest(room)
        assert (painted_riff.prompt, painted_riff.kind) == ("violin", "draw")
        assert "drawn by **ada**" in painted.response.embeds[0].description


async def test_a_downloaded_remix_replays_where_the_library_is_gone(
    settings: Settings, tmp_path: Any
) -> None:
    async with open_room(settings) as room:
        first = (await room.riff("dub", steps=2)).response.message
        shown = await room.ben.context_menu(room.channel, "Remix this riff", first)
        made = await room.ben.submit_modal(shown, {"prompt": "ska", "denoising": "0.7"})
        files = {f.filename: await f.read() for f in made.response.attachments}
        wanted = await picture_of(made.response)
    elsewhere = settings.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    async with open_room(elsewhere) as room:
        for name in ("riff.mp3", "riff.png"):
            result = await room.ada.slash(room.channel, "replay", file=(name, files[name]))
            assert np.array_equal(await picture_of(result.response), wanted)
            assert "Made again" in result.response.content
        refused = await room.ada.slash(room.channel, "replay", file=("x.wav", beat_wav()))
        assert "holds no recipe" in refused.followups[0].content


@pytest.mark.parametrize("changed", [False, True])
async def test_a_remix_of_an_uploaded_sound_replays_or_says_that_it_does_not(
    settings: Settings, tmp_path: Any, changed: bool
) -> None:
    async with open_room(settings) as room:
        first = (await room.riff("dub", steps=2)).response
        [mp3] = [await f.read() for f in first.attachments if f.filename == "riff.mp3"]
    if changed:
        sound, recipe = read(mp3), read_tags(mp3)["comment"]
        quieter = sound.samples * np.linspace(0, 1, len(sound.samples), dtype=np.float32)
        mp3 = encode(quieter, sound.sample_rate, "mp3", tags={"comment": recipe})
    elsewhere = settings.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    async with open_room(elsewhere) as room:
        made = await room.ben.slash(
            room.channel, "remix", prompt="ska", upload=("dub.mp3", mp3), denoising=0.2
        )
        assert "I know this clip" in made.response.content
        files = {f.filename: await f.read() for f in made.response.attachments}
        wanted = await picture_of(made.response)
    nowhere = settings.model_copy(update={"data_dir": tmp_path / "nowhere"})
    async with open_room(nowhere) as room:
        for name in ("riff.mp3", "riff.png"):
            result = await room.ada.slash(room.channel, "replay", file=(name, files[name]))
            assert "Made again from its file." in result.response.content
            same = np.array_equal(await picture_of(result.response), wanted)
            is_reported = "did not come out the same again" in result.response.content
            assert (same, is_reported) == (not changed, changed), name


@pytest.mark.timeout(600)
async def test_hostile_uploads_get_a_sentence_and_leave_nothing(settings: Settings) -> None:
    async with open_room(settings) as room:
        files = settings.files_dir
        for what, (name, make, usable) in hostile().items():
            before = set(files.rglob("*"))
            count, said = await room.services.library.riffs.count(), len(room.messages)
            result = await room.ada.slash(
                room.channel, "remix", prompt="x", upload=(name, make()), denoising=0
            )
            if usable:
                assert result.response is not None, what
                assert result.response.attachments[0].filename == "riff.mp3", what
                continue
            assert [f.ephemeral for f in result.followups] == [True], what
            sentence = result.followups[0].content
            assert sentence.endswith("."), what
            assert "Something broke" not in sentence, what
            assert len(room.messages) == said, what
            assert await room.services.library.riffs.count() == count, what
            assert set(files.rglob("*")) == before, what


def behind(recipe: str, number: int) -> str:
    """A recipe by hand that starts from a picture of which another recipe tells, and it is gone."""
    ref = f"sha256:{number:064x}"
    request = {"prompt": "mine now", "seed": 1, "seed_image": ref, "denoising": 0.0}
    return json.dumps({"request": request, "made_from": {ref: json.loads(recipe)}})


async def test_a_kept_riff_is_kept_whichever_way_its_file_comes(settings: Settings) -> None:
    async with open_room(settings) as room:
        first = (await room.riff("funky sax", steps=2)).response
        riff = await newest(room)
        data = {f.filename: await f.read() for f in first.attachments}
        part = await room.ben.slash(
            room.channel, "remix", prompt="x", upload=("a.png", data["riff.png"]), start=0.3
        )
        assert part.response.content == f"I know this clip: it is `#{riff.id}`."
        assert (await newest(room)).parent_id == riff.id, "a part of it is hers, too"
        await room.ben.slash(room.channel, "replay", file=("a.png", data["riff.png"]))
        assert (await newest(room)).parent_id == riff.id
        await room.services.library.privacy.set_remix_allowed(room.ada.id, False)
        count = await room.services.library.riffs.count()
        by_hand = RiffRequest(prompt="mine now", seed_image=riff.image_ref).model_dump_json()
        nested = by_hand
        for number in range(3):
            nested = behind(nested, number)
        for name, options in (
            ("remix", {"prompt": "x", "upload": ("a.mp3", data["riff.mp3"]), "start": 0.3}),
            ("draw", {"picture": ("a.png", data["riff.png"])}),
            ("replay", {"file": ("a.png", data["riff.png"])}),
            ("replay", {"file": ("a.json", by_hand.encode())}),
            ("replay", {"file": ("a.json", nested.encode())}),
        ):
            refused = await room.ben.slash(room.channel, name, **options)
            assert [f.ephemeral for f in refused.followups] == [True], name
            assert "keeps it" in refused.followups[0].content, name
        assert await room.services.library.riffs.count() == count


async def test_minds_may_change_while_a_modal_is_open(settings: Settings) -> None:
    async with open_room(settings) as room:
        first = (await room.riff("dub", steps=1)).response.message
        shown = await room.ben.context_menu(room.channel, "Remix this riff", first)
        await room.services.library.privacy.set_remix_allowed(room.ada.id, False)
        refused = await room.ben.submit_modal(shown, {"prompt": "x", "denoising": "0.5"})
        assert "keeps it" in refused.followups[0].content


async def test_a_recipe_without_end_is_refused(settings: Settings) -> None:
    recipe: dict[str, Any] = {"request": {"prompt": "x", "seed": 1}}
    for number in range(20):
        ref = f"sha256:{number:064x}"
        recipe = {
            "request": {"prompt": "x", "seed": 1, "seed_image": ref, "steps": 200},
            "made_from": {ref: recipe},
        }
    recipe["note"] = "x" * 300_000
    async with open_room(settings) as room:
        result = await room.ada.slash(
            room.channel, "replay", file=("x.json", json.dumps(recipe).encode())
        )
        assert "too long" in result.followups[0].content
