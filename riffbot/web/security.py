"""What stands before every handler: who may come in, how often, and how errors are told.

The page has no log-in and listens on this computer only, but a browser on this computer also shows
strangers' pages. So a request that changes something must come from our own page (or from no page
at all), in JSON, which a form on another site cannot send; and on a loopback address the Host must
be one of this computer's names, or a stranger's domain that suddenly resolves to 127.0.0.1 could
read the library (DNS rebinding).
"""

from __future__ import annotations

import logging
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from audio.errors import AudioError
from riffbot.errors import (
    BadRequest,
    Cancelled,
    Conflict,
    ModelError,
    NotFound,
    Refused,
    RiffBotError,
    StorageError,
    Unavailable,
)
from riffbot.web.addresses import network_of

if TYPE_CHECKING:  # schema.py reads requests by way of this module
    from riffbot.web.schema import ErrorResponse

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
MAX_BODY = 64 * 1024

OURS = web.AppKey("ours", frozenset[str])
"""Origins that are our own page under another name (riffbot/web/routes/activity.py)."""

OWNERS_KEY = web.AppKey("owners_key", str)
"""What RiffBot prints for its owner where strangers may call; new with every start."""

OWNER = "riffbot-owner"
"""The cookie that has it."""

SHARED = frozenset({"/run_inference/"})
"""Addresses that other sites' pages may use where the owner names them (`cors_origins`)."""

ORIGINS = web.AppKey("origins", frozenset[str])
"""The owner's `cors_origins`; `*` is every site."""

