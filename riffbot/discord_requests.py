"""Times the requests to Discord and counts its rate limits, by aiohttp's tracing."""

from __future__ import annotations

import time
from types import SimpleNamespace

import aiohttp

from riffbot.metrics import Metrics

TOO_MANY_REQUESTS = 429


def trace_requests(metrics: Metrics) -> aiohttp.TraceConfig:
    """Make a trace for `discord.Client(http_trace=…)` that records every request."""
    trace = aiohttp.TraceConfig()

    async def on_start(_: object, context: SimpleNamespace, __: object) -> None:
        context.began = time.monotonic()

    async def on_end(
        _: object, context: SimpleNamespace, params: aiohttp.TraceRequestEndParams
    ) -> None:
        answer = params.response
        metrics.observe_discord(str(answer.status), time.monotonic() - context.began)
        if answer.status == TOO_MANY_REQUESTS:
            scope = answer.headers.get("X-RateLimit-Scope", "global")
            metrics.count_rate_limit(scope if scope in ("user", "shared") else "global")

    async def on_error(_: object, context: SimpleNamespace, __: object) -> None:
        metrics.observe_discord("error", time.monotonic() - context.began)

    trace.on_request_start.append(on_start)
    trace.on_request_end.append(on_end)
    trace.on_request_exception.append(on_error)
    return trace
