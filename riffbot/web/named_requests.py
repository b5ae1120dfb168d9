"""Gives each HTTP request an id, by which the log can be searched."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from riffbot.request_id import begin_request

HEADER = "X-Request-Id"


@web.middleware
async def name_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Begin a request; its id is in the answer's header `X-Request-Id` and in the log."""
    request_id = begin_request()
    response = await handler(request)
    if not response.prepared:  # a stream has sent its headers
        response.headers[HEADER] = request_id
    return response
