"""A progression goes on through all pictures of a long clip."""

from __future__ import annotations

import numpy as np
import pytest

from riffbot.clips.edits import EditSource, extend, morph
from riffbot.composition import compose
from riffbot.generation_options import GenerationOptions
from riffbot.harmony import HarmonyText
from riffbot.images import Images
from riffbot.inference.job import GeneratedRiff
from riffbot.inference.pipeline.resolve import resolve
from riffbot.request import RiffRequest
from tests.support.fake_pipeline import CARD

KNOWS = CARD.model_copy(update={"beat_grid": True, "harmony_grid": True})
BAR = 192
"""Columns of a measure at 125 bpm: whole cells, so windows are whole measures."""
BPM = 125.0


@pytest.fixture
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    return Images(tmp_path_factory.mktemp("none"))


async def made(
    request: RiffRequest, images: Images, *, knows: bool = True
) -> tuple[GeneratedRiff, list[RiffRequest]]:
    """The clip of a request, and the resolved requests of its pictures."""
    asked: list[RiffRequest] = []

    async def submit(part: RiffRequest, _number: int, _count: int) -> GeneratedRiff:
        whole = resolve(part, KNOWS if knows else CARD, images)
        asked.append(whole)
        picture = np.full((512, whole.width or 0), 200, np.uint8)
        return GeneratedRiff(whole, picture, "model", "a" * 64, {"generate_s": 1.0})

    return await compose(request, images, submit), asked


def sounding(request: RiffRequest) -> list[str]:
    """The chord of each measure of a picture, as the model is shown it."""
    beats = round((request.width or 0) * BPM / 6000)
    return [str(chord) for chord in request.find_harmony().chords_of_beats(beats)]


def source(ref: str, key: str | None, chords: str | None) -> EditSource:
    return EditSource(ref, 2 * BAR, BPM, "dub", harmony=HarmonyText(key, chords))


@pytest.mark.parametrize("backward", [False, True])
async def test_an_extension_goes_on_where_the_chords_are(images: Images, backward: bool) -> None:
    with images.lend(np.full((512, 2 * BAR), 100, np.uint8)) as ref:
        request = extend(source(ref, "A minor", "i VI III VII"), bars=5, backward=backward)
        clip, parts = await made(request, images)
    assert clip.request.harmony == ("A minor", "i VI III VII")
    assert {part.key for part in parts} == {"A minor"}
    shown = {name for part in parts for name in sounding(part)}
    assert shown == {"Am", "F", "C", "G"}


async def test_each_picture_shows_what_sounds_in_it(images: Images) -> None:
    with images.lend(np.full((512, 2 * BAR), 100, np.uint8)) as ref:
        _, parts = await made(extend(source(ref, None, "Am F C G"), bars=1), images)
    # The window begins within the second measure and is turned to begin with the third, so that
    # what it shows last is the second.
    names = sounding(parts[0])
    assert names[:4] == ["C"] * 4
    assert names[-1] == "F"


async def test_a_prompt_that_names_chords_is_counted_through_as_well(images: Images) -> None:
    with images.lend(np.full((512, 2 * BAR), 100, np.uint8)) as ref:
        plain = EditSource(ref, 2 * BAR, BPM, "dub, chords: Am F C G")
        clip, parts = await made(extend(plain, bars=2), images)
    assert clip.request.chords == "Am F C G"
    assert {*sounding(parts[0])} >= {"C"}, "the third measure is new"


async def test_a_model_that_knows_no_chords_is_told_none(images: Images) -> None:
    with images.lend(np.full((512, 2 * BAR), 100, np.uint8)) as ref:
        clip, parts = await made(
            extend(source(ref, "A minor", "i VI"), bars=2), images, knows=False
        )
    assert clip.request.harmony == (None, None)
    assert {part.harmony for part in parts} == {(None, None)}


async def test_a_morph_changes_its_key_in_the_middle(images: Images) -> None:
    request = morph(
        "bop in Bb", "dub in E minor", GenerationOptions.build(bpm=BPM, seed=1), clips=4
    )
    clip, parts = await made(request, images)
    assert [part.key for part in parts] == sorted(
        (str(part.key) for part in parts), key=["Bb major", "E minor"].index
    )
    assert {part.key for part in parts} == {"Bb major", "E minor"}
    assert clip.request.key == "Bb major"


async def test_a_morph_between_riffs_goes_from_key_to_key(images: Images) -> None:
    pixels = np.full((512, 2 * BAR), 100, np.uint8)
    with images.lend(pixels.copy()) as first, images.lend(pixels.copy()) as second:
        request = morph(source(first, "A minor", "i VI"), source(second, "C major", "C F"), clips=6)
        clip, parts = await made(request, images)
        told = morph(
            source(first, "A minor", "i VI"),
            source(second, "C major", None),
            GenerationOptions.build(key="D minor"),
        )
    keys = [part.key for part in parts]
    assert (keys[0], keys[-1]) == ("A minor", "C major")
    assert clip.request.harmony == ("A minor", "i VI")
    assert told.harmony == ("D minor", "i VI")
    assert told.piece is not None
    assert "key" in request.piece.model_dump()  # type: ignore[union-attr]
