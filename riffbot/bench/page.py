"""`riffbot bench page`: one jam for two hundred browsers, beside Riffusion's way to serve them.

Riffusion's web app asks for its own clips, one POST after the other, so every listener costs
generation. Here a jam is generated once and its packets go to everybody. Both run on the same
machine with the same model and the same number of steps: first the browsers over real WebSockets
on loopback, some of which never read; then clips by POST /run_inference/, as many as can be made.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import aiohttp
import psutil
from aiohttp import web

from audio.columns import seconds_of
from riffbot.bench.progress import ProgressBar
from riffbot.errors import RiffBotError
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.session import JamSession
from riffbot.jam.types import LOCAL_USER
from riffbot.library.jam_record import PageJam
from riffbot.services import Services, open_services
from riffbot.settings import Settings
from riffbot.web import keys
from riffbot.web.app import create_app
from riffbot.web.rate_limit import RateLimiter

SECONDS, LISTENERS, STALLED, CLIPS = 60.0, 200, 5, 6
TIMEOUT_S = 60.0
"""How much longer to wait until a browser that does not read is disconnected."""

_STALLED_S = 10.0
"""About how long it takes until a browser that does not read is disconnected."""

CONCURRENT_POSTS = 4
"""Simultaneous clients of Riffusion; more would only wait in the queue."""


@dataclass(frozen=True)
class PageSize:
    """How many listen, and for how long.

    Attributes:
        seconds: how long.
        listeners, stalled: browsers that read, and that never do.
    """

    seconds: float = SECONDS
    listeners: int = LISTENERS
    stalled: int = STALLED


FULL, QUICK = PageSize(), PageSize(seconds=2.0, listeners=3, stalled=0)


@dataclass(frozen=True)
class PageResult:
    """What was measured.

    Attributes:
        seconds: how long the browsers listened.
        listeners, stalled: browsers that read, and that never did.
        packets: median of what each got, 20 ms each.
        gaps: packets that any of them never got.
        lost: browsers that read and could still not listen to the end.
        dropped: browsers that were disconnected because they did not read.
        underruns: packets that the jam did not have in time.
        memory_mb: of the server, before anybody came, in the middle and at the end.
        kbit_s: what one browser receives.
        generations_s: clips that the jam was made of, a second.
        clip_s: how long one of them sounds.
        clips_s: clips by POST that the same machine makes in a second.
    """

    seconds: float
    listeners: int
    stalled: int
    packets: float
    gaps: int
    lost: int
    dropped: int
    underruns: int
    memory_mb: tuple[float, float, float]
    kbit_s: float
    generations_s: float
    clip_s: float
    clips_s: float

    @property
    def needed_s(self) -> float:
        """Clips a second that as many listeners of Riffusion's need."""
        return self.listeners / self.clip_s

    @property
    def ours_s(self) -> float:
        """Clips a second that the jam needs: what it made, or should have made where it was late
        and looped its last bar, which must not count in its favour."""
        return max(self.generations_s, 1 / self.clip_s)

    @property
    def served(self) -> float:
        """Listeners that the machine can keep in sound with clips by POST."""
        return self.clips_s * self.clip_s

    def as_dict(self) -> dict[str, Any]:
        """As JSON, with the ratios."""
        return {
            **asdict(self),
            "needed_s": self.needed_s,
            "served": self.served,
            "ratio_generations": self.needed_s / self.ours_s,
            "ratio_listeners": self.listeners / self.served,
        }

    def table(self) -> str:
        """For people."""
        start, middle, end = self.memory_mb
        head = f"{'':34}{'one jam for all':>16}{'clips by POST':>16}{'ratio':>9}"
        late = ["  the jam itself was late here: this machine had too much else to do"]
        return "\n".join(
            [
                f"page: {self.listeners} browsers and {self.stalled} that never read, "
                f"{self.seconds:.0f} s on loopback",
                head,
                f"  {'clips to make a second':32}{self.ours_s:>16.2f}{self.needed_s:>16.1f}"
                f"{self.needed_s / self.ours_s:>8.0f}×",
                f"  {'listeners on this machine':32}{self.listeners:>14} +{self.served:>16.1f}"
                f"{self.listeners / self.served:>8.0f}×",
                f"  each got {self.packets * 0.02:.1f} s of sound at {self.kbit_s:.0f} kbit/s with "
                f"its picture; {self.gaps} packets missing, {self.underruns} late, "
                f"{self.lost} lost",
                f"  {self.dropped} of {self.stalled} that never read were let go",
                f"  memory {start:.0f} MB before, {middle:.0f} MB in the middle, {end:.0f} MB at "
                "the end",
                *(late if self.underruns else []),
            ]
        )


def run(
    settings: Settings, *, size: PageSize = FULL, clips: int = CLIPS, bar: ProgressBar | None = None
) -> PageResult:
    """Measure both, one after the other.

    Args:
        size: how many listen, and for how long.
        clips: how many are made by POST.
        bar: shows the progress.

    Raises:
        RiffBotError: the model cannot be loaded, or cannot sustain a jam.
    """
    return asyncio.run(_run(settings, size, clips, bar))


async def _run(
    settings: Settings, size: PageSize, clips: int, bar: ProgressBar | None
) -> PageResult:
    with tempfile.TemporaryDirectory(prefix="riffbot-bench-") as folder:
        changes = {"data_dir": Path(folder), "database_url": None, "host": "127.0.0.1"}
        async with open_services(settings.model_copy(update=changes)) as services:
            return await measure(services, **asdict(size), clips=clips, bar=bar)


