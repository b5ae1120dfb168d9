"""A whole RiffBot behind the page: the real engine, library and codec; the picture is drawn."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from aiohttp.test_utils import TestClient, TestServer

from audio.image import encode_png
from riffbot.clips.service import ClipService
from riffbot.images import Images
from riffbot.inference.engine.engine import Engine
from riffbot.jam.manager import JamManager
from riffbot.library.store import Library
from riffbot.services import Services
from riffbot.settings import Settings
from riffbot.web.app import create_app
from tests.support.fake_pipeline import FakePipeline

Start = Callable[..., Awaitable[TestClient]]


@pytest.fixture
def pipeline(tmp_path: Path) -> FakePipeline:
    """Draws a picture for each request; one seed image is bundled."""
    seeds = tmp_path / "seed_images"
    seeds.mkdir()
    (seeds / "beat.png").write_bytes(encode_png(np.full((512, 128), 200, np.uint8)))
    (seeds / "seeds.toml").write_text(
        '[beat]\ntitle = "Plain beat"\nbpm = 93.75\nbeats = 2\nwidth = 128\nmood = "dry"\n'
    )
    pipeline = FakePipeline()
    pipeline.images = Images(seeds)
    return pipeline


@pytest.fixture
async def services(tmp_path: Path, pipeline: FakePipeline) -> AsyncIterator[Services]:
    settings = Settings(
        _env_file=None, data_dir=tmp_path / "data", seed_images=tmp_path / "seed_images"
    )
    library = await Library.open(settings)
    pipeline.images = Images(settings.seed_images, library.files.path)
    engine = Engine(lambda: pipeline, max_batch=1)
    clip_service = ClipService(engine, library, settings)
    jams = JamManager(engine, pipeline.images, library, clip_service, settings)
    yield Services(settings, engine, library, clip_service, pipeline.images, jams)
    await jams.close()
    pipeline.gate.set()
    await engine.close()
    await library.close()
    shutil.rmtree(tmp_path / "data", ignore_errors=True)


@pytest.fixture
async def client(services: Services) -> AsyncIterator[TestClient]:
    async with TestClient(TestServer(create_app(services))) as client:
        yield client