HEADERS = {
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


class TooMany(Refused):
    """More requests than one address may send."""


class TooLarge(BadRequest):
    """More in one request than this address takes."""


STATUS: tuple[tuple[type[Exception], int], ...] = (
    (NotFound, 404),
    (TooLarge, 413),
    (BadRequest, 400),
    (TooMany, 429),
    (Refused, 503),
    (Cancelled, 409),
    (Conflict, 409),
    (ModelError, 503),
    (Unavailable, 503),
    (StorageError, 507),
    (RiffBotError, 500),
    (AudioError, 500),
)
"""The first that fits counts."""

GONE = 499
"""The status of an answer that nobody waits for any more."""

SENTENCES = {
    404: "There is nothing at this address.",
    405: "This address does not answer that method.",
    413: f"That is too much: please stay under {MAX_BODY // 1024} KB.",
}


@web.middleware
async def errors_as_sentences(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error is `{"error": one sentence}`; a bug is logged and told calmly."""
    try:
        _check_dates(request)
        response = await handler(request)
    except web.HTTPRedirection:
        raise
    except web.HTTPException as error:
        response = told(SENTENCES.get(error.status, f"{error.reason}."), error.status)
    except ConnectionError as error:
        # Browsers leave at any moment; that is no fault of ours and nothing for the log.
        response = web.Response(status=GONE) if gone(request) else _answer(request, error)
    except Exception as error:
        response = _answer(request, error)
    return response


def _check_dates(request: web.Request) -> None:
    """Raise BadRequest for a date in a header that no calendar has: aiohttp stumbles over some
    while it sends a file, where nobody could answer any more."""
    try:
        _ = request.if_modified_since, request.if_unmodified_since, request.if_range
    except (ValueError, OverflowError) as error:
        raise BadRequest("A date in the request's headers is none.") from error


@web.middleware
async def with_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The security headers of every answer; a stream has sent its own already."""
    response = await handler(request)
    if not response.prepared:
        # What a handler has set is a closer look.
        response.headers.update({**HEADERS, **response.headers})
    return response


@web.middleware
async def open_to_origins(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The CORS headers of every answer of a shared address, errors included: without them a browser
    keeps the answer from the other site's page and calls it a network error."""
    response = await handler(request)
    if request.path in SHARED and not response.prepared and (origin := allowed_origin(request)):
        response.headers.update(
            {
                "Access-Control-Allow-Origin": origin,
                "Access-Control-Allow-Headers": "Content-Type",
                "Access-Control-Allow-Methods": "POST, OPTIONS",
                "Access-Control-Expose-Headers": "Retry-After",
                "Cross-Origin-Resource-Policy": "cross-origin",
                "Vary": "Origin",
            }
        )
    return response


def allowed_origin(request: web.Request) -> str | None:
    """The other site's origin, if the owner lets its pages in; None for everybody else."""
    allowed, origin = request.app[ORIGINS], request.headers.get("Origin")
    if origin is None or not origin.isascii():  # no origin has other characters (RFC 6454)
        return None
    return origin if "*" in allowed or origin in allowed else None


def gone(request: web.Request) -> bool:
    """Whether the connection is lost, so that no answer can arrive."""
    return request.transport is None or request.transport.is_closing()


def told(sentence: str, status: int) -> web.Response:
    """An error as the page expects it."""
    body: ErrorResponse = {"error": sentence}
    return web.json_response(body, status=status)


def _answer(request: web.Request, error: Exception) -> web.Response:
    for kind, status in STATUS:
        if isinstance(error, kind):
            response = told(str(error), status)
            if isinstance(error, Refused) and error.wait_s:
                response.headers["Retry-After"] = str(math.ceil(error.wait_s))
            return response
    log.error("%s %s broke", request.method, request.path, exc_info=error)
    return told("Something broke in RiffBot; its log has the details.", 500)


def only_at_home(host: str, public_url: str | None = None) -> Middleware:
    """A middleware that refuses strangers' names and other sites' requests.

    Args:
        host: what the server listens on; names are checked only where that is a loopback address.
        public_url: the address that a proxy makes of it.
    """
    local = host in LOOPBACK
    known = LOOPBACK | {host}
    if public_url is not None and (public := _netloc(public_url).hostname):
        known |= {public}

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = _netloc(f"//{request.host}").hostname
        if local and name not in known:
            return told(
                f"RiffBot answers here as localhost, not as “{name}”; RIFFBOT_HOST opens it wider.",
                421,
            )
        if request.path in SHARED:  # asks by itself: other sites may be let in there
            return await handler(request)
        if request.method not in ("GET", "HEAD") and (refusal := _foreign(request)):
            return refusal
        return await handler(request)

    return check


FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")


def by_the_owner(request: web.Request, host: str) -> bool:
    """Whether this comes from whoever sits at this machine, who may know what strangers may not.

    Args:
        host: what the server listens on. Where it is open to others, everybody is a stranger: a
            proxy on this machine, too, calls from a loopback address.
    """
    passed_on = any(name in request.headers for name in FORWARDED)
    at_home = _netloc(f"//{request.host}").hostname in LOOPBACK  # and not by its public name
    return host in LOOPBACK and request.remote in LOOPBACK and at_home and not passed_on


def has_the_key(request: web.Request) -> bool:
    """Whether this comes from a browser that opened the owner's link (`/owner?key=`)."""
    given = request.cookies.get(OWNER, "")
    # A header's bytes that are no UTF-8 come as halves of surrogate pairs.
    key = request.app[OWNERS_KEY].encode()
    return secrets.compare_digest(given.encode(errors="surrogateescape"), key)


def _netloc(url: str) -> SplitResult:
    """The URL's parts; a malformed one belongs to nobody."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _foreign(request: web.Request) -> web.Response | None:
    """The refusal, if another site's page sent this."""
    if from_elsewhere(request):
        return told("Only RiffBot's own page may ask for that.", 403)
    if request.content_type != "application/json":
        return told("Send JSON, with Content-Type: application/json.", 415)
    return None


def from_elsewhere(request: web.Request) -> bool:
    """Whether another site's page sent this; a WebSocket's request says so, too."""
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "none")
    if origin is not None and origin in request.app.get(OURS, ()):
        return False
    return site not in ("same-origin", "none") or (
        origin is not None and _netloc(origin).netloc != request.host
    )


class Allowance:
    """A bucket of requests for each address (of IPv6: each /64), refilled steadily.

    Args:
        burst: how many at once.
        every_s: seconds until one more is allowed.
    """

    REMEMBERED = 4096

    def __init__(self, burst: int = 20, every_s: float = 2.0) -> None:
        self._burst = burst
        self._every_s = every_s
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str) -> None:
        """Take one. Raises Refused when the bucket is empty."""
        address = network_of(address)
        now = time.monotonic()
        left, since = self._left.pop(address, (float(self._burst), now))
        left = min(self._burst, left + (now - since) / self._every_s)
        granted = left >= 1
        self._left[address] = (left - granted, now)
        if len(self._left) > self.REMEMBERED:
            self._left.popitem(last=False)
        if not granted:
            wait = (1 - left) * self._every_s
            raise TooMany("That was a lot at once; please wait a moment.", wait_s=wait)