async def measure(
    services: Services,
    *,
    seconds: float = SECONDS,
    listeners: int = LISTENERS,
    stalled: int = STALLED,
    clips: int = CLIPS,
    seed_image: str | None = None,
    bar: ProgressBar | None = None,
) -> PageResult:
    """Measure both with open services; the parameters are those of `run` and `PageSize`."""
    bar = bar or ProgressBar("page")
    bar.expect(seconds + _STALLED_S * bool(stalled) + clips)
    settings = services.settings.model_copy(update={"page_listeners": listeners + stalled})
    async with _serve(replace(services, settings=settings)) as (app, address):
        session = await services.jams.start(
            PageJam(),
            ChunkOptions(seed_image=seed_image),
            starter=LOCAL_USER,
            paced_by="clock",
        )
        size = PageSize(seconds, listeners, stalled)
        run = await _measure_listening(app, address, session, size, bar)
        underruns, steps = (
            session.status().underruns,
            session.reader.placements()[-1].chunk.request.steps,
        )
        await session.stop()
        return PageResult(
            seconds=run.seconds,
            listeners=listeners,
            stalled=stalled,
            packets=median(one["packets"] for one in run.stats),
            gaps=sum(one["gaps"] for one in run.stats),
            lost=sum(bool(one["ended"]) for one in run.stats),
            dropped=app[keys.BROADCASTER].dropped,
            underruns=underruns,
            memory_mb=run.memory_mb,
            kbit_s=median(one["received"] for one in run.stats) * 8 / 1000 / run.seconds,
            generations_s=run.chunks / run.seconds,
            clip_s=seconds_of(session.loop_grid.width),
            clips_s=await _measure_posts(address, session, clips, steps, bar),
        )


@dataclass(frozen=True)
class _ListeningRun:
    """What was measured while the browsers listened.

    Attributes:
        seconds: how long it took.
        chunks: that the jam was made of meanwhile.
        memory_mb: of the server, before anybody came, in the middle and at the end.
        stats: one `riffbot.bench.listeners.ListenerStats` a browser that reads, as JSON.
    """

    seconds: float
    chunks: int
    memory_mb: tuple[float, float, float]
    stats: list[dict[str, Any]]


async def _measure_listening(
    app: web.Application, address: str, session: JamSession, size: PageSize, bar: ProgressBar
) -> _ListeningRun:
    """Let browsers listen to a jam, until those that never read are disconnected."""
    broadcaster = app[keys.BROADCASTER]
    start = _memory_mb()
    async with _browsers(f"{address}api/jams/{session.id}/socket", size) as browsers:
        await _wait_until(lambda: broadcaster.listeners() == size.listeners + size.stalled)
        before, began = session.reader.chunk_count, perf_counter()
        with bar.part(f"{size.listeners} browsers listen", size.seconds, seconds=size.seconds):
            await asyncio.sleep(size.seconds / 2)
            middle = _memory_mb()
            await asyncio.sleep(size.seconds / 2)
        with bar.part("who never reads is let go", _STALLED_S * bool(size.stalled)):
            await _wait_until(lambda: broadcaster.dropped >= size.stalled)
        seconds, chunks = perf_counter() - began, session.reader.chunk_count - before
        memory_mb = (start, middle, _memory_mb())
        output, _ = await browsers.communicate(b"")  # it prints once its input has ended
    return _ListeningRun(seconds, chunks, memory_mb, json.loads(output))


@asynccontextmanager
async def _browsers(url: str, size: PageSize) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process of all browsers (`riffbot.bench.listeners`)."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "riffbot.bench.listeners"),
        *(url, str(size.listeners), str(size.stalled)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _memory_mb() -> float:
    return float(psutil.Process().memory_info().rss / 2**20)


async def _measure_posts(
    address: str, session: JamSession, clips: int, steps: int | None, bar: ProgressBar
) -> float:
    """Clips a second while some clients of Riffusion's ask for the same loop at once."""
    seeds = iter(range(clips))

    async def client(http: aiohttp.ClientSession) -> None:
        for seed in seeds:
            prompt = {"prompt": "funky sax", "seed": seed, "denoising": 0.75, "guidance": 7.0}
            body = {
                "start": prompt,
                "end": {**prompt, "seed": seed + 1},
                "alpha": 0.5,
                "num_inference_steps": steps,
                "seed_image_id": session.seed_image,
            }
            async with http.post(f"{address}run_inference/", json=body) as answer:
                if answer.status != 200:
                    raise RiffBotError(f"A clip by POST was refused: {await answer.text()}")
                await answer.read()
            bar.step("clips by POST")

    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        began = perf_counter()
        await asyncio.gather(*(client(http) for _ in range(CONCURRENT_POSTS)))
        return clips / (perf_counter() - began)


@asynccontextmanager
async def _serve(services: Services) -> AsyncIterator[tuple[web.Application, str]]:
    app = create_app(services)
    app[keys.CREATE_LIMIT] = RateLimiter(burst=1_000_000)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield app, f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def _wait_until(condition: Any) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():  # noqa: ASYNC110  # what is waited for happens in another process
            await asyncio.sleep(0.1)
