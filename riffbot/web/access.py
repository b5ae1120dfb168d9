"""Access control: which sites' pages may send requests, and who is the owner.

The page has no log-in and listens on this computer only, but a browser on this computer also shows
strangers' pages. So a request that changes something must come from our own page (or from no page
at all), in JSON, which a form on another site cannot send; and on a loopback address the Host must
be one of this computer's names, or a stranger's domain that suddenly resolves to 127.0.0.1 could
read the library (DNS rebinding).
"""

from __future__ import annotations

import secrets
from urllib.parse import SplitResult, urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from riffbot.web.errors import error_response

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

ACTIVITY_ORIGINS = web.AppKey("activity_origins", frozenset[str])
"""Origins of our own page inside Discord (riffbot/web/routes/activity.py)."""

OWNER_KEY = web.AppKey("owner_key", str)
"""The secret in the owner's link, which is printed where strangers may call; new at every start."""

OWNER_COOKIE = "riffbot-owner"
"""Name of the cookie that holds the owner's key."""

CORS_PATHS = frozenset({"/run_inference/"})
"""Addresses that other sites' pages may use where the owner names them (`cors_origins`)."""

CORS_ORIGINS = web.AppKey("cors_origins", frozenset[str])
"""The owner's setting `cors_origins`; `*` is every site."""

HOST = web.AppKey("host", str)
"""What the server listens on."""

PROXY_HEADERS = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")

# -- middlewares -----------------------------------------------------------------------------------


def host_and_site_check(host: str, public_url: str | None = None) -> Middleware:
    """A middleware that refuses unknown host names and other sites' requests.

    Args:
        host: what the server listens on; names are checked only where that is a loopback address.
        public_url: the address that a proxy makes of it.
    """
    is_local = host in LOOPBACK_NAMES
    known = LOOPBACK_NAMES | {host}
    if public_url is not None and (public := _split(public_url).hostname):
        known |= {public}

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = _split(f"//{request.host}").hostname
        if is_local and name not in known:
            return error_response(
                f"RiffBot answers here as localhost, not as “{name}”; RIFFBOT_HOST opens it wider.",
                421,
            )
        if request.path in CORS_PATHS:  # which check by themselves: other sites may be let in
            return await handler(request)
        if request.method not in ("GET", "HEAD") and (refusal := _check_site(request)):
            return refusal
        return await handler(request)

    return check


@web.middleware
async def add_cors_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Add CORS headers to every response of a shared address, errors included: without them a
    browser keeps the response from the other site's page and calls it a network error."""
    response = await handler(request)
    if request.path not in CORS_PATHS or response.prepared:
        return response
    if origin := get_allowed_origin(request):
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


# -- questions about a request ---------------------------------------------------------------------


def get_allowed_origin(request: web.Request) -> str | None:
    """The other site's origin, if the owner allows it; None for all others."""
    allowed, origin = request.app[CORS_ORIGINS], request.headers.get("Origin")
    if origin is None or not origin.isascii():  # no origin has other characters (RFC 6454)
        return None
    return origin if "*" in allowed or origin in allowed else None


def is_cross_site(request: web.Request) -> bool:
    """Whether another site's page sent this; holds for a WebSocket's request, too."""
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "none")
    if origin is not None and origin in request.app.get(ACTIVITY_ORIGINS, ()):
        return False
    return site not in ("same-origin", "none") or (
        origin is not None and _split(origin).netloc != request.host
    )


def is_stranger(request: web.Request) -> bool:
    """Whether this may come from somebody else than the owner. To strangers nothing is listed:
    they need the link of a riff or a jam, whose 60 random bits cannot be guessed.

    Discord fetches an Activity from anywhere, through whatever tunnel, so there everybody is a
    stranger who did not open the owner's link.
    """
    if has_owner_key(request):
        return False
    return bool(request.app[ACTIVITY_ORIGINS]) or not is_local_owner(request, request.app[HOST])


def is_local_owner(request: web.Request, host: str) -> bool:
    """Whether this comes from somebody at this computer, who may see what strangers may not.

    Args:
        host: what the server listens on. Where it is open to others, everybody is a stranger: a
            proxy on this computer, too, calls from a loopback address.
    """
    is_forwarded = any(name in request.headers for name in PROXY_HEADERS)
    by_local_name = _split(f"//{request.host}").hostname in LOOPBACK_NAMES  # not the public one
    return (
        host in LOOPBACK_NAMES
        and request.remote in LOOPBACK_NAMES
        and by_local_name
        and not is_forwarded
    )


def has_owner_key(request: web.Request) -> bool:
    """Whether this comes from a browser that opened the owner's link (`/owner?key=`)."""
    return is_owner_key(request.app, request.cookies.get(OWNER_COOKIE, ""))


def is_owner_key(app: web.Application, given: str) -> bool:
    """Whether a text is the owner's key, compared in constant time."""
    # A header's bytes that are no UTF-8 come as halves of surrogate pairs.
    data = given.encode(errors="surrogateescape")
    return secrets.compare_digest(data, app[OWNER_KEY].encode())


def _check_site(request: web.Request) -> web.Response | None:
    """The refusal, if another site's page or form sent this."""
    if is_cross_site(request):
        return error_response("Only RiffBot's own page may ask for that.", 403)
    if request.content_type != "application/json":
        return error_response("Send JSON, with Content-Type: application/json.", 415)
    return None


def _split(url: str) -> SplitResult:
    """The URL's parts; those of a malformed one are empty."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")
