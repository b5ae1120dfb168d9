"""Painting through real HTTP: masks over riffs and over what a jam kept, drawings from nothing."""

from __future__ import annotations

import asyncio
import base64
import io
import time
from typing import Any

import numpy as np
import pytest
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image
from sqlalchemy import update

from audio import decoder
from audio.codec import audio_to_image
from audio.encoding import encode
from audio.image import SpectrogramImage, decode_image
from riffbot.clips.uploads import OpenedUpload, open_upload
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.types import Participant
from riffbot.library.jam_record import PageJam
from riffbot.library.tables import StoredRiff
from riffbot.regions import Region
from riffbot.services import Services
from riffbot.web import keys
from riffbot.web.app import create_app
from riffbot.web.keys import DECODE_LOCK
from riffbot.web.rate_limit import RateLimiter
from riffbot.web.routes import painting
from tests.riffbot.web.routes.test_api import ask, follow
from tests.support.fake_pipeline import FakePipeline, drawn, until

SOUND = base64.b64encode(encode(np.sin(np.arange(44100) / 9), 44100, "wav")).decode()


def url(pixels: Any) -> str:
    out = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def pixels_of(data_url: str) -> Any:
    return decode_image(base64.b64decode(data_url.partition(",")[2])).pixels


def disc(width: int) -> Any:
    rows, columns = np.mgrid[:512, :width]
    return np.where((rows - 300) ** 2 / 90 + (columns - 30) ** 2 < 200, 255, 0)


async def paint(client: TestClient, path: str, **body: Any) -> dict[str, Any]:
    answer = await client.post(path, json=body)
    assert answer.status == 202, await answer.text()
    return (await follow(client, (await answer.json())["events"]))[-1][1]


async def test_a_painted_mask_is_what_is_made_anew(
    client: TestClient, services: Services, pipeline: FakePipeline
) -> None:
    first = (await ask(client, prompt="first", seed=1))["riff"]
    sheet = await (await client.get(f"/api/riffs/{first['id']}/sheet")).json()
    assert (pixels_of(sheet["picture"]) == drawn(pipeline.batches[0][0])).all()
    assert (sheet["columns"], sheet["begins"], len(sheet["hz"])) == (64, 0, 512)
    assert sheet["hz"] == sorted(sheet["hz"])
    mask = disc(64)
    response = await paint(
        client, f"/api/riffs/{first['id']}/inpaint", prompt="church bells", mask=url(mask), seed=4
    )
    request = pipeline.batches[-1][0]
    assert (request.prompt, request.seed, request.denoising) == ("church bells", 4, 1.0)
    assert request.seed_image == first["picture_ref"]
    assert request.mask is not None
    assert (services.images.mask(request.mask, 64) == mask).all()
    assert response["riff"]["parent"] == first["id"]


async def test_a_rectangle_is_a_region_that_replays_anywhere(
    client: TestClient, pipeline: FakePipeline
) -> None:
    first = (await ask(client, prompt="first", seed=1))["riff"]
    mask = Region.between(64, 0.1, 0.3, 200, 2000).mask(64)
    await paint(client, f"/api/riffs/{first['id']}/inpaint", mask=url(mask), seed=2)
    request = pipeline.batches[-1][0]
    assert request.prompt == "first"  # no new words: its own
    region = Region.from_name(request.mask or "")
    assert region is not None
    assert (region.mask(64) == mask).all()


