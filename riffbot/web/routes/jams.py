"""`/jam/<id>`: listen to a jam in a browser and steer it; `/`: start one of your own.

| | |
| --- | --- |
| `GET /api/jams` | the jams that play, for whoever sits at this machine |
| `POST /api/jams` | start a private one (`schema.NewJam`); `instead_of` ends another for it |
| `GET /api/jams/<id>` | what plays, what comes, how the stream is doing |
| `GET /api/jams/<id>/socket?codec=opus` | sound, picture and status, live (see `wire.py`) |
| `GET /api/jams/<id>/live.ogg` | the sound alone, Ogg Opus without an end |
| `GET /api/jams/<id>/recording.ogg` | what was heard of it here (see `recording.py`) |
| `GET /api/jams/<id>/picture.png` | the chunk that is heard, drawn for people |
| `POST /api/jams/<id>/prompt` | `{"prompt": …}`: a vote, where anyone may steer |
| `POST /api/jams/<id>/keep` | `{"seconds": 30}` → the riff that it became |
| `POST /api/jams/<id>/<wish>` | `seed`, `denoising`, `pause`, `resume`: private jams only |
| `DELETE /api/jams/<id>` | end it: private jams only |

A private jam's id is its key: 60 random bits that only its starter knows, until the link is passed
on. A server's jam is the server's: whoever has its link may listen and keep, may vote where the
server lets anyone steer (`/server settings`), and leaves the rest to its members.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
import secrets
from typing import Any

from aiohttp import WSCloseCode, web

from audio.picture import picture
from riffbot.errors import BadRequest, GenerationFailed, NotFound, Refused
from riffbot.jam.session import JamSession
from riffbot.jam.starting import build_path
from riffbot.jam.types import LOCAL_USER, Participant
from riffbot.library.jam_record import JamKey, PageJam
from riffbot.web import schema
from riffbot.web.addresses import network_of
from riffbot.web.broadcast import Hub, Member
from riffbot.web.jam_starts import JamStarts
from riffbot.web.jobs import VISITOR
from riffbot.web.recording import as_file, first_packet
from riffbot.web.request_reader import query_text, read_body, read_object
from riffbot.web.routes.api import ALLOWANCE, SERVICES, by_a_stranger, permit_start
from riffbot.web.routes.pages import jam_page
from riffbot.web.security import HEADERS, LOOPBACK, TooMany, from_elsewhere
from riffbot.web.security import told as refused
from riffbot.web.serializers import is_private, serialize_riff
from riffbot.web.session_restore import Returning
from riffbot.web.streams import bound, write

HUB = web.AppKey("hub", Hub)
RETURNING = web.AppKey("returning", Returning)
STARTS = web.AppKey("starts", JamStarts)

GOODBYE_S = 2.0
"""How long a slow browser may take over the last word."""

_SALT = secrets.token_bytes(16)

routes = web.RouteTableDef()


@routes.get("/jam/{id}")
async def page(request: web.Request) -> web.Response:
    """The page; a jam that is over is told by its script."""
    return await asyncio.to_thread(jam_page, request, "../")


@routes.get("/api/jams")
async def every(request: web.Request) -> web.Response:
    """The jams that play or are paused, for the owner; everybody else has a link or has none."""
    jams = [] if by_a_stranger(request) else request.app[SERVICES].jams.all()
    return web.json_response(schema.JamList(jams=[request.app[HUB].told(jam) for jam in jams]))


@routes.post("/api/jams")
async def start(request: web.Request) -> web.Response:
    """Start a private jam."""
    request.app[ALLOWANCE].take(request.remote or "")
    body = await read_body(request, schema.NewJam)
    wish = body.model_dump(exclude={"instead_of"}, exclude_none=True)
    services = request.app[SERVICES]
    if body.seed_image is not None and body.seed_image.startswith("sha256:"):
        await permit_start(request, [body.seed_image])
    # Before anything is made: a wish that is nonsense costs nothing.
    await asyncio.to_thread(build_path, services.images, **wish)
    old = services.jams.get_by_id(body.instead_of) if body.instead_of else None
    try:
        session = await _begun(request, wish, old if old is not None and is_private(old) else None)
    except TooMany:
        raise
    except Refused as error:
        return _no_jam(error)
    return _response(request, session, 201)


def _no_jam(error: Refused) -> web.Response:
    """Why no jam can play, and what still works: the page offers a single riff in its place."""
    response = web.json_response(schema.ErrorResponse(error=str(error), offer="riff"), status=503)
    if error.wait_s:
        response.headers["Retry-After"] = str(math.ceil(error.wait_s))
    return response


async def _begun(request: web.Request, wish: dict[str, Any], old: JamSession | None) -> JamSession:
    """Start a private jam in place of an old one, or of one that nobody listens to where there is
    no room. Both play on where the new one cannot."""
    app = request.app
    jams, returning, starts = app[SERVICES].jams, app[RETURNING], app[STARTS]
    who = _voter(request)
    await returning.waiting()
    # From the choice of a slot on nothing waits until it is taken: two who start at once get two.
    gives_way = old
    slot: JamKey | None = _free_slot(app)
    if old is not None and old.key in _slots(app):
        slot = old.key
    if slot is None:
        gives_way = _idle(app, who)
        slot = gives_way.key
    stranger = by_a_stranger(request)
    had_riffs = stranger and starts.admit(request.remote or "")
    try:
        session = await jams.start(
            slot, starter=who, paced_by="clock", instead_of=gives_way, **wish
        )
    except GenerationFailed:
        if stranger:  # how long it ran is not known
            usual_s = app[SERVICES].engine.stats().seconds_per_clip
            starts.charge(usual_s or 0.0, had_riffs=had_riffs)
        raise
    if stranger:
        starts.charge(session.reader.start_engine_s, had_riffs=had_riffs)
    starts.began(session.id)
    if old is not None and old is not gives_way:
        await old.stop()
    returning.taken(slot)
    return session


def _slots(app: web.Application) -> list[PageJam]:
    """The keys of the page's private jams."""
    return [PageJam(slot) for slot in range(1, 1 + app[SERVICES].settings.page_jams)]


