"""`/api`: ask for riffs, follow them, look them up.

| | |
| --- | --- |
| `POST /api/riffs` | a RiffRequest as JSON (and `parent`, a riff's id) → 202 `{job, events}` |
| `GET /api/jobs/<job>/events` | Server-Sent Events: `queued`, `step`, then `done` or `failed` |
| `DELETE /api/jobs/<job>` | take it back |
| `GET /api/riffs?limit=&before=` | the newest first; `next` is the `before` of the next page |
| `GET /api/riffs/<id>` | one riff |
| `GET /api/riffs/<id>/<file>` | `clip.mp3`, `spectrogram.png`, `picture.png`, `recipe.json` |
| `GET /api/info` | model, defaults, schedulers, seed images |

Where strangers may call, nothing is listed (`closed`), a riff names no relatives and none of their
pictures, and what was made in Discord is started from by its link only (`parent`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from aiohttp import web

from riffbot.errors import BadRequest, NotFound
from riffbot.images import Images, SeedImage
from riffbot.library.models import StoredRiff
from riffbot.library.records import pictures_of
from riffbot.prompt import parse
from riffbot.remixing import permit
from riffbot.request import RiffRequest
from riffbot.services import Services
from riffbot.web.guard import (
    HEADERS,
    MAX_BODY,
    OURS,
    Allowance,
    TooLarge,
    by_the_owner,
    has_the_key,
)
from riffbot.web.info import model_info
from riffbot.web.jobs import VISITOR, Event, Jobs
from riffbot.web.views import FILES, file_name, riff_of, without_others

SERVICES = web.AppKey("services", Services)
JOBS = web.AppKey("jobs", Jobs)
ALLOWANCE = web.AppKey("allowance", Allowance)

MAX_PAGE = 100
MAX_LINEAGE = 12
"""Generations back, and remixes, that a riff's page lists."""
FOREVER = "private, max-age=31536000, immutable"
"""A riff's files never change: another riff has another id."""

routes = web.RouteTableDef()


@routes.post("/api/riffs")
async def ask(request: web.Request) -> web.Response:
    """Start a clip."""
    request.app[ALLOWANCE].take(request.remote or "")
    body = await json_body(request)
    parent = body.pop("parent", None)
    if not (parent is None or isinstance(parent, str)):
        raise BadRequest("The parent is the id of a riff.")
    riff = RiffRequest.build(**body)
    # Nonsense is answered here; what only the model can tell comes as an event.
    for prompt in (riff.prompt, riff.negative):
        parse(prompt)
    if riff.seed_image is not None:
        await asyncio.to_thread(request.app[SERVICES].images.load, riff.seed_image)
    await permit_start(request, pictures_of(riff), parent)
    return begun(request, riff, parent)


def begun(request: web.Request, riff: RiffRequest, parent: str | None) -> web.Response:
    """Start to make it; says where to follow. Raises Refused."""
    request.app[SERVICES].engine.check(None)
    job = request.app[JOBS].start(riff, parent)
    answer = {"job": job.id, "events": f"api/jobs/{job.id}/events"}
    return web.json_response(answer, status=202)


async def permit_start(
    request: web.Request, pictures: Iterable[str], parent: str | None = None
) -> None:
    """Let through whoever may start from these pictures.

    What a member keeps for themselves is kept from the page, too. And a stranger who only knows a
    picture's hash, which stands in the file of every riff made from it, has no link to it.

    Args:
        pictures: `sha256:` references.
        parent: the riff whose link the asker has.

    Raises:
        BadRequest: one of them is not theirs to start from.
    """
    library = request.app[SERVICES].library
    linked = None
    if parent is not None:
        with contextlib.suppress(NotFound):  # which is told as an event
            linked = permit(await library.get(parent), VISITOR.user_id)
    for ref in pictures:
        start = await library.of_file(ref.removeprefix("sha256:"))
        if start is not None:
            permit(start, VISITOR.user_id)
        if not by_a_stranger(request) or (linked is not None and linked.image_ref == ref):
            continue
        # A mask, or a stretch of a song, is no riff itself: it is whose riffs need it.
        riffs = await library.needing(ref) if start is None else [start]
        if not riffs or not all(map(_of_the_page, riffs)):
            raise BadRequest(
                "That picture was not made on this page: open its riff by the link and remix that, "
                "or start from a seed image."
            )


def _of_the_page(riff: StoredRiff) -> bool:
    """Whether it was made here, and not in a place that only some may see."""
    return (riff.author_id, riff.audience_id, riff.guild_id) == (VISITOR.user_id, None, None)