async def test_what_a_jam_kept_is_painted_where_it_is_heard(
    client: TestClient,
    services: Services,
    pipeline: FakePipeline,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[int] = []

    def counted(samples: Any, rate: int) -> Any:
        read.append(len(samples))
        return audio_to_image(samples, rate)

    monkeypatch.setattr("riffbot.clips.sources.codec.audio_to_image", counted)
    session = await services.jams.start(
        PageJam(),
        ChunkOptions(prompt="funky sax", seed_image="beat"),
        starter=Participant(1, "Ann"),
        paced_by="clock",
    )
    await until(lambda: session.ring.head > 150)
    kept = await (await client.post(f"/api/jams/{session.id}/keep", json={"seconds": 2})).json()
    await session.stop()
    riff = kept["riff"]
    heard = await (await client.get("/" + riff["files"]["heard"])).read()
    assert decode_image(heard).pixels.shape[1] == round(100 * riff["duration_s"])
    sheet = await (await client.get(f"/api/riffs/{riff['id']}/sheet?start=0.5")).json()
    assert sheet["whole"] == pytest.approx(riff["duration_s"], abs=0.02)  # not one chunk's 1.28 s
    assert sheet["whole"] > 1.3
    assert sheet["bpm"] == 93.75
    response = await paint(
        client,
        f"/api/riffs/{riff['id']}/inpaint",
        prompt="bells",
        mask=url(disc(sheet["columns"])),
        start=0.5,
        seed=1,
    )
    start = services.images.load(pipeline.batches[-1][0].seed_image or "")
    assert (start == pixels_of(sheet["picture"])).all()
    assert len(read) == 1  # the picture, the sheet and the painting are of one look
    assert response["riff"]["parent"] == riff["id"]


async def test_who_looks_at_too_much_at_once_waits(services: Services) -> None:
    app = create_app(services)
    app[keys.SHEET_LIMIT] = RateLimiter(burst=2, every_s=3600)
    async with TestClient(TestServer(app)) as client:
        riff = (await ask(client, prompt="first", seed=1))["riff"]
        looks = [riff["files"]["heard"], f"api/riffs/{riff['id']}/sheet"] * 2
        statuses = [(await client.get(f"/{look}")).status for look in looks]
        assert statuses == [200, 200, 429, 429]
        assert "riff" in await ask(client, prompt="second", seed=2)  # that is another matter


@pytest.mark.parametrize("prompt", ["", "violin"])
async def test_a_drawing_is_heard(
    client: TestClient, services: Services, pipeline: FakePipeline, prompt: str
) -> None:
    blank = await (await client.get("/api/sheet?seconds=1.28")).json()
    assert blank["columns"] == 128
    picture = np.full((512, blank["columns"]), 255)
    picture[400:404, 20:90] = 30
    response = await paint(client, "/api/drawings", picture=url(picture), prompt=prompt, seed=3)
    request = pipeline.batches[-1][0]
    assert request.denoising == (0.75 if prompt else 0.0)
    assert (services.images.load(request.seed_image or "") == picture).all()
    assert response["riff"]["request"]["prompt"] == (prompt or "a drawing")
    assert (await services.library.riffs.get(response["riff"]["id"])).kind == "draw"
    drawing = await services.library.riffs.get(response["riff"]["parent"])
    assert (drawing.kind, drawing.model_name) == ("upload", "a drawing")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "PNG"),
        ({"mask": "data:image/png;base64,!!!"}, "damaged"),
        ({"mask": "data:image/png;base64,AAAA"}, "picture"),
        ({"mask": url(np.zeros((512, 64)))}, "Nothing is painted"),
        ({"mask": url(np.full((512, 65), 255))}, "65 × 512"),
        ({"mask": url(disc(64)), "start": "x"}, "seconds"),
        ({"mask": url(disc(64)), "start": 9}, "start before its end"),
        ({"mask": url(disc(64)), "colour": 1}, "spelling"),
        ({"mask": url(disc(64)), "seed": "x"}, "eed"),
        ({"mask": url(disc(64)), "prompt": 3}, "text"),
        ({"mask": url(disc(64)), "prompt": "(x:1e9)"}, "weight"),
        ({"mask": "data:image/png;base64," + "A" * 2**21}, "2048 KB"),
    ],
)
async def test_a_mask_that_is_none_is_told_and_nothing_is_kept(
    client: TestClient, services: Services, body: dict[str, Any], words: str
) -> None:
    first = (await ask(client, prompt="first", seed=1))["riff"]
    before = sorted(p.name for p in services.settings.files_dir.rglob("*"))
    answer = await client.post(f"/api/riffs/{first['id']}/inpaint", json=body)
    assert answer.status in (400, 413)
    error = (await answer.json())["error"]
    assert words in error
    assert error.endswith(".")
    assert sorted(p.name for p in services.settings.files_dir.rglob("*")) == before


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "PNG"),
        ({"picture": url(np.full((512, 64), 255))}, "plain colour"),
        ({"picture": url(disc(64)), "prompt": "x", "denoising": 7}, "or less"),
        ({"picture": url(np.eye(2000) * 200)}, "too large"),
        ({"picture": "data:image/png;base64," + SOUND}, "no picture in PNG"),
    ],
)
async def test_a_drawing_that_is_none_is_told(
    client: TestClient, body: dict[str, Any], words: str
) -> None:
    answer = await client.post("/api/drawings", json=body)
    assert answer.status == 400
    assert words in (await answer.json())["error"]
    assert (await (await client.get("/api/riffs")).json())["riffs"] == []