def _free_slot(app: web.Application) -> PageJam | None:
    jams, returning = app[SERVICES].jams, app[RETURNING]
    free = [slot for slot in _slots(app) if jams.get(slot) is None and slot not in returning.busy]
    # A jam that could go on after a restart keeps its place while there is another.
    return min(free, key=lambda slot: (returning.keeps(slot), slot.slot), default=None)


def _idle(app: web.Application, who: Participant) -> JamSession:
    """A private jam that nobody listens to, and that was heard already or is this visitor's own.
    Raises Refused."""
    slots, hub, jams, starts = _slots(app), app[HUB], app[SERVICES].jams, app[STARTS]
    if not slots:
        raise Refused("No jams can be started on this page; its owner sets RIFFBOT_PAGE_JAMS.")
    for slot in slots:
        session = jams.get(slot)
        # Nobody can listen to one that begins, and one place is not given away twice.
        if (
            session is None
            or session.status().phase == "starting"
            or jams.is_being_replaced(session)
        ):
            continue
        starter = jams.get_starter(session)
        if starts.waits(session.id) and (starter is None or starter.user_id != who.user_id):
            continue
        if not session.ring.stats().listeners and not hub.listeners(session):
            return session
    raise Refused(
        f"{len(slots)} jams play here already, which is as many as this page may start: "
        "please listen to one of them, or come back later."
    )


