"""RiffBot's own page and its HTTP API, as one aiohttp application."""

from __future__ import annotations

import asyncio
import secrets
import time

from aiohttp import web

from riffbot.file_turns import FileTurns
from riffbot.services import Services
from riffbot.web import security, spectrogram_cache, visitors
from riffbot.web.broadcast import Hub
from riffbot.web.broken_http import keep_out_of_the_log
from riffbot.web.connections import CONNECTIONS, bodies_in_time, heads_in_time
from riffbot.web.jam_starts import JamStarts
from riffbot.web.jobs import Jobs
from riffbot.web.routes import activity, api, health, jams, pages, painting, riffusion
from riffbot.web.security import (
    MAX_BODY,
    Allowance,
    errors_as_sentences,
    only_at_home,
    open_to_origins,
    with_headers,
)
from riffbot.web.serializers import serialize_jam
from riffbot.web.session_restore import Returning


def create_app(services: Services) -> web.Application:
    """Build the application; the services stay their opener's to close."""
    settings = services.settings
    app = web.Application(
        # Outermost first: a connection counts as asking, everybody else believes what the proxies
        # say, and headers go on everything, errors included.
        middlewares=[
            heads_in_time,
            visitors.behind_proxies(settings),
            with_headers,
            open_to_origins,
            errors_as_sentences,
            bodies_in_time,
            only_at_home(settings.host, settings.public_url),
            visitors.with_visitor(settings),
        ],
        client_max_size=MAX_BODY,
        # Bodies are unpacked where they are read (request_reader.py), within a limit: aiohttp would
        # unpack those as well that nobody reads.
        handler_args={"auto_decompress": False},
    )
    keep_out_of_the_log()
    visitors.prepare(app)
    app[CONNECTIONS] = []
    app[api.SERVICES] = services
    app[api.JOBS] = Jobs(services.clip_service, services.library)
    app[api.ALLOWANCE] = Allowance()
    app[api.READING] = Allowance(burst=120, every_s=0.25)
    app[api.FETCHING] = Allowance(burst=600, every_s=0.1)
    app[spectrogram_cache.TURN] = asyncio.Semaphore()
    app[painting.SENT] = FileTurns(1)
    app[painting.LISTENING] = spectrogram_cache.Listening(services, app[spectrogram_cache.TURN])
    app[painting.LOOKING] = Allowance(burst=60, every_s=1.0)
    app[jams.HUB] = Hub(settings.page_listeners, serialize_jam)
    app[jams.STARTS] = JamStarts(has_riffs=lambda: services.engine.has_clips)
    app[jams.RETURNING] = Returning(services)
    inside = activity.Activity.of(settings)
    app[activity.ACTIVITY] = [] if inside is None else [inside]
    app[security.OURS] = frozenset() if inside is None else frozenset({inside.origin})
    app[security.ORIGINS] = frozenset(services.settings.cors_origins)
    app[security.OWNERS_KEY] = secrets.token_urlsafe(32)
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
