"""Numbers that the parts of RiffBot know, asked for when Prometheus asks."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psutil
from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from audio import decoder
from riffbot.errors import RiffBotError
from riffbot.services import Services
from riffbot.web.connections import CONNECTIONS
from riffbot.web.keys import JOBS, SERVICES, STARTED_AT

ENGINE_STATES = ("loading", "ready", "broken", "closed")


async def render_metrics(app: web.Application) -> bytes:
    """Return all metrics in Prometheus' text format, version 0.0.4."""
    services = app[SERVICES]
    health = await _health(services)  # first: the disk's probe measures what _library tells
    families = [
        *_engine(services),
        *_jams(services),
        *await _library(services),
        *_memory(),
        *_page(app),
        *health,
    ]
    registry = CollectorRegistry()
    registry.register(_Fixed(families))
    ProcessCollector(registry=registry)
    return generate_latest(registry) + generate_latest(services.metrics.registry)


@dataclass(frozen=True, eq=False)
class _Fixed:
    families: list[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.families


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _counter(name: str, words: str, value: float) -> Metric:
    return CounterMetricFamily(name, words, value=value)


def _labelled(name: str, words: str, label: str, values: dict[str, float]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _engine(services: Services) -> Iterator[Metric]:
    stats = services.engine.stats()
    yield _gauge("riffbot_up", "1 while the engine is ready.", stats.state == "ready")
    yield _labelled(
        "riffbot_engine_replicas",
        "Copies of the model by state.",
        "state",
        {state: float(stats.state == state) for state in ENGINE_STATES},
    )
    yield _gauge("riffbot_queue_jobs", "Clips waiting in line.", stats.queued)
    yield _gauge("riffbot_running_jobs", "Clips being computed.", stats.running)
    yield _counter("riffbot_clips_total", "Clips made since the start.", stats.done)
    yield _counter("riffbot_failures_total", "Clips that failed.", stats.failed)
    yield _counter("riffbot_cancelled_total", "Clips taken back.", stats.cancelled)
    if stats.seconds_per_clip is not None:
        yield _gauge("riffbot_clip_seconds", "Measured time of a clip.", stats.seconds_per_clip)
    if stats.real_time_factor is not None:
        yield _gauge(
            "riffbot_real_time_factor", "Seconds of sound made in a second.", stats.real_time_factor
        )


def _jams(services: Services) -> Iterator[Metric]:
    sessions = services.jams.all()
    jams = {session.id: session.status() for session in sessions}
    for jam_id, status in jams.items():
        services.metrics.count_jam(jam_id, status.underruns, status.late_chunks)
    services.metrics.keep_jams(set(jams))
    yield _gauge("riffbot_jams", "Jams that play or are paused.", len(jams))
    yield _gauge(
        "riffbot_jam_underruns",
        "Packets that were not ready in time, over the jams that play.",
        sum(jam.underruns for jam in jams.values()),
    )
    yield _gauge(
        "riffbot_jam_late_chunks",
        "How often a last bar had to loop, over the jams that play.",
        sum(jam.late_chunks for jam in jams.values()),
    )


async def _library(services: Services) -> list[Metric]:
    families = []
    with suppress(RiffBotError):  # the database does not answer: its probe says so
        count = await services.library.riffs.count()
        families.append(_gauge("riffbot_library_riffs", "Riffs in the library.", count))
    if (free := services.library.disk.free_bytes) is not None:
        families.append(_gauge("riffbot_disk_free_bytes", "Free where riffs are stored.", free))
    return families


def _memory() -> Iterator[Metric]:
    resident = {"riffbot": float(psutil.Process().memory_info().rss), "decoder": 0.0}
    for process in decoder.processes():
        with suppress(psutil.Error):  # it has just ended
            resident["decoder"] += psutil.Process(process).memory_info().rss
    yield _labelled("riffbot_memory_bytes", "Resident memory by process.", "process", resident)
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        yield _labelled(
            "riffbot_gpu_memory_bytes",
            "Memory of the GPUs that RiffBot holds.",
            "device",
            {
                f"cuda:{index}": float(torch.cuda.memory_reserved(index))
                for index in range(torch.cuda.device_count())
            },
        )


def _page(app: web.Application) -> Iterator[Metric]:
    yield _gauge("riffbot_page_jobs", "Clips under way for the page.", app[JOBS].running)
    yield _gauge("riffbot_uptime_seconds", "Since the start.", time.monotonic() - app[STARTED_AT])
    for connections in app[CONNECTIONS]:
        yield _gauge("riffbot_page_connections", "Open connections.", len(connections))
        yield _counter(
            "riffbot_page_connections_refused_total",
            "Connections that were turned away, or gave way half-open.",
            connections.refused,
        )


async def _health(services: Services) -> list[Metric]:
    results = await services.health.check()
    return [
        _labelled(
            "riffbot_probe_ok",
            "1 where a part of RiffBot works, as /readyz tells.",
            "part",
            {result.name: float(result.trouble is None) for result in results},
        )
    ]
