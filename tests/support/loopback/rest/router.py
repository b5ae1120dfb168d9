"""The front door of the REST API: routes as data, faults, rate limits, and the record of calls."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from tests.support.loopback.errors import ApiError, LoopbackFailure, unauthorized
from tests.support.loopback.faults import Faults, strike
from tests.support.loopback.ratelimits import Limited, RateLimits
from tests.support.loopback.state import TOKEN, State

Handler = Callable[[web.Request], Awaitable[object]]
PREFIX = "/api/v10"


@dataclass(frozen=True)
class Route:
    """One endpoint.

    Attributes:
        name: what tests call it, when they let it fail.
        bucket: rate limit bucket; its major parameter is the channel or the webhook's token.
        needs_token: the bot must show its token (and the global limit counts the request).
    """

    name: str
    method: str
    path: str
    handle: Handler
    bucket: str = ""
    needs_token: bool = True


@dataclass(frozen=True)
class Call:
    """A request that was answered. `at` is by the monotonic clock."""

    route: str
    method: str
    path: str
    status: int
    at: float
    took_s: float


class Router:
    """Dispatches requests; whatever no route matches fails the test.

    Answers of handlers: JSON data, None for 204, or a ready response.
    """

    def __init__(self, state: State, faults: Faults, limits: RateLimits) -> None:
        self._state, self._faults, self._limits = state, faults, limits
        self.calls: list[Call] = []

    def mount(self, app: web.Application, routes: list[Route]) -> None:
        """Serve `routes` under /api/v10."""
        for route in routes:
            self._faults.route_names.add(route.name)
            app.router.add_route(route.method, PREFIX + route.path, self._serve(route))

    def unknown(self, app: web.Application) -> None:
        """Catch everything else; call last."""

        async def serve(request: web.Request) -> web.StreamResponse:
            return self._failed(
                LoopbackFailure(f"the loopback has no route {request.method} {request.path}")
            )

        app.router.add_route("*", "/{anything:.*}", serve)

    def _serve(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            started = time.monotonic()
            response = await self._answer(route, request)
            took = time.monotonic() - started
            call = Call(route.name, request.method, request.path, response.status, started, took)
            self.calls.append(call)
            scope = response.headers.get("X-RateLimit-Scope")
            self._limits.count(route.name, response.status, scope)
            return response

        return serve

    async def _answer(self, route: Route, request: web.Request) -> web.StreamResponse:
        if self._limits.banned:
            self._failed(LoopbackFailure("10,000 invalid requests: Cloudflare has banned the bot"))
            return web.Response(status=429, text="<html>error code: 1015</html>")
        fault = self._faults.next(route.name)
        try:
            if fault and not fault.after:
                if fault.limited is not None:
                    return too_many(fault.limited, {})
                struck = await strike(fault, request)
                if struck is not None:
                    return struck
            response = await self._handle(route, request)
            if fault and fault.after:
                return await strike(fault, request) or response
            return response
        except ApiError as error:
            self._state.note(error)
            return reply(error.status, error.body, {})
        except Exception as error:  # a broken loopback must not look like a broken Discord
            return self._failed(error)

    async def _handle(self, route: Route, request: web.Request) -> web.StreamResponse:
        if route.needs_token and request.headers.get("Authorization") != f"Bot {TOKEN}":
            raise unauthorized()
        info = request.match_info
        major = info.get("channel_id") or info.get("token") or ""
        headers, refused = self._limits.take(route.bucket, major, is_global=route.needs_token)
        if refused is not None:
            return too_many(refused, headers)
        try:
            answer = await route.handle(request)
        except ApiError as error:
            self._state.note(error)
            return reply(error.status, error.body, headers)
        if isinstance(answer, web.StreamResponse):
            return answer
        return reply(204 if answer is None else 200, answer, headers)

    def _failed(self, failure: BaseException) -> web.Response:
        # 400, because discord.py would try a 500 again for 25 seconds
        self._state.fail(failure)
        return reply(400, {"message": f"loopback: {failure!r}", "code": 0}, {})


def reply(status: int, data: object, headers: Mapping[str, str]) -> web.Response:
    """A JSON answer.

    The type must be exactly `application/json`: discord.py reads anything else as text.
    """
    if status == 204:
        return web.Response(status=204, headers=headers)
    body = json.dumps(data).encode()
    return web.Response(
        status=status, body=body, content_type="application/json", headers=dict(headers)
    )


def too_many(limited: Limited, headers: Mapping[str, str]) -> web.Response:
    """429, in Discord's shape."""
    return reply(429, limited.body, {**headers, **limited.headers})
