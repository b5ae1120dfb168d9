"""A library in a folder of its own, and clips to put into it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from riffbot.inference.job import GeneratedRiff
from riffbot.library.store import Library
from riffbot.library.tables import StoredRiff
from riffbot.library.types import Author, Origin
from riffbot.rendering import Rendered
from riffbot.request import RiffRequest
from riffbot.settings import Settings

ANN, BOB = Author(1, "Ann", 10), Author(2, "Bob", 10)
Add = Callable[..., Awaitable[StoredRiff]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


@pytest.fixture
async def library(settings: Settings) -> AsyncIterator[Library]:
    opened = await Library.open(settings)
    yield opened
    await opened.close()


@pytest.fixture
def add(library: Library) -> Add:
    """Puts a finished riff into the library."""

    async def put(prompt: str, author: Author = ANN, **fields: object) -> StoredRiff:
        parent, channel = fields.pop("parent", None), fields.pop("channel", None)
        origin = None if channel is None else Origin(channel_id=channel)  # type: ignore[arg-type]
        request = RiffRequest.build(prompt=prompt, seed=1, **fields)
        job = await library.jobs.create(request, author=author, origin=origin, parent=parent)  # type: ignore[arg-type]
        return await library.jobs.finish(job.id, made(request), files(prompt))

    return put


def made(request: RiffRequest) -> GeneratedRiff:
    """What an engine would answer."""
    return GeneratedRiff(request, np.full((512, 64), 255, np.uint8), "model", "a" * 64, batch=2)


def files(content: str) -> Rendered:
    """What a renderer would write."""
    return Rendered(
        mp3=f"mp3 {content}".encode(),
        png=f"png {content}".encode(),
        plot=f"plot {content}".encode(),
        alt=f"sounds like {content}",
        duration_s=0.64,
    )
