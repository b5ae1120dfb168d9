"""Counters only grow, and requests to Discord are counted by what became of them."""

from __future__ import annotations

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from riffbot.discord_requests import trace_requests
from riffbot.metrics import Metrics


def value(metrics: Metrics, name: str, **labels: str) -> float:
    found = metrics.registry.get_sample_value(name, labels)
    assert found is not None, name
    return found


def test_what_a_jam_has_counted_is_added_once() -> None:
    metrics = Metrics()
    for underruns in (0, 3, 3, 5):
        metrics.count_jam("a", underruns, 1)
    metrics.count_jam("b", 2, 0)
    assert value(metrics, "riffbot_jam_underrun_packets_total") == 7
    assert value(metrics, "riffbot_jam_looped_bars_total") == 1
    metrics.keep_jams({"b"})
    metrics.count_jam("a", 4, 0)  # the same jam in another session, which counts from 0
    assert value(metrics, "riffbot_jam_underrun_packets_total") == 11


async def answer(request: web.Request) -> web.Response:
    scope = request.query.get("scope")
    headers = {} if scope is None else {"X-RateLimit-Scope": scope}
    return web.Response(status=int(request.match_info["status"]), headers=headers)


async def test_requests_to_discord_are_counted_by_status_and_scope() -> None:
    metrics = Metrics()
    app = web.Application()
    app.router.add_get("/{status}", answer)
    limited = ("/429?scope=user", "/429?scope=shared", "/429", "/429?scope=x")
    async with aiohttp.ClientSession(trace_configs=[trace_requests(metrics)]) as client:
        async with TestServer(app) as discord:
            for path in ("/200", "/200", *limited):
                async with client.get(discord.make_url(path)):
                    pass
            gone = discord.make_url("/200")
        with pytest.raises(aiohttp.ClientError):
            await client.get(gone)
    seen = {
        status: value(metrics, "riffbot_discord_request_seconds_count", status=status)
        for status in ("200", "429", "error")
    }
    assert seen == {"200": 2, "429": 4, "error": 1}
    limits = {
        scope: value(metrics, "riffbot_discord_rate_limits_total", scope=scope)
        for scope in ("user", "shared", "global")
    }
    assert limits == {"user": 1, "shared": 1, "global": 2}