@routes.get("/api/jobs/{job}/events", allow_head=False)
async def follow(request: web.Request) -> web.StreamResponse:
    """Say how a clip is coming along, until it is done."""
    job = request.app[JOBS].get(request.match_info["job"])
    if job is None:
        raise NotFound("That riff is not under way (any more).")
    stream = web.StreamResponse(
        headers={**HEADERS, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    stream.content_type = "text/event-stream"
    await stream.prepare(request)
    async for event in job.events():
        await stream.write(_line(event))
    return stream


@routes.delete("/api/jobs/{job}")
async def take_back(request: web.Request) -> web.Response:
    """Cancel a clip; one that is done already stays."""
    job = request.app[JOBS].get(request.match_info["job"])
    if job is None:
        raise NotFound("That riff is not under way (any more).")
    await request.app[JOBS].cancel(job)
    return web.json_response({"job": job.id})


@routes.get("/api/riffs")
async def recent(request: web.Request) -> web.Response:
    """The newest riffs of this RiffBot; where strangers may call, links are for who has them."""
    if by_a_stranger(request):
        return web.json_response({"riffs": [], "next": None, "closed": True})
    limit = _limit(request.query.get("limit", "12"))
    before = _moment(request.query.get("before"))
    # One more than asked for tells whether there is another page.
    riffs = await request.app[SERVICES].library.recent(before=before, limit=limit + 1)
    page = riffs[:limit]
    more = page[-1].created_at.isoformat() if len(riffs) > limit else None
    return web.json_response({"riffs": [riff_of(riff) for riff in page], "next": more})


@routes.get("/api/riffs/{id}")
async def one(request: web.Request) -> web.Response:
    """One riff, what it was made from, and what was made from it."""
    library = request.app[SERVICES].library
    riff = await library.get(request.match_info["id"])
    if by_a_stranger(request):  # a riff's id is its key, and so is that of each relative
        alone = {**riff_of(riff), "parent": None}
        alone["request"] = without_others(alone["request"])
        return web.json_response({"riff": alone, "parents": [], "children": []})
    parents: list[dict[str, Any]] = []
    parent_id = riff.parent_id
    while parent_id is not None and len(parents) < MAX_LINEAGE:
        try:
            parent = await library.get(parent_id)
        except NotFound:  # deleted; its children stay
            break
        parents.append(riff_of(parent))
        parent_id = parent.parent_id
    children = [riff_of(child) for child in (await library.children(riff.id))[:MAX_LINEAGE]]
    return web.json_response({"riff": riff_of(riff), "parents": parents, "children": children})


def by_a_stranger(request: web.Request) -> bool:
    """Whether this may come from another than whoever sits at this machine: then nothing is listed,
    and who wants a riff or a jam must have its link, which 60 random bits keep from being guessed.
    An Activity is fetched by Discord from anywhere, through whatever tunnel. The link that RiffBot
    prints for its owner makes a browser theirs."""
    settings = request.app[SERVICES].settings
    if has_the_key(request):
        return False
    return bool(request.app[OURS]) or not by_the_owner(request, settings.host)


@routes.get("/api/riffs/{id}/{file}")
async def file(request: web.Request) -> web.StreamResponse:
    """One of a riff's files; `?download` saves it under a name that says what it is."""
    library, name = request.app[SERVICES].library, request.match_info["file"]
    riff = await library.get(request.match_info["id"])
    headers = {"Cache-Control": FOREVER}
    if "download" in request.query:
        headers["Content-Disposition"] = f'attachment; filename="{file_name(riff, name)}"'
    if name == "recipe.json":
        recipe = {"model": riff.model_name, "model_hash": riff.model_hash, "batch": riff.batch}
        request_json = riff.request.model_dump(mode="json", exclude_none=True)
        if by_a_stranger(request):
            request_json = without_others(request_json)
        return web.json_response({"request": request_json, **recipe}, headers=headers)
    if name not in FILES:
        raise NotFound(f"A riff's files are {', '.join([*FILES, 'recipe.json'])}.")
    kind, content_type = FILES[name]
    # The name comes out of the database, never out of the address.
    digest = getattr(riff, kind)
    path = await asyncio.to_thread(library.files.path, digest)
    if path is None:
        if await asyncio.to_thread(library.files.is_damaged, digest):
            raise NotFound(
                "That file is damaged on RiffBot's disk; replaying the riff's recipe makes it anew."
            )
        raise NotFound("That file is not in the library any more.")
    return web.FileResponse(path, headers={**headers, "Content-Type": content_type})


@routes.get("/api/info")
async def info(request: web.Request) -> web.Response:
    """What the form needs to know."""
    services = request.app[SERVICES]
    told = await asyncio.to_thread(model_info, services.settings)
    told["model"]["state"] = services.engine.stats().state
    told["seed_images"] = await asyncio.to_thread(_seed_images, services.images)
    return web.json_response(told)


def _seed_images(images: Images) -> list[dict[str, Any]]:
    return [_seed_image(images.bundled(name)) for name in images.names()]


def _seed_image(seed: SeedImage) -> dict[str, Any]:
    mood = f" {seed.mood.capitalize()}." if seed.mood else ""
    return {
        "name": seed.name,
        "label": f"{seed.title}, {seed.bpm:g} bpm",
        "bpm": seed.bpm,
        "beats": seed.beats,
        "words": f"{seed.beats} beats at {seed.bpm:g} bpm.{mood}",
    }


async def json_body(request: web.Request, limit: int | None = None) -> dict[str, Any]:
    """The JSON object that was sent.

    Args:
        limit: bytes that it may have, where it may be more than `MAX_BODY`.

    Raises:
        BadRequest: it is none.
    """
    if limit is not None:
        request = request.clone(client_max_size=limit)
    try:
        body = json.loads(await request.read())
    except web.HTTPRequestEntityTooLarge as error:
        raise TooLarge(
            f"That is too much: please stay under {(limit or MAX_BODY) // 1024} KB."
        ) from error
    except (ValueError, RecursionError) as error:
        raise BadRequest("That is no JSON that can be read.") from error
    if not isinstance(body, dict):
        raise BadRequest('Send one JSON object, for example {"prompt": "funky sax"}.')
    return body


def _limit(text: str) -> int:
    if not text.isdecimal() or len(text) > 9 or not 1 <= int(text) <= MAX_PAGE:
        raise BadRequest(f"The limit is a whole number from 1 to {MAX_PAGE}.")
    return int(text)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadRequest("“before” is a time as the page of riffs before it gave it.") from error
    return moment if moment.tzinfo else moment.astimezone()


def _line(event: Event | None) -> bytes:
    if event is None:
        return b": still here\n\n"
    return f"event: {event.name}\ndata: {json.dumps(event.data)}\n\n".encode()
