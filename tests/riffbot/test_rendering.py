"""A riff becomes files that can be replayed."""

from __future__ import annotations

import json
from dataclasses import dataclass

from audio import files, image, loudness
from audio.arrays import Pixels
from riffbot.bench.codec import synthetic_picture
from riffbot.rendering import render
from riffbot.request import RiffRequest


@dataclass(frozen=True)
class Riff:
    request: RiffRequest
    image: Pixels
    model_name: str = "test-model"
    model_hash: str = "0f" * 32
    batch: int = 2


def test_a_riff_carries_its_recipe_everywhere() -> None:
    request = RiffRequest.build(prompt="funky (sax:1.3) — ünïcode", seed=42, bpm=93.75)
    riff = Riff(request, synthetic_picture(128))

    found = render(riff, loudness_lufs=-16)

    assert found.duration_s == 1.28
    assert "93.8 bpm" in found.alt
    sound = files.read(found.mp3)
    assert len(sound.samples) == 128 * 441
    level = loudness.integrated_loudness(sound.samples, sound.sample_rate, loop=True)
    assert abs(level + 16) < 1
    png = image.decode_image(found.png)
    assert (png.pixels == riff.image).all()
    assert image.decode_image(found.plot).pixels.size > riff.image.size
    for text in (png.recipe, files.read_tags(found.mp3)["comment"]):
        recipe = json.loads(text or "")
        assert RiffRequest.build(**recipe["request"]) == request
        assert (recipe["model"], recipe["model_hash"]) == ("test-model", "0f" * 32)
        assert recipe["batch"] == 2, "an exact replay repeats it"


def test_the_same_riff_is_the_same_bytes() -> None:
    request = RiffRequest.build(prompt="x", seed=1)
    riff = Riff(request, synthetic_picture(64))
    assert render(riff) == render(riff)
