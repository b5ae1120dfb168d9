"""What the routes of a jam share: the jam in the address, the voter, the response."""

from __future__ import annotations

import hashlib
import secrets

from aiohttp import web

from riffbot.errors import BadRequest, NotFound, Refused
from riffbot.jam.session import JamSession
from riffbot.jam.types import LOCAL_USER, Participant
from riffbot.web import schema
from riffbot.web.access import LOOPBACK_NAMES
from riffbot.web.errors import set_retry_after
from riffbot.web.ip_addresses import get_network
from riffbot.web.keys import BROADCASTER, SERVICES
from riffbot.web.serializers import is_private

_SALT = secrets.token_bytes(16)


def get_jam(request: web.Request) -> JamSession:
    """The jam in the address. Raises NotFound when it is over."""
    session = request.app[SERVICES].jams.get_by_id(request.match_info["id"])
    if session is None:
        raise NotFound("This jam is over.")
    return session


def get_private_jam(request: web.Request) -> JamSession:
    """The private jam in the address. Raises NotFound, and BadRequest for a server's jam."""
    session = get_jam(request)
    if not is_private(session):
        raise BadRequest("This jam is a server's: its members decide that in Discord.")
    return session


def get_voter(request: web.Request) -> Participant:
    """Whose vote this is. All browsers of one network (an IPv4 address, or a /64 of IPv6) share one
    vote, so that nobody can stuff the ballot; the address itself is not kept."""
    remote = request.remote or ""
    if remote in LOOPBACK_NAMES:
        return LOCAL_USER
    digest = hashlib.blake2b(get_network(remote).encode(), key=_SALT, digest_size=6).digest()
    return Participant(-1 - int.from_bytes(digest, "big"), "a listener")


def jam_response(request: web.Request, session: JamSession, status: int = 200) -> web.Response:
    """A jam's status as a response."""
    body = schema.JamResponse(jam=request.app[BROADCASTER].get_status(session))
    return web.json_response(body, status=status)


def no_jam_response(error: Refused) -> web.Response:
    """Why no jam can play, and what still works: the page offers a single riff instead."""
    body = schema.ErrorResponse(error=str(error), offer="riff")
    response = web.json_response(body, status=503)
    set_retry_after(response, error)
    return response
