"""Errors as HTTP: which status each has, and the JSON body `{"error": one sentence}`."""

from __future__ import annotations

import logging
import math

from aiohttp import web
from aiohttp.typedefs import Handler

from audio.errors import AudioError
from riffbot.errors import (
    BadRequest,
    Cancelled,
    Conflict,
    Disallowed,
    ModelError,
    NotFound,
    Refused,
    RiffBotError,
    StorageError,
    Unavailable,
)
from riffbot.web.schema import ErrorResponse

log = logging.getLogger(__name__)

MAX_BODY = 64 * 1024
"""Bytes of a request's body, where a route does not say otherwise."""


class RateLimited(Refused):
    """More requests than one network may send (`rate_limit.py`)."""


class BodyTooLarge(BadRequest):
    """A request's body is longer than its route takes."""


STATUS: tuple[tuple[type[Exception], int], ...] = (
    (NotFound, 404),
    (BodyTooLarge, 413),
    (BadRequest, 400),
    (RateLimited, 429),
    (Refused, 503),
    (Disallowed, 403),
    (Cancelled, 409),
    (Conflict, 409),
    (ModelError, 503),
    (Unavailable, 503),
    (StorageError, 507),
    (RiffBotError, 500),
    (AudioError, 500),
)
"""The first class that fits counts, so subclasses stand before their bases."""

CLIENT_CLOSED_REQUEST = 499
"""The status of a response that nobody waits for any more (nginx's number)."""

SENTENCES = {
    404: "There is nothing at this address.",
    405: "This address does not answer that method.",
    413: f"That is too much: please stay under {MAX_BODY // 1024} KB.",
}
"""For errors that aiohttp itself raises."""


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into `{"error": one sentence}`; a bug is logged with its traceback."""
    try:
        _check_dates(request)
        response = await handler(request)
    except web.HTTPRedirection:
        raise
    except web.HTTPException as error:
        sentence = SENTENCES.get(error.status, f"{error.reason}.")
        response = error_response(sentence, error.status)
    except ConnectionError as error:
        # Browsers leave at any moment; that is no fault of ours and nothing for the log.
        if is_disconnected(request):
            response = web.Response(status=CLIENT_CLOSED_REQUEST)
        else:
            response = _respond(request, error)
    except Exception as error:
        response = _respond(request, error)
    return response


def error_response(sentence: str, status: int) -> web.Response:
    """An error as the page expects it."""
    return web.json_response(ErrorResponse(error=sentence), status=status)


def set_retry_after(response: web.Response, error: Refused) -> None:
    """Tell the browser when to try again, where the refusal knows it."""
    if error.wait_s:
        response.headers["Retry-After"] = str(math.ceil(error.wait_s))


def is_disconnected(request: web.Request) -> bool:
    """Whether the connection is lost, so that no response can arrive."""
    return request.transport is None or request.transport.is_closing()


def _check_dates(request: web.Request) -> None:
    """Raise BadRequest for a date in a header that no calendar has: aiohttp fails on some while it
    sends a file, when no error response can be sent any more."""
    try:
        _ = request.if_modified_since, request.if_unmodified_since, request.if_range
    except (ValueError, OverflowError) as error:
        raise BadRequest("A date in the request's headers is none.") from error


def _respond(request: web.Request, error: Exception) -> web.Response:
    for kind, status in STATUS:
        if isinstance(error, kind):
            response = error_response(str(error), status)
            if isinstance(error, Refused):
                set_retry_after(response, error)
            return response
    log.error("%s %s broke", request.method, request.path, exc_info=error)
    return error_response("Something broke in RiffBot; its log has the details.", 500)