@routes.get("/api/jams/{id}")
async def one(request: web.Request) -> web.Response:
    """One jam. Browsers look here first, so here a private one comes back after a restart."""
    try:
        session = await request.app[RETURNING].find(
            request.match_info["id"], lambda: request.app[ALLOWANCE].take(request.remote or "")
        )
    except TooMany:
        raise
    except Refused as error:
        return _no_jam(error)
    response = _response(request, session)
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.get("/api/jams/{id}/socket", allow_head=False)
async def socket(request: web.Request) -> web.StreamResponse:
    """Everything about a jam, as it happens."""
    if from_elsewhere(request):
        return refused("Only RiffBot's own page may ask for that.", 403)
    session = _session(request)
    codec = query_text(request, "codec", "opus")
    if codec not in ("opus", "pcm"):
        raise BadRequest("The codec is opus or pcm.")
    hub = request.app[HUB]
    # Before the upgrade, so that a full house is an answer that can be read.
    member = hub.join(session, "opus" if codec == "opus" else "pcm")
    request.app[STARTS].heard(session.id)
    try:
        session.notify_listener()
        ws = web.WebSocketResponse(
            compress=False, heartbeat=20, max_msg_size=4096, timeout=GOODBYE_S
        )
        await ws.prepare(request)
        bound(request)
        await _serve(request, ws, member)
        return ws
    finally:
        hub.leave(session, member)


