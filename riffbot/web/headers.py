"""HTTP headers: the security headers of every response, and how long browsers may keep it."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "media-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

IMMUTABLE = "private, max-age=31536000, immutable"
"""Cache-Control of a riff's files, which never change: another riff has another id."""

STREAM_HEADERS = {**SECURITY_HEADERS, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""Of a response without an end, which sends its headers itself; no proxy may hold it back."""


@web.middleware
async def add_security_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Add the headers to every response; a stream has sent its own already."""
    response = await handler(request)
    if not response.prepared:
        # What a handler has set itself stays.
        response.headers.update({**SECURITY_HEADERS, **response.headers})
    return response
