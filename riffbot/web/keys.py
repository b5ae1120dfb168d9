"""The keys of what `create_app` puts into the aiohttp application, for the routes to use.

Keys of access control stand in `access.py`, those of connections in `connections.py`.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from riffbot.file_threads import FileSlots
from riffbot.services import Services
from riffbot.web.broadcaster import Broadcaster
from riffbot.web.jam_restore import JamRestorer
from riffbot.web.jam_start_limits import JamStartLimiter
from riffbot.web.page_jobs import PageJobs
from riffbot.web.rate_limit import RateLimiter
from riffbot.web.spectrogram_cache import SpectrogramCache

SERVICES = web.AppKey("services", Services)
JOBS = web.AppKey("jobs", PageJobs)
STARTED_AT = web.AppKey("started_at", float)
"""`time.monotonic` when the application was made."""

# -- limits for each network -----------------------------------------------------------------------

CREATE_LIMIT = web.AppKey("create_limit", RateLimiter)
"""For everything that takes the engine's time or writes to the library."""

READ_LIMIT = web.AppKey("read_limit", RateLimiter)
"""For lists of riffs, single riffs and jobs: each is some database queries."""

FILE_LIMIT = web.AppKey("file_limit", RateLimiter)
"""For riffs' files: a page of a hundred riffs asks for a hundred pictures at once."""

SHEET_LIMIT = web.AppKey("sheet_limit", RateLimiter)
"""The limit for sheets and whole spectrograms, apart from `CREATE_LIMIT`: a visitor who opens many
riffs may still make one."""

# -- jams ------------------------------------------------------------------------------------------

BROADCASTER = web.AppKey("broadcaster", Broadcaster)
JAM_RESTORER = web.AppKey("jam_restorer", JamRestorer)
JAM_START_LIMITER = web.AppKey("jam_start_limiter", JamStartLimiter)

# -- pictures --------------------------------------------------------------------------------------

SPECTROGRAMS = web.AppKey("spectrograms", SpectrogramCache)

DECODE_LOCK = web.AppKey("decode_lock", asyncio.Semaphore)
"""Held while a picture or a sound of the page's is decoded: many visitors share one core."""

UPLOAD_SLOTS = web.AppKey("upload_slots", FileSlots)
"""For pictures that visitors send: only a few may wait for the threads that read files."""
