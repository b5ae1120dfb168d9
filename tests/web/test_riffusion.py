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
from tests.inference.fakes import FakePipeline

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
    told = await answer.json()
    kind, _, data = told["image"].partition(",")
    assert kind == "data:image/jpeg;base64"
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert (image.format, image.size, image.mode) == ("JPEG", (128, 512), "RGB")
    kind, _, data = told["audio"].partition(",")
    assert kind == "data:audio/mpeg;base64"
    assert read(base64.b64decode(data)).seconds == pytest.approx(told["duration_s"], abs=0.01)
    assert told["duration_s"] == 1.28
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
        ({"alpha": 3}, "Alpha"),
    ],
)
async def test_wrong_input_is_400_with_the_reason(
    client: TestClient, changes: dict[str, Any], words: str
) -> None:
    answer = await client.post("/run_inference/", json={**WISH, **changes})
    assert answer.status == 400
    assert words in await answer.text()


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
