"""RiffBot's page in a process of its own, with a fake model, for attacks on it.

    python -m tests.attacks.page_process <folder> [--descriptors 128] [--set page_listeners=2]

Prints the page's address and, where it is asked for, the id of a jam that plays; then one JSON
object for every line that it reads: how late its event loop was since the last line, in ms, and
its open descriptors. The line `eat` takes every descriptor that is left, `free` gives them back.
Its log goes to standard error, as that of `riffbot` does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import sys
import time
from pathlib import Path

import numpy as np

from audio import codec
from audio.image import encode_png
from riffbot import logs, process
from riffbot.clips.service import ClipService
from riffbot.images import Images
from riffbot.inference.engine.engine import Engine
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.manager import JamManager
from riffbot.jam.types import LOCAL_USER
from riffbot.library.jam_record import PageJam
from riffbot.library.store import Library
from riffbot.services import Services
from riffbot.settings import load_settings
from tests.support.fake_pipeline import FakePipeline

TICK_S = 0.005


class Lag:
    """How late the event loop was."""

    def __init__(self) -> None:
        self.worst = 0.0
        self.late: list[float] = []

    async def watch(self) -> None:
        """Sleep again and again, and note what was slept too long."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(TICK_S)
            late = time.perf_counter() - began - TICK_S
            self.late.append(late)

    def figures(self) -> dict[str, float]:
        """Milliseconds since the last question: the worst and the 99th percentile."""
        late, self.late = sorted(self.late) or [0.0], []
        return {
            "worst_ms": round(1000 * late[-1], 1),
            "p99_ms": round(1000 * late[int(0.99 * (len(late) - 1))], 1),
        }


async def main(folder: Path, descriptors: int, jam: bool, changes: dict[str, object]) -> None:
    """Serve until standard input ends."""
    seeds = folder / "seed_images"
    seeds.mkdir(parents=True, exist_ok=True)
    (seeds / "beat.png").write_bytes(encode_png(np.full((512, 512), 200, np.uint8)))
    (seeds / "seeds.toml").write_text(
        '[beat]\ntitle = "Plain beat"\nbpm = 93.75\nbeats = 8\nwidth = 512\nmood = "dry"\n'
    )
    settings = load_settings(_env_file=None, data_dir=folder / "data", seed_images=seeds, **changes)
    library = await Library.open(settings)
    pipeline = FakePipeline()
    pipeline.images = Images(settings.seed_images, library.files.path)
    engine = Engine(lambda: pipeline, max_batch=1)
    clip_service = ClipService(engine, library, settings)
    jams = JamManager(engine, pipeline.images, library, clip_service, settings)
    services = Services(settings, engine, library, clip_service, pipeline.images, jams)
    if jam:
        await asyncio.to_thread(codec.warm_up)
    if descriptors:
        import resource  # there is none on Windows

        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    lag = Lag()
    async with process.serve_page(services) as address:
        watching = asyncio.create_task(lag.watch())
        if jam:
            session = await jams.start(
                PageJam(),
                ChunkOptions(prompt="sax", seed_image="beat"),
                starter=LOCAL_USER,
                paced_by="clock",
            )
            print(f"jam: {session.id}", flush=True)
        print(f"ready: {address}", flush=True)
        eaten: list[int] = []
        while line := await asyncio.to_thread(sys.stdin.readline):
            if line.strip() == "eat":
                with contextlib.suppress(OSError):  # until there is no descriptor left
                    while True:
                        eaten.append(os.open(os.devnull, os.O_RDONLY))
            elif line.strip() == "free":
                while eaten:
                    os.close(eaten.pop())
            report = {**lag.figures(), "descriptors": descriptors_open()}
            if jam:
                report["underruns"] = session.ring.stats().underruns
            print(json.dumps(report), flush=True)
        watching.cancel()
    await jams.close()
    await engine.close()
    await library.close()


def descriptors_open() -> int:
    """Descriptors of this process, where the system tells; else 0."""
    with contextlib.suppress(OSError):
        return sum(1 for _ in Path("/proc/self/fd").iterdir())
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--descriptors", type=int, default=0)
    parser.add_argument("--jam", action="store_true")
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    changes = dict(pair.split("=", 1) for pair in options.set)
    logging.basicConfig(level=logging.INFO, handlers=logs.create_handlers())
    asyncio.run(main(options.folder, options.descriptors, options.jam, changes))