async def _serve(request: web.Request, ws: web.WebSocketResponse, member: Member) -> None:
    tasks = [
        asyncio.create_task(work) for work in (_write(ws, member), _read(ws), member.lost.wait())
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    code, words = WSCloseCode.GOING_AWAY, b"The jam is over here."
    if member.lost.is_set():
        code, words = WSCloseCode.TRY_AGAIN_LATER, b"Your connection is too slow; come again."
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(GOODBYE_S):
            await ws.close(code=code, message=words)
    if member.lost.is_set() and request.transport is not None:
        request.transport.abort()  # what still waits there is let go of, too


async def _write(ws: web.WebSocketResponse, member: Member) -> None:
    with contextlib.suppress(ConnectionError):
        while (message := await member.next()) is not None:
            if isinstance(message, bytes):
                await ws.send_bytes(message)
            else:
                await ws.send_str(message)


async def _read(ws: web.WebSocketResponse) -> None:
    """Browsers have nothing to say here but goodbye; wishes come as requests."""
    async for _ in ws:
        pass


@routes.get("/api/jams/{id}/live.ogg", allow_head=False)
async def live(request: web.Request) -> web.StreamResponse:
    """The sound from now on. Whoever reads too slowly misses some of it, never the others."""
    session, hub = _session(request), request.app[HUB]
    reader = hub.join_ogg(session)  # before the answer begins: a full house can be told
    request.app[STARTS].heard(session.id)
    try:
        session.notify_listener()
        stream = web.StreamResponse(
            headers={**HEADERS, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        stream.content_type = "audio/ogg"
        with contextlib.suppress(ConnectionError):  # who leaves may do so at any moment
            await stream.prepare(request)
            bound(request)
            while (message := await reader.next()) is not None:
                await write(request, stream, message)
        return stream
    finally:
        hub.leave_ogg(session, reader)


@routes.get("/api/jams/{id}/recording")
async def heard(request: web.Request) -> web.Response:
    """How much was heard here, and how much can be."""
    recording = request.app[HUB].recording(_session(request))
    seconds = recording.seconds(first_packet(request))
    return web.json_response(schema.RecordingLength(seconds=seconds, limit=recording.limit_s))


@routes.get("/api/jams/{id}/recording.ogg", allow_head=False)
async def recorded(request: web.Request) -> web.StreamResponse:
    """What was heard here, as a file."""
    return await as_file(request, request.app[HUB].recording(_session(request)))


@routes.get("/api/jams/{id}/picture.png")
async def drawn(request: web.Request) -> web.Response:
    """The chunk that is heard."""
    status = _session(request).status()
    if status.spectrogram is None:
        raise NotFound("Nothing is heard yet.")
    png = await asyncio.to_thread(
        picture, status.spectrogram, title=status.current_prompt, bpm=status.bpm
    )
    return web.Response(body=png, content_type="image/png", headers={"Cache-Control": "no-store"})


@routes.post("/api/jams/{id}/prompt")
async def steer(request: web.Request) -> web.Response:
    """Vote for a prompt."""
    request.app[ALLOWANCE].take(request.remote or "")
    session = _session(request)
    body = await read_body(request, schema.PromptVote)
    await _require_steering(request, session)
    await session.steer(body.prompt, _voter(request))
    return _response(request, session, 202)


@routes.post("/api/jams/{id}/keep")
async def keep(request: web.Request) -> web.Response:
    """Put what was heard last into the library."""
    request.app[ALLOWANCE].take(request.remote or "")
    session = _session(request)
    body = await read_body(request, schema.KeepSeconds, otherwise="Keep 1 to 60 seconds.")
    clip = await request.app[SERVICES].jams.save_excerpt(session, body.seconds, author=VISITOR)
    return web.json_response(schema.RiffKept(riff=serialize_riff(clip)), status=201)


@routes.post("/api/jams/{id}/{wish:seed|denoising|pause|resume}")
async def wish(request: web.Request) -> web.Response:
    """Change how a private jam goes on."""
    request.app[ALLOWANCE].take(request.remote or "")
    session, kind = _own(request), request.match_info["wish"]
    if kind == "denoising":
        level = await read_body(
            request, schema.DenoisingChange, otherwise='Send {"value": 0.75}, from 0 to 1.'
        )
        await session.set_denoising(level.value, _voter(request))
        return _response(request, session, 202)
    await read_object(request)  # which says no more than the address
    if kind == "seed":
        await session.new_seed(_voter(request))
    elif kind == "pause":
        await session.pause()
    else:
        await session.resume()
    return _response(request, session, 202)


@routes.delete("/api/jams/{id}")
async def stop(request: web.Request) -> web.Response:
    """End a private jam."""
    session = _own(request)
    await session.stop()
    return web.json_response(schema.JamStopped(id=session.id))


async def end_streams(app: web.Application) -> None:
    """The server waits for open streams when it stops: jams that play on would keep it."""
    app[HUB].close()
    for session in app[SERVICES].jams.all():
        session.ring.end_listeners()


def _session(request: web.Request) -> JamSession:
    session = request.app[SERVICES].jams.get_by_id(request.match_info["id"])
    if session is None:
        raise NotFound("This jam is over.")
    return session


def _own(request: web.Request) -> JamSession:
    session = _session(request)
    if not is_private(session):
        raise BadRequest("This jam is a server's: its members decide that in Discord.")
    return session


async def _require_steering(request: web.Request, session: JamSession) -> None:
    """Let through whoever may steer from here: the page knows nobody's roles and names.

    Raises:
        BadRequest: this server lets only some of its members steer.
    """
    if is_private(session):
        return
    assert session.guild_id is not None
    settings = await request.app[SERVICES].library.guilds.get_settings(session.guild_id)
    if settings.jam_steer != "anyone":
        who = "its DJs steer" if settings.jam_steer == "dj" else "whoever started it steers"
        raise BadRequest(
            f"On this server only {who} the jam, with /jam prompt in Discord; here you can listen."
        )


def _voter(request: web.Request) -> Participant:
    """Whose vote it is: everybody at one address (of IPv6: in one /64) shares one, which nobody can
    stuff the ballot with, and no address is kept."""
    remote = request.remote or ""
    if remote in LOOPBACK:
        return LOCAL_USER
    digest = hashlib.blake2b(network_of(remote).encode(), key=_SALT, digest_size=6).digest()
    return Participant(-1 - int.from_bytes(digest, "big"), "a listener")


def _response(request: web.Request, session: JamSession, status: int = 200) -> web.Response:
    body = schema.JamResponse(jam=request.app[HUB].told(session))
    return web.json_response(body, status=status)
