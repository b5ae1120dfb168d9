"""What a file says about itself, and pictures that are made again from it."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from audio.image import decode_image, encode_png
from riffbot import rendering
from riffbot.clips.recipes import (
    MAX_TEXT,
    Recipe,
    crop_recipe,
    of_sound,
    parse_recipe,
    read_recipe,
    restore_sources,
)
from riffbot.clips.sound_pictures import SoundFile
from riffbot.errors import BadRequest
from riffbot.inference.job import GeneratedRiff
from riffbot.request import RiffRequest

LOST = "sha256:" + "d" * 64
SONG = np.random.default_rng(0).integers(0, 255, (512, 3000), dtype=np.uint8)


def song_recipe() -> str:
    request = RiffRequest(prompt="slow waltz", seed=1, bpm=90)
    return json.dumps({"request": json.loads(request.model_dump_json()), "model_hash": "a" * 64})


async def again(text: str) -> np.ndarray:
    """The picture that a remix of something lost gets instead."""
    lost_recipe = {"request": {"prompt": "bells", "seed": 2, "seed_image": LOST}}
    kept: dict[str, bytes] = {}

    async def generate(recipe: Recipe) -> GeneratedRiff:
        assert recipe.request.prompt == "slow waltz"
        return GeneratedRiff(recipe.request, SONG, "model", "a" * 64)

    def store_png(png: bytes) -> str:
        kept[hashlib.sha256(png).hexdigest()] = png
        return hashlib.sha256(png).hexdigest()

    recipe = parse_recipe(json.dumps(lost_recipe | {"made_from": {LOST: json.loads(text)}}))
    found = await restore_sources(
        recipe, exists=lambda ref: False, generate=generate, store_png=store_png
    )
    assert found.request.seed_image is not None
    return decode_image(kept[found.request.seed_image.removeprefix("sha256:")]).pixels


async def test_a_part_of_a_song_is_made_again_as_a_part() -> None:
    text = crop_recipe(song_recipe(), 500, 1012)
    assert text is not None
    assert np.array_equal(await again(text), SONG[:, 500:1012])
    within = crop_recipe(text, 100, 300)
    assert within is not None
    assert np.array_equal(await again(within), SONG[:, 600:800]), "a part of a part"
    assert parse_recipe(within).request.bpm == 90, (
        "it keeps the tempo, and the words that tell a waltz"
    )


async def test_a_part_that_the_song_does_not_have_is_refused() -> None:
    text = crop_recipe(song_recipe(), 2900, 3100)
    assert text is not None
    with pytest.raises(BadRequest, match="not so long"):
        await again(text)


@pytest.mark.parametrize("text", [None, "not json", "[]", '{"somebody": "else"}'])
def test_a_part_of_somebody_elses_picture_tells_nothing(text: str | None) -> None:
    assert crop_recipe(text, 0, 100) is None


@pytest.mark.parametrize("part", [[5], [5, 2], "ab", [0, 10**9], [-1, 5], [0.0, 5.0], None])
def test_nonsense_is_no_part(part: object) -> None:
    assert parse_recipe(json.dumps({"request": {"prompt": "x"}, "part": part})).part is None


MP3 = b"ID3\4" + bytes(60)


def test_the_picture_of_a_sound_has_the_clips_recipe_and_how_it_was_taken() -> None:
    for loop in (True, False):
        text = of_sound(song_recipe(), MP3, loop=loop)
        assert text is not None
        parsed = parse_recipe(text)
        assert parsed.request == parse_recipe(song_recipe()).request
        assert parsed.sound == SoundFile("mp3", loop)
        part = crop_recipe(text, 5, 100)
        assert part is not None
        assert parse_recipe(part).sound == parsed.sound, "a part of it is still of the sound"


@pytest.mark.parametrize("text", [None, "not json", "[]", '{"somebody": "else"}'])
def test_somebody_elses_words_in_a_sound_stay_as_they_are(text: str | None) -> None:
    assert of_sound(text, MP3, loop=True) == text


@pytest.mark.parametrize("data", [b"", b"fLaC", b"OggS", b"RIFF\0\0\0\0WAVEfmt "])
def test_what_riffbot_cannot_write_keeps_the_clips_recipe(data: bytes) -> None:
    text = of_sound(song_recipe(), data, loop=True)
    assert text is not None
    assert (parse_recipe(text).sound is None) == (data == b"")


@pytest.mark.parametrize(
    "sound",
    ["mp3", {}, {"format": "mp3"}, {"format": "exe", "loop": True}, {"format": "mp3", "loop": 1}],
)
def test_nonsense_is_no_sound(sound: object) -> None:
    assert parse_recipe(json.dumps({"request": {"prompt": "x"}, "sound": sound})).sound is None


def test_a_recipe_does_not_grow_beyond_what_is_read() -> None:
    whole = json.dumps({"request": {"prompt": "x"}, "note": ""}, separators=(",", ":"))
    whole = whole.replace('"note":"', '"note":"' + "x" * (MAX_TEXT - len(whole)))
    assert of_sound(whole, MP3, loop=True) == whole


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_recipe_is_read_whatever_editor_saved_it(encoding: str) -> None:
    text = '\n {"prompt": "Ärger", "seed": 1}\n'
    found = read_recipe(text.encode(encoding))
    assert found is not None
    assert found.request.prompt == "Ärger"
    assert parse_recipe("\ufeff" + text).request.seed == 1


async def test_a_picture_of_an_earlier_version_is_made_again_under_its_own_name() -> None:
    """Its name is its sha256, and stands in the recipes of all that was made from it."""
    first = GeneratedRiff(RiffRequest(prompt="bells", seed=2), SONG[:, :512], "m", "a" * 64)
    text = rendering.recipe(first)
    for retired_tag in (True, False):
        png = encode_png(first.image, recipe=text, retired_tag=retired_tag)
        ref = f"sha256:{hashlib.sha256(png).hexdigest()}"
        remix = {"prompt": "rain", "seed": 3, "seed_image": ref}
        recipe = parse_recipe(json.dumps({"request": remix, "made_from": {ref: json.loads(text)}}))
        kept = []

        async def generate(_: Recipe) -> GeneratedRiff:
            return first

        def store_png(png: bytes, kept: list[bytes] = kept) -> str:
            kept.append(png)
            return hashlib.sha256(png).hexdigest()

        found = await restore_sources(
            recipe, exists=lambda ref: False, generate=generate, store_png=store_png
        )
        assert found.request.seed_image == ref
        assert kept == [png]
