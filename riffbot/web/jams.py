"""`/jam/<id>`: listen to a jam in a browser and steer it.

| | |
| --- | --- |
| `GET /jam/<id>` | the page |
| `GET /api/jams` | the jams that play |
| `GET /api/jams/<id>` | what plays, what comes, how the stream is doing |
| `GET /api/jams/<id>/live.ogg` | the sound, Ogg Opus without an end |
| `GET /api/jams/<id>/picture.png` | the chunk that is heard, drawn for people |
| `POST /api/jams/<id>/prompt` | `{"prompt": …}`: the vote of whoever sits at this machine |
"""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from aiohttp import web

from audio.picture import picture
from riffbot.errors import BadRequest, NotFound
from riffbot.jam.ogg import OggOpus
from riffbot.jam.session import JamSession
from riffbot.jam.values import HOUSE
from riffbot.web.api import ALLOWANCE, SERVICES, json_body
from riffbot.web.guard import HEADERS
from riffbot.web.pages import STATIC

BACKLOG = 50
"""Packets that a browser gets at once (1 s): it stores some before it plays."""

routes = web.RouteTableDef()


@routes.get("/jam/{id}")
async def page(request: web.Request) -> web.Response:
    """The page; a jam that is over is told by its script."""
    html = await asyncio.to_thread((STATIC / "jam.html").read_text, "utf-8")
    return web.Response(text=html, content_type="text/html", headers={"Cache-Control": "no-cache"})


@routes.get("/api/jams")
async def every(request: web.Request) -> web.Response:
    """The jams that play or are paused."""
    return web.json_response({"jams": [_told(jam) for jam in request.app[SERVICES].jams.all()]})


@routes.get("/api/jams/{id}")
async def one(request: web.Request) -> web.Response:
    """One jam."""
    return web.json_response(
        {"jam": _told(_session(request))}, headers={"Cache-Control": "no-store"}
    )


@routes.get("/api/jams/{id}/live.ogg", allow_head=False)
async def live(request: web.Request) -> web.StreamResponse:
    """The sound from now on. Whoever reads too slowly misses some of it, never the others."""
    session = _session(request)
    session.welcome()
    stream = web.StreamResponse(
        headers={**HEADERS, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    stream.content_type = "audio/ogg"
    await stream.prepare(request)
    ogg = OggOpus(secrets.randbelow(2**31))
    with session.ring.listen(backlog=BACKLOG) as packets:
        await stream.write(ogg.head())
        async for packet in packets:
            await stream.write(ogg.packet(packet))
    await stream.write(ogg.end())
    return stream


@routes.get("/api/jams/{id}/picture.png")
async def drawn(request: web.Request) -> web.Response:
    """The chunk that is heard."""
    status = _session(request).status()
    if status.spectrogram is None:
        raise NotFound("Nothing is heard yet.")
    png = await asyncio.to_thread(picture, status.spectrogram, title=status.playing, bpm=status.bpm)
    return web.Response(body=png, content_type="image/png", headers={"Cache-Control": "no-store"})


@routes.post("/api/jams/{id}/prompt")
async def steer(request: web.Request) -> web.Response:
    """Vote for a prompt."""
    request.app[ALLOWANCE].take(request.remote or "")
    session = _session(request)
    prompt = (await json_body(request)).get("prompt")
    if not isinstance(prompt, str):
        raise BadRequest('Send {"prompt": "what to hear"}.')
    await session.steer(prompt, HOUSE)
    return web.json_response({"jam": _told(session)}, status=202)


async def end_streams(app: web.Application) -> None:
    """The server waits for open streams when it stops: jams that play on would keep it."""
    for session in app[SERVICES].jams.all():
        session.ring.send_listeners_home()


def _session(request: web.Request) -> JamSession:
    session = request.app[SERVICES].jams.by_id(request.match_info["id"])
    if session is None:
        raise NotFound("This jam is over.")
    return session


def _told(session: JamSession) -> dict[str, Any]:
    """A jam for the page, which shows no names."""
    status = session.status()
    return {
        "id": status.id,
        "state": status.state,
        "playing": status.playing,
        "coming": status.coming,
        "shares": [
            {"prompt": s.prompt, "share": round(s.share, 3), "votes": len(s.voters)}
            for s in status.shares
        ],
        "seed_image": status.seed_image,
        "bpm": status.bpm,
        "denoising": round(status.denoising, 3),
        "seed": status.seed,
        "chunk": f"{status.seed}-{status.alpha:g}-{status.denoising:g}",
        "played_s": round(status.played_s, 2),
        "buffer_s": round(status.buffer_s, 2),
        "underruns": status.underruns,
        "late_chunks": status.late_chunks,
        "real_time_factor": status.real_time_factor,
        "listeners": status.listeners,
    }
