"""`/jam/<id>`: listen to a jam in a browser; `/`: start a private one.

| | |
| --- | --- |
| `GET /api/jams` | the jams that play or are paused, for the owner only |
| `POST /api/jams` | start a private one (`bodies.NewJam`); `instead_of`: the id of one to end |
| `GET /api/jams/<id>` | its status (`schema.JamStatus`) |
| `GET /api/jams/<id>/picture.png` | the plot of the chunk that is heard |
| `DELETE /api/jams/<id>` | end it: private jams only |

Sound is in `jam_socket.py` and `jam_audio.py`, votes and changes in `jam_controls.py`.

Anyone with the link of a private jam may control it; its id has 60 random bits. Anyone with the
link of a server's jam may listen and store excerpts, and may vote where the server lets anyone
steer (`/server settings`); all other changes are made by members in Discord.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from audio.plot import encode_plot
from riffbot.errors import NotFound, Refused
from riffbot.jam.starting import build_path
from riffbot.web import bodies, schema
from riffbot.web.access import is_stranger
from riffbot.web.errors import RateLimited
from riffbot.web.jam_creation import start_private_jam
from riffbot.web.jam_requests import (
    get_jam,
    get_private_jam,
    get_voter,
    jam_response,
    no_jam_response,
)
from riffbot.web.keys import BROADCASTER, CREATE_LIMIT, JAM_RESTORER, SERVICES
from riffbot.web.request_reader import read_body
from riffbot.web.routes.pages import jam_page
from riffbot.web.serializers import is_private
from riffbot.web.submission import check_sources

routes = web.RouteTableDef()


@routes.get("/jam/{id}")
async def page(request: web.Request) -> web.Response:
    """Return the page; its script handles a jam that has ended."""
    return await asyncio.to_thread(jam_page, request, "../")


@routes.get("/api/jams")
async def list_jams(request: web.Request) -> web.Response:
    """List the jams that play or are paused, to the owner; to strangers an empty list."""
    jams = [] if is_stranger(request) else request.app[SERVICES].jams.all()
    body = schema.JamList(jams=[request.app[BROADCASTER].get_status(jam) for jam in jams])
    return web.json_response(body)


@routes.post("/api/jams")
async def start(request: web.Request) -> web.Response:
    """Start a private jam."""
    request.app[CREATE_LIMIT].take(request.remote or "")
    body = await read_body(request, bodies.NewJam)
    options = body.options()
    services = request.app[SERVICES]
    if body.seed_image is not None and body.seed_image.startswith("sha256:"):
        await check_sources(request, [body.seed_image])
    # A seed image that cannot be used is refused before anything is made.
    await asyncio.to_thread(build_path, services.images, options)
    old = services.jams.get_by_id(body.instead_of) if body.instead_of else None
    replaces = old if old is not None and is_private(old) else None
    try:
        session = await start_private_jam(request, get_voter(request), options, replaces)
    except RateLimited:
        raise
    except Refused as error:
        return no_jam_response(error)
    return jam_response(request, session, 201)


@routes.get("/api/jams/{id}")
async def get_one(request: web.Request) -> web.Response:
    """Return a jam's status; browsers' first request, which restores a jam after a restart."""

    def admit() -> None:
        request.app[CREATE_LIMIT].take(request.remote or "")

    try:
        session = await request.app[JAM_RESTORER].find(request.match_info["id"], admit)
    except RateLimited:
        raise
    except Refused as error:
        return no_jam_response(error)
    response = jam_response(request, session)
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.get("/api/jams/{id}/picture.png")
async def plot(request: web.Request) -> web.Response:
    """Return the plot of the chunk that plays."""
    status = get_jam(request).status()
    if status.spectrogram is None:
        raise NotFound("Nothing is heard yet.")
    png = await asyncio.to_thread(
        encode_plot, status.spectrogram, title=status.current_prompt, bpm=status.bpm
    )
    return web.Response(body=png, content_type="image/png", headers={"Cache-Control": "no-store"})


@routes.delete("/api/jams/{id}")
async def stop(request: web.Request) -> web.Response:
    """End a private jam."""
    session = get_private_jam(request)
    await session.stop()
    return web.json_response(schema.JamStopped(id=session.id))
