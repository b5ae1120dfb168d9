"""The price of every kind of clip, before any of its pictures is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from audio.image import encode_png
from riffbot.composition import compose, plan_requests
from riffbot.errors import BadRequest
from riffbot.images import Images
from riffbot.inference.batching import denoising_of, steps_to_run
from riffbot.inference.engine.throughput import passes_per_step, work_units
from riffbot.inference.job import GeneratedRiff
from riffbot.inference.pipeline.resolve import resolve
from riffbot.request import RiffRequest
from tests.support.fake_pipeline import CARD, drawn

TARGET = {"prompt": "bells", "seed": 2, "denoising": 0.25}
SONG = "a_song"

# What is asked for, then how many pictures that is and the columns that the denoiser runs over
# (width × steps × passes, of all pictures together).
PRICES: dict[str, tuple[dict[str, object], int, int]] = {
    "a clip": ({}, 1, 64 * 4 * 2),
    "a clip without guidance": ({"guidance": 1.0}, 1, 64 * 4),
    "the dearest clip": ({"steps": 200, "width": 2048}, 1, 2048 * 200 * 2),
    "a remix": ({"seed_image": "beat", "denoising": 0.5}, 1, 128 * 2 * 2),
    "a seed image as it is": ({"seed_image": "beat", "denoising": 0.0}, 1, 0),
    "an inpainted clip": ({"seed_image": "beat", "mask": "region_c16-64_h0-200"}, 1, 128 * 3 * 2),
    "a jam's chunk": (
        {"seed_image": "beat", "target": TARGET, "alpha": 0.5, "guidance": 1.0},
        1,
        128 * 2,
    ),
    "an extended loop": (
        {"seed_image": "beat", "piece": {"kind": "extend", "columns": 1000}},
        4,
        4 * 384 * 3 * 2,
    ),
    "the same backward": (
        {"seed_image": "beat", "piece": {"kind": "extend", "columns": 1000, "backward": True}},
        4,
        4 * 384 * 3 * 2,
    ),
    "an extended song": (
        {"seed_image": SONG, "piece": {"kind": "extend", "columns": 6000}},
        10,
        10 * 512 * 3 * 2,
    ),
    "a walk between words": (
        {"target": TARGET, "piece": {"kind": "morph", "clips": 5}},
        2,
        64 * 4 * 2 + 384 * 2 * 2,
    ),
    "a walk from a riff": (
        {"seed_image": "beat", "target": TARGET, "piece": {"kind": "morph", "clips": 5}},
        3,
        128 * 3 * 2 + 384 * 2 * 2 + 384 * 1 * 2,
    ),
    "a walk that begins with the riff itself": (
        {
            "seed_image": "beat",
            "target": TARGET,
            "piece": {"kind": "morph", "clips": 5, "whole": True},
        },
        2,
        384 * 2 * 2 + 384 * 1 * 2,
    ),
    "a walk between two riffs": (
        {
            "seed_image": "beat",
            "target": TARGET,
            "piece": {"kind": "morph", "clips": 5, "image": "other"},
        },
        2,
        384 * 2 * 2 + 384 * 1 * 2,
    ),
    "two riffs at once": (
        {"seed_image": "beat", "piece": {"kind": "layer", "image": "other"}},
        0,
        0,
    ),
    "what took the engine for a day": (
        {
            "steps": 200,
            "width": 2048,
            "guidance": 2,
            "target": {"prompt": "b", "seed": 2},
            "piece": {"kind": "morph", "clips": 17},
        },
        91,
        2048 * 200 * 2 + 90 * 512 * 150 * 2,
    ),
}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    folder: Path = tmp_path_factory.mktemp("seeds")
    rng, card = np.random.default_rng(0), ""
    for name, width in (("beat", 128), ("other", 160)):
        picture = rng.integers(0, 255, (512, width), dtype=np.uint8)
        (folder / f"{name}.png").write_bytes(encode_png(picture))
        card += (
            f'[{name}]\ntitle = "{name}"\nbpm = 93.75\nbeats = 2\nwidth = {width}\nmood = "dry"\n'
        )
    (folder / "seeds.toml").write_text(card)
    return Images(folder)


@pytest.fixture(scope="module")
def song(images: Images) -> Iterator[str]:
    picture = np.random.default_rng(1).integers(0, 255, (512, 2400), dtype=np.uint8)
    with images.lend(picture) as ref:
        yield ref


@pytest.fixture(scope="module")
def filled(images: Images) -> Callable[[RiffRequest], RiffRequest]:
    return lambda request: resolve(request, CARD, images)


@pytest.mark.parametrize("kind", PRICES)
async def test_the_price_is_that_of_the_pictures_that_are_made(
    images: Images, song: str, filled: Callable[[RiffRequest], RiffRequest], kind: str
) -> None:
    fields, count, columns = PRICES[kind]
    fields = {**fields, **({"seed_image": song} if fields.get("seed_image") == SONG else {})}
    request = RiffRequest.build(prompt="sax", seed=1, **fields)
    asked: list[RiffRequest] = []

    async def submit(part: RiffRequest, _number: int, _count: int) -> GeneratedRiff:
        asked.append(filled(part))
        return GeneratedRiff(asked[-1], drawn(asked[-1]), "fake", "f" * 64)

    priced = plan_requests(request, images, filled)
    await compose(request, images, submit)
    assert list(map(work_units, priced)) == list(map(work_units, asked))
    assert list(map(denoising_of, priced)) == pytest.approx(list(map(denoising_of, asked)))
    assert len(priced) == count
    assert sum((p.width or 0) * steps_to_run(p) * passes_per_step(p) for p in priced) == columns


def test_what_cannot_be_made_has_no_price(
    images: Images, song: str, filled: Callable[[RiffRequest], RiffRequest]
) -> None:
    target = {"prompt": "b", "seed": 2}
    for fields, why in (
        ({"target": target, "width": 2048, "piece": {"kind": "morph", "clips": 64}}, "too long"),
        (
            {
                "target": target,
                "seed_image": "beat",
                "piece": {"kind": "morph", "clips": 2, "image": "other"},
            },
            "ask for 3 clips or more",
        ),
        ({"seed_image": song, "piece": {"kind": "extend", "columns": 2000}}, "24 s already"),
        ({"scheduler": "no such"}, "no such"),
    ):
        with pytest.raises(BadRequest, match=why):
            plan_requests(RiffRequest.build(prompt="a", seed=1, **fields), images, filled)
