"""Opening and closing what a running RiffBot consists of, in one place."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

from audio import codec, decoder
from riffbot.clips.service import ClipService
from riffbot.errors import RiffBotError
from riffbot.health import Health
from riffbot.images import Images
from riffbot.inference.engine.engine import STOP_GRACE_S, Engine
from riffbot.inference.engine.protocols import PipelineLike
from riffbot.interrupts import WARM_UP_THREAD
from riffbot.jam.manager import JamManager
from riffbot.library.backup.replaced import find_replaced_references
from riffbot.library.instance_lock import InstanceLock, hold_instance_lock
from riffbot.library.store import Library
from riffbot.metrics import Metrics
from riffbot.request import RiffRequest
from riffbot.settings import Settings

log = logging.getLogger(__name__)

_WARM_UP = RiffRequest(prompt="warming up", seed=0, steps=2)


@dataclass(frozen=True)
class Services:
    """What the bot, the page and the jam share.

    Attributes:
        settings: as read at the start.
        engine: the queue and the model, which may still be loading.
        library: riffs, jobs, jams and settings.
        clip_service: makes clips from requests and stores them.
        images: what a clip may start from, the library's pictures included.
        jams: the jams that play.
        instance_lock: of the data folder and database; the process stops when it is lost.
        health: the probes of all parts.
        metrics: what is counted and timed.
    """

    settings: Settings
    engine: Engine
    library: Library
    clip_service: ClipService
    images: Images
    jams: JamManager
    instance_lock: InstanceLock = field(default_factory=InstanceLock)
    health: Health = field(default_factory=Health)
    metrics: Metrics = field(default_factory=Metrics)


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """Open everything and close it in reverse.

    Returns before the model is loaded: the engine takes clips at once and makes them as soon as it
    can. On the way out the engine stops first, so that what it does not finish stays an unfinished
    job in the library.

    Raises:
        StorageError: the library cannot be opened, or another RiffBot works on it; at the end, if
            another one has taken it over.
        BadRequest: a setting is wrong.
    """
    async with AsyncExitStack() as stack:
        lock = await stack.enter_async_context(hold_instance_lock(settings))
        stack.callback(decoder.close)
        library = await Library.open(settings)
        stack.push_async_callback(library.close)
        images = Images(settings.seed_images, library.files.path)
        metrics = Metrics()
        engine = Engine(
            lambda: open_pipeline(settings, images),
            max_batch=settings.max_batch,
            max_wait_s=settings.max_wait_s,
            max_jobs_per_member=settings.max_jobs_per_member,
            max_work_s=settings.max_job_s,
            warm_up=_WARM_UP,
            on_picture=metrics.observe_picture,
        )
        clip_service = ClipService(
            engine, library, settings, images, lock, on_riff=metrics.observe_riff
        )
        # After the engine: what it leaves unfinished was no breakdown.
        stack.push_async_callback(clip_service.close)
        stack.push_async_callback(engine.close, grace_s=STOP_GRACE_S, last_step_s=STOP_GRACE_S)
        # A thread of its own, which nobody waits for: compiling takes up to half a minute.
        threading.Thread(target=_warm_up, name=WARM_UP_THREAD, daemon=True).start()
        tidying = asyncio.create_task(_tidy(settings, library))
        stack.push_async_callback(_ended, tidying)
        jams = JamManager(engine, images, library, clip_service, settings)
        # Before the engine: where the jams are is stored while they still play.
        stack.push_async_callback(jams.close)
        health = _create_health(engine, library)
        yield Services(settings, engine, library, clip_service, images, jams, lock, health, metrics)


def _create_health(engine: Engine, library: Library) -> Health:
    health = Health()

    async def check_engine() -> str | None:
        is_alive = engine.stats().state in ("loading", "ready")
        return None if is_alive else "the engine does not work; the log says why"

    async def check_model() -> str | None:
        return None if engine.stats().state == "ready" else "the model is not loaded"

    health.add("engine", check_engine, is_vital=True)
    health.add("model", check_model)
    health.add("database", library.check_database)
    health.add("disk", library.disk.check)
    return health


def open_pipeline(settings: Settings, images: Images) -> PipelineLike:
    """Load the model of the settings. Takes seconds: the engine calls it in its own thread.

    Raises:
        ModelError: it is missing, damaged, or no spectrogram model.
    """
    from riffbot.inference.pipeline import factory  # noqa: PLC0415  # brings torch

    return factory.open_pipeline(settings, images)


def _warm_up() -> None:
    """Compile the codec's inner loops, or read them from their cache."""
    try:
        codec.warm_up()
    except Exception:
        log.exception("the codec could not be warmed up; going on")


async def _tidy(settings: Settings, library: Library) -> None:
    """Remove what a crash left behind; nobody waits for it, and nothing depends on it."""
    try:
        kept = await asyncio.to_thread(find_replaced_references, settings.database)
        removed = await library.riffs.collect_files(kept)
    except RiffBotError as error:
        log.warning("the library's files could not be tidied: %s", error)
    else:
        if removed:
            log.info("removed %d files that no riff needs", removed)


async def _ended(task: asyncio.Task[None]) -> None:
    with suppress(Exception):
        await task
