"""RiffBot's own page and its HTTP API, as one aiohttp application."""

from __future__ import annotations

import asyncio
import secrets
import time

from aiohttp import web

from riffbot.services import Services
from riffbot.web import activity, api, guard, health, jams, listening, pages, painting, riffusion
from riffbot.web.connections import CONNECTIONS, bodies_in_time, heads_in_time
from riffbot.web.guard import (
    MAX_BODY,
    Allowance,
    errors_as_sentences,
    only_at_home,
    with_headers,
)
from riffbot.web.hub import Hub
from riffbot.web.jobs import Jobs
from riffbot.web.returning import Returning


def create_app(services: Services) -> web.Application:
    """Build the application; the services stay their opener's to close."""
    app = web.Application(
        # Outermost first: headers go on everything, errors included.
        middlewares=[
            heads_in_time,
            with_headers,
            errors_as_sentences,
            bodies_in_time,
            only_at_home(services.settings.host),
        ],
        client_max_size=MAX_BODY,
    )
    app[CONNECTIONS] = []
    app[api.SERVICES] = services
    app[api.JOBS] = Jobs(services.studio)
    app[api.ALLOWANCE] = Allowance()
    app[listening.TURN] = asyncio.Semaphore()
    app[painting.LISTENING] = listening.Listening(services, app[listening.TURN])
    app[painting.LOOKING] = Allowance(burst=60, every_s=1.0)
    app[jams.HUB] = Hub(services.settings.page_listeners, jams.told)
    app[jams.RETURNING] = Returning(services)
    inside = activity.Activity.of(services.settings)
    app[activity.ACTIVITY] = [] if inside is None else [inside]
    app[guard.OURS] = frozenset() if inside is None else frozenset({inside.origin})
    app[guard.OWNERS_KEY] = secrets.token_urlsafe(32)
    app[health.STARTED] = time.monotonic()
    # Painting before the riffs' files, whose address would swallow a sheet's.
    for part in (pages, painting, api, jams, activity, riffusion, health):
        app.add_routes(part.routes)
    app.on_shutdown.append(_take_back)
    return app


async def _take_back(app: web.Application) -> None:
    # Ended jobs end their event streams, so that the server need not wait for readers.
    await app[api.JOBS].close()
    await jams.end_streams(app)
