"""`/healthz` for a supervisor that restarts RiffBot, `/metrics` for Prometheus."""

from __future__ import annotations

import time

from aiohttp import web

from riffbot.web.connections import CONNECTIONS
from riffbot.web.keys import JOBS, SERVICES, STARTED_AT

routes = web.RouteTableDef()


@routes.get("/healthz")
async def health(request: web.Request) -> web.Response:
    """Return 200 while clips can be made or the model is loading, else 503."""
    state = request.app[SERVICES].engine.stats().state
    alive = state in ("loading", "ready")
    return web.json_response({"ok": alive, "engine": state}, status=200 if alive else 503)


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    """Return the metrics in Prometheus' text format, version 0.0.4."""
    stats = request.app[SERVICES].engine.stats()
    jams = [session.status() for session in request.app[SERVICES].jams.all()]
    lines = [
        _metric("riffbot_up", "gauge", "1 while the engine is ready.", stats.state == "ready"),
        _metric("riffbot_queue_jobs", "gauge", "Clips waiting in line.", stats.queued),
        _metric("riffbot_running_jobs", "gauge", "Clips being computed.", stats.running),
        _metric("riffbot_clips_total", "counter", "Clips made since the start.", stats.done),
        _metric("riffbot_failures_total", "counter", "Clips that failed.", stats.failed),
        _metric("riffbot_cancelled_total", "counter", "Clips taken back.", stats.cancelled),
        _metric(
            "riffbot_page_jobs", "gauge", "Clips under way for the page.", request.app[JOBS].running
        ),
        _metric("riffbot_jams", "gauge", "Jams that play or are paused.", len(jams)),
        _metric(
            "riffbot_jam_underruns",
            "gauge",
            "Packets that were not ready in time, over the jams that play.",
            sum(jam.underruns for jam in jams),
        ),
        _metric(
            "riffbot_jam_late_chunks",
            "gauge",
            "How often a last bar had to loop, over the jams that play.",
            sum(jam.late_chunks for jam in jams),
        ),
        _metric(
            "riffbot_library_riffs",
            "gauge",
            "Riffs in the library.",
            await request.app[SERVICES].library.riffs.count(),
        ),
        _metric(
            "riffbot_uptime_seconds",
            "gauge",
            "Since the start.",
            time.monotonic() - request.app[STARTED_AT],
        ),
    ]
    for connections in request.app[CONNECTIONS]:
        lines += [
            _metric("riffbot_page_connections", "gauge", "Open connections.", len(connections)),
            _metric(
                "riffbot_page_connections_refused_total",
                "counter",
                "Connections that were turned away, or gave way half-open.",
                connections.refused,
            ),
        ]
    if stats.seconds_per_clip is not None:
        lines.append(
            _metric(
                "riffbot_clip_seconds", "gauge", "Measured time of a clip.", stats.seconds_per_clip
            )
        )
    if stats.real_time_factor is not None:
        lines.append(
            _metric(
                "riffbot_real_time_factor",
                "gauge",
                "Seconds of sound made in a second.",
                stats.real_time_factor,
            )
        )
    text = "".join(lines)
    return web.Response(
        body=text.encode(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    )


def _metric(name: str, kind: str, words: str, value: float) -> str:
    return f"# HELP {name} {words}\n# TYPE {name} {kind}\n{name} {float(value):g}\n"
