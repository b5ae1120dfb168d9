"""Identifies visitors by cookie or address, also behind a proxy.

The page has no log-in. A browser that opens it gets a random, signed cookie, and each browser has
turns and places in the queue as a member of a server has; one without a cookie is identified by its
address. All visitors of one network (an IPv4 address, or a /64 of IPv6) share what one member has,
so deleting cookies gains nothing.

The address is that of the connection. Behind a proxy that the owner names in
`RIFFBOT_TRUSTED_PROXIES` it is the one in X-Forwarded-For, which is ignored from
anybody else.
"""

from __future__ import annotations

import hmac
import re
import secrets
from hashlib import blake2b
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from riffbot.inference.job import Requester
from riffbot.settings import Network, Settings
from riffbot.web.ip_addresses import get_network, is_in_networks, parse_forwarded_hop

VISITOR_COOKIE = "riffbot-visitor"

PAGE_GUILD_ID = 0
"""In place of a server's id: in the queue the page takes turns with the servers, as one of them."""

_KEY = web.AppKey("visitors_key", bytes)
_ID, _MAC = 16, 16
_COOKIE = re.compile(rf"[0-9a-f]{{{2 * (_ID + _MAC)}}}")
_HOPS = 32
"""Addresses of X-Forwarded-For that are read, from the nearest on."""


def install_cookie_key(app: web.Application) -> None:
    """Make the key that an application's cookies are signed with, new at every start."""
    app[_KEY] = secrets.token_bytes(32)


def get_requester(request: web.Request) -> Requester:
    """Return the requester whose turns in the queue the jobs of an HTTP request take.

    Ids of visitors are negative, Discord's are not. One network always has the same
    `Requester.network`, whichever cookie it shows.
    """
    key, address = request.app[_KEY], get_network(request.remote or "")
    shown = _read_cookie(request)
    name = shown.encode() if shown is not None else b"address " + address.encode()
    return Requester(-2 - _hash(key, name), PAGE_GUILD_ID, network=_hash(key, address.encode()))


def trust_proxies(settings: Settings) -> Middleware:
    """A middleware that sets each request's address and scheme to those of its browser."""
    trusted = settings.trusted_proxies

    @web.middleware
    async def apply_forwarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not trusted or not is_in_networks(request.remote, trusted):
            return await handler(request)
        client = _find_client(request, trusted)
        scheme = _last_entry(request.headers.get("X-Forwarded-Proto", "")).lower()
        if scheme not in ("http", "https"):
            scheme = request.scheme
        return await handler(request.clone(remote=client, scheme=scheme))

    return apply_forwarded


def visitor_cookie(settings: Settings) -> Middleware:
    """A middleware that sets the visitor's cookie when a browser opens an HTML page."""

    @web.middleware
    async def set_cookie(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        page = response.content_type == "text/html" and not response.prepared
        if page and response.status == 200 and _read_cookie(request) is None:
            visitor = secrets.token_hex(_ID)
            response.set_cookie(
                VISITOR_COOKIE,
                visitor + _signature(request.app[_KEY], visitor),
                httponly=True,
                samesite="Lax",
                secure=is_secure(request, settings),
            )
        return response

    return set_cookie


def is_secure(request: web.Request, settings: Settings) -> bool:
    """Whether the browser uses HTTPS, which may end at a proxy."""
    public = urlsplit(settings.public_url or "")
    by_public_url = public.scheme == "https" and request.host == public.netloc
    return request.secure or by_public_url


def _read_cookie(request: web.Request) -> str | None:
    """The visitor's id in the cookie; None without one, or where its signature is wrong."""
    given = request.cookies.get(VISITOR_COOKIE, "")
    if not _COOKIE.fullmatch(given):
        return None
    visitor, signature = given[: 2 * _ID], given[2 * _ID :]
    signed = _signature(request.app[_KEY], visitor)
    return visitor if hmac.compare_digest(signature, signed) else None


def _signature(key: bytes, visitor: str) -> str:
    return blake2b(visitor.encode(), key=key, digest_size=_MAC, person=b"visitor").hexdigest()


def _hash(key: bytes, name: bytes) -> int:
    """A keyed hash of 62 bits, from which the name cannot be recovered."""
    return int.from_bytes(blake2b(name, key=key, digest_size=8).digest()) >> 2


def _find_client(request: web.Request, trusted: tuple[Network, ...]) -> str:
    """The nearest address that is no trusted proxy. Those before it may be forged."""
    client = request.remote or ""
    hops = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    for hop in reversed(hops[-_HOPS:]):
        address = parse_forwarded_hop(hop)
        if address is None:
            break
        client = address
        if not is_in_networks(address, trusted):
            break
    return client


def _last_entry(header: str) -> str:
    return header.rpartition(",")[2].strip()
