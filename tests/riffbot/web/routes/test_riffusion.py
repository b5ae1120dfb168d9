"""Riffusion's own API: a request as its web app sends it."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

from audio.files import read
from riffbot.services import Services
from riffbot.web.app import create_app
from tests.riffbot.test_riffusion_masks import MEASURED
from tests.support.fake_pipeline import FakePipeline

WISH: dict[str, Any] = {
    "start": {
        "prompt": "church bells on sunday",
        "seed": 42,
        "denoising": 0.75,
        "guidance": 7.0,
    },
    "end": {"prompt": "jazz with piano", "seed": 123, "denoising": 0.75, "guidance": 7.0},
    "alpha": 0.5,
    "num_inference_steps": 4,
    "seed_image_id": "beat",
    "mask_image_id": None,
}


async def test_a_request_as_riffusions_web_app_sends_it(
    client: TestClient, pipeline: FakePipeline
) -> None:
    answer = await client.post("/run_inference/", json=WISH)
    assert answer.status == 200
    body = await answer.json()
    kind, _, data = body["image"].partition(",")
    assert kind == "data:image/jpeg;base64"
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert (image.format, image.size, image.mode) == ("JPEG", (128, 512), "RGB")
    kind, _, data = body["audio"].partition(",")
    assert kind == "data:audio/mpeg;base64"
    assert read(base64.b64decode(data)).seconds == pytest.approx(body["duration_s"], abs=0.01)
    assert body["duration_s"] == 1.28
    request = pipeline.batches[-1][0]
    assert (request.prompt, request.seed, request.guidance, request.alpha) == (
        "church bells on sunday",
        42,
        7.0,
        0.5,
    )
    assert request.target is not None
    assert (request.target.prompt, request.target.seed) == ("jazz with piano", 123)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"start": None}, 'missing value for field "start"'),
        ({"alpha": "x"}, 'wrong value type for field "alpha"'),
        ({"end": {"prompt": "x"}}, 'missing value for field "end.seed"'),
        ({"seed_image_id": "../secret"}, "Invalid seed image"),
        ({"mask_image_id": "nowhere"}, "Invalid mask image"),
        ({"alpha": 3}, "Alpha must be 1 or less, not 3."),
        ({"alpha": -3}, "Alpha must be 0 or more, not -3."),
        ({"alpha": -3, "end": WISH["start"]}, "Alpha must be 0 or more, not -3."),
        ({"alpha": True}, 'wrong value type for field "alpha" - should be "float"'),
        ({"num_inference_steps": 2.5}, 'field "num_inference_steps" - should be "int"'),
        ({"num_inference_steps": 0}, "steps must be 1 or more"),
        ({"start": {**WISH["start"], "seed": 1.7}}, 'field "start.seed" - should be "int"'),
        ({"start": {**WISH["start"], "seed": "7"}}, 'field "start.seed" - should be "int"'),
        ({"end": {**WISH["end"], "guidance": "7"}}, 'field "end.guidance" - should be "float"'),
        ({"end": "x"}, 'field "end" - should be "PromptInput" instead of value "x" of type "str"'),
        ({"seed_image_id": 7}, 'field "seed_image_id" - should be "str"'),
        ({"start": {**WISH["start"], "prompt": "()"}}, "empty between its brackets"),
    ],
)
async def test_wrong_input_is_400_with_the_reason(
    client: TestClient, changes: dict[str, Any], words: str
) -> None:
    answer = await client.post("/run_inference/", json={**WISH, **changes})
    assert answer.status == 400
    assert words in await answer.text()


async def test_what_riffusions_server_took_is_still_taken(
    client: TestClient, pipeline: FakePipeline
) -> None:
    for changes in (
        {"alpha": 0, "num_inference_steps": 4.0, "more": 1},
        {"start": {"prompt": "x", "seed": -1, "denoising": None, "colour": "red"}},
        {"start": {"prompt": "x", "seed": 2**63}, "alpha": 1, "seed_image_id": None},
    ):
        answer = await client.post(
            "/run_inference/", json={**WISH, "seed_image_id": "beat"} | changes
        )
        if "seed_image_id" in changes:  # Riffusion's og_beat, whose stand-in is not bundled here
            assert await answer.text() == "Invalid seed image: og_beat"
        else:
            assert answer.status == 200, await answer.text()
    assert pipeline.batches[-1][0].seed == 2**32 - 1


@pytest.mark.parametrize("name", sorted(MEASURED))
async def test_a_mask_of_riffusions_repaints_its_region_by_its_share(
    client: TestClient, services: Services, pipeline: FakePipeline, name: str
) -> None:
    answer = await client.post("/run_inference/", json={**WISH, "mask_image_id": name})
    assert answer.status == 200, await answer.text()
    request = pipeline.batches[-1][0]
    assert request.mask == name
    mask = services.images.mask(name, 128)
    assert (mask[264:] == 255).all(), "the lower half is repainted wholly"
    assert mask[:160].min() < 255, "the top is held a little"
    assert mask.min() > 0, "nothing is kept as it is"


async def test_other_sites_only_where_the_owner_says_so(services: Services) -> None:
    there = {"Origin": "http://localhost:3000"}
    for origins, status in (([], 403), (["http://localhost:3000"], 200), (["*"], 200)):
        settings = services.settings.model_copy(update={"cors_origins": origins})
        app = create_app(replace(services, settings=settings))
        async with TestClient(TestServer(app)) as client:
            asked = await client.options("/run_inference/", headers=there)
            assert asked.status == (204 if origins else 403)
            answer = await client.post("/run_inference/", json=WISH, headers=there)
            assert answer.status == status
            if origins:
                assert answer.headers["Access-Control-Allow-Origin"] == there["Origin"]
            # That is the only door that opens.
            assert (await client.post("/api/riffs", json={}, headers=there)).status == 403
