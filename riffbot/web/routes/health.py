"""`/livez` and `/readyz` for supervisors, `/healthz` of earlier versions, `/metrics`."""

from __future__ import annotations

from aiohttp import web

from riffbot.health import ProbeResult
from riffbot.web.keys import SERVICES
from riffbot.web.metric_families import render_metrics

routes = web.RouteTableDef()


@routes.get("/healthz")
async def health(request: web.Request) -> web.Response:
    """Return 200 while clips can be made or the model is loading, else 503."""
    state = request.app[SERVICES].engine.stats().state
    alive = state in ("loading", "ready")
    return web.json_response({"ok": alive, "engine": state}, status=200 if alive else 503)


@routes.get("/livez")
async def live(request: web.Request) -> web.Response:
    """Return 503 if a restart might help, else 200."""
    results = await request.app[SERVICES].health.check()
    return _answer([result for result in results if result.is_vital])


@routes.get("/readyz")
async def ready(request: web.Request) -> web.Response:
    """Return 200 if a riff that is asked for now would be made and stored, else 503."""
    return _answer(await request.app[SERVICES].health.check())


def _answer(results: list[ProbeResult]) -> web.Response:
    troubles = {result.name: result.trouble for result in results}
    is_well = not any(troubles.values())
    return web.json_response(
        {"ok": is_well, "checks": {name: trouble or "ok" for name, trouble in troubles.items()}},
        status=200 if is_well else 503,
        headers={"Cache-Control": "no-store"},
    )


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    """Return the metrics in Prometheus' text format, version 0.0.4."""
    return web.Response(
        body=await render_metrics(request.app),
        headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
    )
