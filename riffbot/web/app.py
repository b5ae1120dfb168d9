"""RiffBot's own page and its HTTP API, as one aiohttp application."""

from __future__ import annotations

import asyncio
import secrets
import time

from aiohttp import web

from riffbot.file_threads import FileSlots
from riffbot.services import Services
from riffbot.settings import Settings
from riffbot.web import access, keys, visitors
from riffbot.web.broadcaster import Broadcaster
from riffbot.web.broken_http import silence_broken_requests
from riffbot.web.connections import CONNECTIONS
from riffbot.web.errors import MAX_BODY, errors_as_json
from riffbot.web.headers import add_security_headers
from riffbot.web.jam_restore import JamRestorer
from riffbot.web.jam_start_limits import JamStartLimiter
from riffbot.web.named_requests import name_requests
from riffbot.web.page_jobs import PageJobs
from riffbot.web.rate_limit import RateLimiter
from riffbot.web.request_deadlines import body_deadline, head_deadline
from riffbot.web.routes import (
    activity,
    health,
    info,
    jam_audio,
    jam_controls,
    jam_socket,
    jams,
    jobs,
    pages,
    painting,
    riffs,
    riffusion,
)
from riffbot.web.serializers import serialize_jam
from riffbot.web.spectrogram_cache import SpectrogramCache

ROUTES: tuple[web.RouteTableDef, ...] = (
    pages.routes,
    painting.routes,  # before riffs, whose `/api/riffs/{id}/{file}` matches a sheet's address, too
    riffs.routes,
    jobs.routes,
    info.routes,
    jams.routes,
    jam_socket.routes,
    jam_audio.routes,
    jam_controls.routes,
    activity.routes,
    riffusion.routes,
    health.routes,
)
"""All routes; the first that matches an address is taken."""


def create_app(services: Services) -> web.Application:
    """Make the application. It does not close the services: the caller does."""
    settings = services.settings
    app = web.Application(
        # The outermost first. The head's deadline is met before anything else happens; then every
        # middleware sees the address that the proxies report, and errors get headers, too.
        middlewares=[
            name_requests,
            head_deadline,
            visitors.trust_proxies(settings),
            add_security_headers,
            access.add_cors_headers,
            errors_as_json,
            body_deadline,
            access.host_and_site_check(settings.host, settings.public_url),
            visitors.visitor_cookie(settings),
        ],
        client_max_size=MAX_BODY,
        # Bodies are decompressed where they are read (request_reader.py), within a limit: aiohttp
        # would decompress those as well that nobody reads.
        handler_args={"auto_decompress": False},
    )
    silence_broken_requests()
    app[keys.SERVICES] = services
    app[keys.STARTED_AT] = time.monotonic()
    app[CONNECTIONS] = []
    _set_up_access(app, settings)
    _set_up_limits(app, services)
    _set_up_state(app, services)
    for routes in ROUTES:
        app.add_routes(routes)
    app.on_shutdown.append(_end_streams)
    return app


def _set_up_access(app: web.Application, settings: Settings) -> None:
    visitors.install_cookie_key(app)
    found = activity.Activity.from_settings(settings)
    app[activity.ACTIVITY] = [] if found is None else [found]
    app[access.ACTIVITY_ORIGINS] = frozenset() if found is None else frozenset({found.origin})
    app[access.CORS_ORIGINS] = frozenset(settings.cors_origins)
    app[access.HOST] = settings.host
    app[access.OWNER_KEY] = secrets.token_urlsafe(32)


def _set_up_limits(app: web.Application, services: Services) -> None:
    app[keys.CREATE_LIMIT] = RateLimiter()
    app[keys.READ_LIMIT] = RateLimiter(burst=120, every_s=0.25)
    app[keys.FILE_LIMIT] = RateLimiter(burst=600, every_s=0.1)
    app[keys.SHEET_LIMIT] = RateLimiter(burst=60, every_s=1.0)
    app[keys.JAM_START_LIMITER] = JamStartLimiter(has_riffs=lambda: services.engine.has_clips)
    app[keys.DECODE_LOCK] = asyncio.Semaphore()
    app[keys.UPLOAD_SLOTS] = FileSlots(1)


def _set_up_state(app: web.Application, services: Services) -> None:
    app[keys.JOBS] = PageJobs(services.clip_service, services.library)
    app[keys.BROADCASTER] = Broadcaster(services.settings.page_listeners, serialize_jam)
    app[keys.JAM_RESTORER] = JamRestorer(services)
    app[keys.SPECTROGRAMS] = SpectrogramCache(services, app[keys.DECODE_LOCK])


async def _end_streams(app: web.Application) -> None:
    """End all responses without an end: the server would wait for them when it stops."""
    # A job's last event ends its event stream.
    await app[keys.JOBS].close()
    app[keys.BROADCASTER].close()
    for session in app[keys.SERVICES].jams.all():
        session.ring.end_listeners()
