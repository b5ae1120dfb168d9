"""`/api/riffs`: make riffs, list them, read one, download its files.

| | |
| --- | --- |
| `POST /api/riffs` | a RiffRequest as JSON (and `parent`, a riff's id) → 202 `{job, events}` |
| `GET /api/riffs?limit=&before=` | the newest first; `next` is the `before` of the next page |
| `GET /api/riffs/<id>` | one riff, its ancestors and its remixes |
| `GET /api/riffs/<id>/<file>` | `clip.mp3`, `spectrogram.png`, `picture.png`, `recipe.json` |

Strangers get an empty list (`closed`), and riffs without their relatives and the relatives'
pictures; they can start from a riff that was made in Discord only by its link (`parent`).
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from riffbot.errors import BadRequest, NotFound
from riffbot.library.tables import StoredRiff
from riffbot.library.types import referenced_images
from riffbot.request import RiffRequest
from riffbot.web import schema
from riffbot.web.access import is_stranger
from riffbot.web.headers import IMMUTABLE
from riffbot.web.keys import CREATE_LIMIT, FILE_LIMIT, READ_LIMIT, SERVICES
from riffbot.web.query import is_id, query_datetime, query_integer, riff_id
from riffbot.web.request_reader import read_object
from riffbot.web.serializers import FILES, download_name, hide_sources, serialize_riff
from riffbot.web.submission import check_sources, submit_riff

MAX_PAGE = 100
MAX_LINEAGE = 12
"""The most ancestors, and the most remixes, that a riff's page lists."""

routes = web.RouteTableDef()


@routes.post("/api/riffs")
async def create(request: web.Request) -> web.Response:
    """Queue a riff."""
    request.app[CREATE_LIMIT].take(request.remote or "")
    body = await read_object(request)
    parent = body.pop("parent", None)
    if not (parent is None or (isinstance(parent, str) and is_id(parent))):
        raise BadRequest("The parent is the id of a riff.")
    # Invalid requests are refused here; errors that only the model finds are sent as events.
    riff = RiffRequest.build_strict(body)
    if riff.seed_image is not None:
        await asyncio.to_thread(request.app[SERVICES].images.load, riff.seed_image)
    await check_sources(request, referenced_images(riff), parent)
    return await submit_riff(request, riff, parent)


@routes.get("/api/riffs")
async def list_riffs(request: web.Request) -> web.Response:
    """List the newest riffs of this RiffBot, to strangers none."""
    request.app[READ_LIMIT].take(request.remote or "")
    limit = query_integer(
        request,
        "limit",
        "12",
        (1, MAX_PAGE),
        f"The limit is a whole number from 1 to {MAX_PAGE}.",
    )
    before = query_datetime(
        request, "before", "“before” is a time as the page of riffs before it gave it."
    )
    if is_stranger(request):
        return web.json_response(schema.RiffList(riffs=[], next=None, closed=True))
    # One more than requested shows whether there is another page.
    riffs = await request.app[SERVICES].library.riffs.recent(before=before, limit=limit + 1)
    page = riffs[:limit]
    following = page[-1].created_at.isoformat() if len(riffs) > limit else None
    body = schema.RiffList(riffs=[serialize_riff(riff) for riff in page], next=following)
    return web.json_response(body)


@routes.get("/api/riffs/{id}")
async def get_one(request: web.Request) -> web.Response:
    """Return a riff, what it was made from, and what was made from it."""
    request.app[READ_LIMIT].take(request.remote or "")
    library = request.app[SERVICES].library
    riff = await library.riffs.get(riff_id(request))
    if is_stranger(request):  # anyone with an id can open its riff: no ids of relatives
        alone = serialize_riff(riff)
        alone["parent"] = None
        alone["request"] = hide_sources(alone["request"])
        return web.json_response(schema.RiffFamily(riff=alone, parents=[], children=[]))
    parents: list[schema.Riff] = []
    parent_id = riff.parent_id
    while parent_id is not None and len(parents) < MAX_LINEAGE:
        try:
            parent = await library.riffs.get(parent_id)
        except NotFound:  # deleted
            break
        parents.append(serialize_riff(parent))
        parent_id = parent.parent_id
    children = [
        serialize_riff(child) for child in (await library.riffs.children(riff.id))[:MAX_LINEAGE]
    ]
    body = schema.RiffFamily(riff=serialize_riff(riff), parents=parents, children=children)
    return web.json_response(body)


@routes.get("/api/riffs/{id}/{file}")
async def get_file(request: web.Request) -> web.StreamResponse:
    """Return one of a riff's files; with `?download` browsers save it under a readable name."""
    request.app[FILE_LIMIT].take(request.remote or "")
    name = request.match_info["file"]
    riff = await request.app[SERVICES].library.riffs.get(riff_id(request))
    headers = {"Cache-Control": IMMUTABLE}
    if "download" in request.query:
        headers["Content-Disposition"] = f'attachment; filename="{download_name(riff, name)}"'
    if name == "recipe.json":
        return web.json_response(_get_recipe(request, riff), headers=headers)
    if name not in FILES:
        raise NotFound(f"A riff's files are {', '.join([*FILES, 'recipe.json'])}.")
    return await _send_file(request, riff, name, headers)


def _get_recipe(request: web.Request, riff: StoredRiff) -> dict[str, object]:
    recipe = riff.request.model_dump(mode="json", exclude_none=True)
    if is_stranger(request):
        recipe = hide_sources(recipe)
    model = {"model": riff.model_name, "model_hash": riff.model_hash, "batch": riff.batch}
    return {"request": recipe, **model}


async def _send_file(
    request: web.Request, riff: StoredRiff, name: str, headers: dict[str, str]
) -> web.FileResponse:
    files = request.app[SERVICES].library.files
    kind, content_type = FILES[name]
    # The path comes from the database, never from the address.
    digest = getattr(riff, kind)
    path = await asyncio.to_thread(files.path, digest)
    if path is None:
        if await asyncio.to_thread(files.is_damaged, digest):
            raise NotFound(
                "That file is damaged on RiffBot's disk; replaying the riff's recipe makes it anew."
            )
        raise NotFound("That file is not in the library any more.")
    return web.FileResponse(path, headers={**headers, "Content-Type": content_type})