async def test_a_file_that_its_author_keeps_is_no_drawing(
    client: TestClient, services: Services
) -> None:
    kept = (await ask(client, prompt="first", seed=1))["riff"]
    png = await (await client.get("/" + kept["files"]["png"])).read()
    async with services.library._database.write() as session:
        await session.execute(update(StoredRiff).values(author_id=7, remix_allowed=False))
    picture = "data:image/png;base64," + base64.b64encode(png).decode()
    answer = await client.post("/api/drawings", json={"picture": picture, "prompt": "violin"})
    assert answer.status == 400
    assert "keeps it" in (await answer.json())["error"]


async def test_drawings_are_read_one_at_a_time(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, most = [0], [0]

    def counted(*args: Any, **more: Any) -> OpenedUpload:
        reading[0] += 1
        most[0] = max(most[0], reading[0])
        time.sleep(0.05)  # long enough that the others would come in
        reading[0] -= 1
        return open_upload(*args, **more)

    monkeypatch.setattr(painting, "open_upload", counted)
    body = {"picture": url(disc(64)), "prompt": "violin"}
    asked = (client.post("/api/drawings", json=body) for _ in range(4))
    assert [answer.status for answer in await asyncio.gather(*asked)] == [202] * 4
    assert most == [1]


async def test_a_drawing_is_decoded_once_and_nothing_larger_than_a_sheet(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    decode = decoder.decode_image

    def counted(data: bytes, *, max_pixels: int) -> SpectrogramImage:
        asked.append(max_pixels)
        return decode(data, max_pixels=max_pixels)

    monkeypatch.setattr(decoder, "decode_image", counted)
    for picture, status in ((disc(64), 202), (np.zeros((1024, 2048), np.uint8), 400)):
        answer = await client.post("/api/drawings", json={"picture": url(picture), "prompt": "x"})
        assert answer.status == status
    assert "too large" in (await answer.json())["error"]
    assert asked == [512 * 2048] * 2


@pytest.mark.parametrize("seconds", ["0.1", "99", "x", "nan"])
async def test_a_sheet_has_a_length(client: TestClient, seconds: str) -> None:
    answer = await client.get(f"/api/sheet?seconds={seconds}")
    assert answer.status == 400
    assert (await answer.json())["error"].endswith(".")


async def test_a_mask_waits_for_the_turn_that_pictures_share(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = (await ask(client, prompt="first", seed=1))["riff"]
    path = f"/api/riffs/{first['id']}/inpaint"
    await paint(client, path, mask=url(disc(64)), seed=2)  # its sheet is known now
    decoded: list[bytes] = []
    decoding = painting.decode_image

    def counted(data: bytes, **limits: Any) -> Any:
        decoded.append(data)
        return decoding(data, **limits)

    monkeypatch.setattr(painting, "decode_image", counted)
    turn, taken = client.app[DECODE_LOCK], 0
    before = painting._get_sheet

    async def sheet(*asked: Any) -> Any:
        nonlocal taken
        found = await before(*asked)
        await turn.acquire()
        taken += 1
        return found

    monkeypatch.setattr(painting, "_get_sheet", sheet)
    asked = asyncio.create_task(paint(client, path, mask=url(disc(64)), seed=3))
    await until(lambda: taken == 1)
    await asyncio.sleep(0.1)
    assert decoded == []
    turn.release()
    await asked
    assert len(decoded) == 1
