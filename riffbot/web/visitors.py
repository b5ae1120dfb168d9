"""Who sits at the other end: a visitor by cookie or by address, also behind a proxy.

The page has no log-in. A browser that opens it gets a random, signed cookie, and each browser has
turns and places in line as a member of a server has; who sends none is known by address. All who
come from one network (an IPv4 address, or the /64 that one line of IPv6 has) share what one member
has, so cookies that are thrown away win nothing.

Addresses are those of the connection. Behind a proxy they are what it says, where the owner names
it in `RIFFBOT_TRUSTED_PROXIES`; anybody else's X-Forwarded-For is not believed.
"""

from __future__ import annotations

import hmac
import re
import secrets
from hashlib import blake2b
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from riffbot.inference.job import Owner
from riffbot.settings import Network, Settings
from riffbot.web.addresses import forwarded, is_in, network_of

VISITOR_COOKIE = "riffbot-visitor"

PAGE = 0
"""In place of a server's id: the page takes turns with the servers as one of them."""

_KEY = web.AppKey("visitors_key", bytes)
_ID, _MAC = 16, 16
_COOKIE = re.compile(rf"[0-9a-f]{{{2 * (_ID + _MAC)}}}")
_HOPS = 32
"""Addresses of X-Forwarded-For that are looked at, from the nearest on."""


def prepare(app: web.Application) -> None:
    """Give an application the key that its cookies are signed with, new with every start."""
    app[_KEY] = secrets.token_bytes(32)


def owner_of(request: web.Request) -> Owner:
    """Whose turns a request's clips are made in. Ids of visitors are negative: Discord's are not.

    One network always has the same `Owner.network`, whichever cookie it shows.
    """
    key, address = request.app[_KEY], network_of(request.remote or "")
    shown = _visitor(request)
    name = shown.encode() if shown is not None else b"address " + address.encode()
    return Owner(-2 - _number(key, name), PAGE, network=_number(key, address.encode()))


def behind_proxies(settings: Settings) -> Middleware:
    """A middleware that gives every request the address and the scheme that its browser has."""
    trusted = settings.trusted_proxies

    @web.middleware
    async def believe(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not trusted or not is_in(request.remote, trusted):
            return await handler(request)
        client = _client(request, trusted)
        scheme = _last(request.headers.get("X-Forwarded-Proto", "")).lower()
        if scheme not in ("http", "https"):
            scheme = request.scheme
        return await handler(request.clone(remote=client, scheme=scheme))

    return believe


def with_visitor(settings: Settings) -> Middleware:
    """A middleware that gives a browser which opens a page its cookie."""

    @web.middleware
    async def name(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        page = response.content_type == "text/html" and not response.prepared
        if page and response.status == 200 and _visitor(request) is None:
            visitor = secrets.token_hex(_ID)
            response.set_cookie(
                VISITOR_COOKIE,
                visitor + _signature(request.app[_KEY], visitor),
                httponly=True,
                samesite="Lax",
                secure=is_secure(request, settings),
            )
        return response

    return name


def is_secure(request: web.Request, settings: Settings) -> bool:
    """Whether the browser came by TLS, which may have ended at a proxy."""
    public = urlsplit(settings.public_url or "")
    by_public_url = public.scheme == "https" and request.host == public.netloc
    return request.secure or by_public_url


def _visitor(request: web.Request) -> str | None:
    """The visitor that a cookie names; None without one, or where it is not signed by us."""
    given = request.cookies.get(VISITOR_COOKIE, "")
    if not _COOKIE.fullmatch(given):
        return None
    visitor, signature = given[: 2 * _ID], given[2 * _ID :]
    signed = _signature(request.app[_KEY], visitor)
    return visitor if hmac.compare_digest(signature, signed) else None


def _signature(key: bytes, visitor: str) -> str:
    return blake2b(visitor.encode(), key=key, digest_size=_MAC, person=b"visitor").hexdigest()


def _number(key: bytes, name: bytes) -> int:
    """A number of 62 bits for a name, from which the name cannot be found."""
    return int.from_bytes(blake2b(name, key=key, digest_size=8).digest()) >> 2


def _client(request: web.Request, trusted: tuple[Network, ...]) -> str:
    """The nearest address that is no proxy of ours. What stands before it anybody may invent."""
    client = request.remote or ""
    hops = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
    for hop in reversed(hops[-_HOPS:]):
        address = forwarded(hop)
        if address is None:
            break
        client = address
        if not is_in(address, trusted):
            break
    return client


def _last(header: str) -> str:
    return header.rpartition(",")[2].strip()
