"""The real RiffBot on the loopback: real services, the real pipeline at tiny random weights.

The product is not touched. What a test may want of the model is to be slow, or to hold a clip
until everybody is in line: `Paced` wraps the pipeline for that, and computes all the while.
"""

from __future__ import annotations

import asyncio
import atexit
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from audio.arrays import Pixels
from riffbot import services
from riffbot.bot import TICK_S, RiffBot, dispatch_ticks
from riffbot.inference.engine.protocols import PipelineLike
from riffbot.request import RiffRequest
from riffbot.services import Services, open_services
from riffbot.settings import Settings, load_settings
from tests.support.loopback.messages import Message
from tests.support.loopback.server import LoopbackDiscord
from tests.support.tiny_models import tiny_embedded_model

WIDTH = 64
"""Columns of a clip, 0.64 s: a load test is about Discord, not about rendering."""


class Paced:
    """The real pipeline, slowed.

    Attributes:
        gate: while it is closed, a run is computed again and again before it counts.
        least_s: a run takes at least so long, by computing again.
        started: prompts of the runs that counted, in order.
    """

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.least_s = 0.0
        self.started: list[str] = []
        self.under_way = threading.Event()
        self._inner: PipelineLike | None = None

    def around(self, inner: PipelineLike) -> Paced:
        """This, wrapped around a pipeline."""
        self._inner = inner
        return self

    async def holding(self) -> None:
        """Wait until the closed gate holds a clip back."""
        await asyncio.to_thread(self.under_way.wait, 60)

    @property
    def model(self) -> Any:
        """The wrapped pipeline's."""
        assert self._inner is not None
        return self._inner.model

    @property
    def images(self) -> Any:
        """The wrapped pipeline's."""
        assert self._inner is not None
        return self._inner.images

    def run(
        self, requests: Sequence[RiffRequest], *, on_step: Callable[[Any], bool | None] | None
    ) -> Sequence[Pixels]:
        """As the pipeline; slowed for real requests, not for the warm-up."""
        assert self._inner is not None
        if on_step is None:
            return self._inner.run(requests, on_step=None)
        self.started += [request.prompt for request in requests]
        self.under_way.set()
        begun = time.monotonic()
        while True:
            made = self._inner.run(requests, on_step=on_step)
            if self.gate.is_set() and time.monotonic() - begun >= self.least_s:
                return made


@dataclass(frozen=True)
class Stage:
    """A running bot.

    Attributes:
        services: what it runs on; its library can be asked afterwards.
        paced: the handle on its model's speed.
    """

    bot: RiffBot
    services: Services
    paced: Paced


@cache
def tiny_model(width: int = WIDTH) -> Path:
    """The folder of a model that makes clips so wide, made once and kept until the tests end."""
    folder = Path(tempfile.mkdtemp(prefix="riffbot-tiny-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    defaults = {"steps": 2, "guidance": 1.0, "scheduler": "flow", "width": width}
    return tiny_embedded_model(folder / "model", defaults=defaults)


def settings(folder: Path, **changes: Any) -> Settings:
    """Settings with all data under `folder`."""
    options = {"data_dir": folder / "data", "seed_images": folder / "seed_images"}
    return load_settings(_env_file=None, **{"model": str(tiny_model()), **options, **changes})


def is_result(message: Message) -> bool:
    """The riff is there: its sound can be played."""
    return message.file(".mp3") is not None


@asynccontextmanager
async def on_stage(
    there: LoopbackDiscord,
    folder: Path,
    *,
    paced: Paced | None = None,
    tick_s: float = TICK_S,
    **changes: Any,
) -> AsyncIterator[Stage]:
    """Run RiffBot in this process until the block ends; a second time restarts it."""
    pace = paced or Paced()
    opened = services.open_pipeline
    wrapped = mock.patch.object(services, "open_pipeline", lambda *a: pace.around(opened(*a)))
    with wrapped:
        async with open_services(settings(folder, **changes)) as running:
            bot = RiffBot(running)
            async with there.running(bot):
                ticks = asyncio.create_task(dispatch_ticks(bot, tick_s))
                try:
                    yield Stage(bot, running, pace)
                finally:
                    ticks.cancel()
