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

from aiohttp import web

from riffbot.clips.edits import check_remix_allowed
from riffbot.errors import BadRequest, NotFound
from riffbot.images import Images, SeedImage
from riffbot.library.models import StoredRiff
from riffbot.library.types import referenced_images
from riffbot.request import RiffRequest, check_prompts
from riffbot.services import Services
from riffbot.web import schema
from riffbot.web.info import model_info
from riffbot.web.jobs import VISITOR, Event, Job, Jobs
from riffbot.web.request_reader import is_name, path_name, query_moment, query_whole, read_object
from riffbot.web.security import HEADERS, OURS, Allowance, by_the_owner, has_the_key
from riffbot.web.serializers import FILES, file_name, serialize_riff, without_others
from riffbot.web.visitors import owner_of

SERVICES = web.AppKey("services", Services)
JOBS = web.AppKey("jobs", Jobs)
ALLOWANCE = web.AppKey("allowance", Allowance)

READING = web.AppKey("reading", Allowance)
"""For lists of riffs, single ones and jobs: each is some questions to the database."""

FETCHING = web.AppKey("fetching", Allowance)
"""For riffs' files: a page of a hundred riffs asks for a hundred pictures at once."""

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
    body = await read_object(request)
    parent = body.pop("parent", None)
    if not (parent is None or (isinstance(parent, str) and is_name(parent))):
        raise BadRequest("The parent is the id of a riff.")
    riff = RiffRequest.strictly(body)
    # Nonsense is answered here; what only the model can tell comes as an event.
    check_prompts(riff)
    if riff.seed_image is not None:
        await asyncio.to_thread(request.app[SERVICES].images.load, riff.seed_image)
    await permit_start(request, referenced_images(riff), parent)
    return await begun(request, riff, parent)


async def begun(request: web.Request, riff: RiffRequest, parent: str | None) -> web.Response:
    """Start to make it; says where to follow. By then it is written down, and no crash loses it.

    Raises:
        BadRequest: it is nonsense for the model, or costs too much.
        Refused: the line is too long, or too many of this visitor's clips wait.
        StorageError: it cannot be written down just now.
    """
    job = await request.app[JOBS].start(riff, owner_of(request), parent)
    body = schema.JobStarted(job=job.id, events=f"api/jobs/{job.id}/events")
    return web.json_response(body, status=202)


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
        with contextlib.suppress(NotFound):  # which is told when it is written down
            linked = check_remix_allowed(await library.riffs.get(parent), VISITOR.user_id)
    for ref in pictures:
        start = await library.riffs.find_by_file(ref.removeprefix("sha256:"))
        if start is not None:
            check_remix_allowed(start, VISITOR.user_id)
        if not by_a_stranger(request) or (linked is not None and linked.image_ref == ref):
            continue
        # A mask, or a stretch of a song, is no riff itself: it is whose riffs need it.
        riffs = await library.riffs.find_using_image(ref) if start is None else [start]
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
    job = await _job(request)
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
    job = await _job(request)
    await request.app[JOBS].cancel(job)
    return web.json_response(schema.JobCancelled(job=job.id))


async def _job(request: web.Request) -> Job:
    """The job in the address. Raises NotFound, TooMany."""
    otherwise = "That riff is not under way (any more)."
    job_id, jobs = path_name(request, "job", otherwise), request.app[JOBS]
    # What a whole network shares is for questions to the database: whoever follows their own riff
    # asks none.
    if (job := jobs.known(job_id)) is None:
        request.app[READING].take(request.remote or "")
        job = await jobs.find(job_id)
    if job is None:
        raise NotFound(otherwise)
    return job


@routes.get("/api/riffs")
async def recent(request: web.Request) -> web.Response:
    """The newest riffs of this RiffBot; where strangers may call, links are for who has them."""
    request.app[READING].take(request.remote or "")
    limit = query_whole(
        request,
        "limit",
        "12",
        (1, MAX_PAGE),
        f"The limit is a whole number from 1 to {MAX_PAGE}.",
    )
    before = query_moment(
        request, "before", "“before” is a time as the page of riffs before it gave it."
    )
    if by_a_stranger(request):
        return web.json_response(schema.RiffList(riffs=[], next=None, closed=True))
    # One more than asked for tells whether there is another page.
    riffs = await request.app[SERVICES].library.riffs.recent(before=before, limit=limit + 1)
    page = riffs[:limit]
    more = page[-1].created_at.isoformat() if len(riffs) > limit else None
    body = schema.RiffList(riffs=[serialize_riff(riff) for riff in page], next=more)
    return web.json_response(body)


@routes.get("/api/riffs/{id}")
async def one(request: web.Request) -> web.Response:
    """One riff, what it was made from, and what was made from it."""
    request.app[READING].take(request.remote or "")
    library = request.app[SERVICES].library
    riff = await library.riffs.get(riff_id(request))
    if by_a_stranger(request):  # a riff's id is its key, and so is that of each relative
        alone = serialize_riff(riff)
        alone["parent"] = None
        alone["request"] = without_others(alone["request"])
        return web.json_response(schema.RiffFamily(riff=alone, parents=[], children=[]))
    parents: list[schema.Riff] = []
    parent_id = riff.parent_id
    while parent_id is not None and len(parents) < MAX_LINEAGE:
        try:
            parent = await library.riffs.get(parent_id)
        except NotFound:  # deleted; its children stay
            break
        parents.append(serialize_riff(parent))
        parent_id = parent.parent_id
    children = [
        serialize_riff(child) for child in (await library.riffs.children(riff.id))[:MAX_LINEAGE]
    ]
    body = schema.RiffFamily(riff=serialize_riff(riff), parents=parents, children=children)
    return web.json_response(body)


def riff_id(request: web.Request) -> str:
    """The id in the address. Raises NotFound for what cannot be one."""
    return path_name(request, "id", "There is no riff of that id.")


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
    request.app[FETCHING].take(request.remote or "")
    library, name = request.app[SERVICES].library, request.match_info["file"]
    riff = await library.riffs.get(riff_id(request))
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
    card = await asyncio.to_thread(model_info, services.settings)
    body = schema.Info(
        model={**card["model"], "state": services.engine.stats().state},
        defaults=card["defaults"],
        schedulers=card["schedulers"],
        seed_images=await asyncio.to_thread(_seed_images, services.images),
    )
    return web.json_response(body)


def _seed_images(images: Images) -> list[schema.SeedImage]:
    return [_seed_image(images.bundled(name)) for name in images.names()]


def _seed_image(seed: SeedImage) -> schema.SeedImage:
    bpm = f"{round(seed.bpm, 1):g}"
    mood = f" {seed.mood.capitalize()}." if seed.mood else ""
    return schema.SeedImage(
        name=seed.name,
        label=f"{seed.title}, {bpm} bpm",
        bpm=seed.bpm,
        beats=seed.beats,
        words=f"{seed.beats} beats at {bpm} bpm.{mood}",
    )


def _line(event: Event | None) -> bytes:
    if event is None:
        return b": still here\n\n"
    return f"event: {event.name}\ndata: {json.dumps(event.data)}\n\n".encode()
