"""The pages: the HTML at each address, and the files that it loads."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from aiohttp import web

from riffbot.errors import NotFound
from riffbot.web.access import OWNER_COOKIE, is_owner_key
from riffbot.web.headers import SECURITY_HEADERS
from riffbot.web.keys import SERVICES
from riffbot.web.routes.activity import BASE, FRAME_ANCESTORS, FRAME_QUERY, get_activity
from riffbot.web.visitors import is_secure

STATIC = Path(__file__).parents[1] / "static"
"""The icon, and the plain page that is served if the pages are not built."""

BUILT = Path(__file__).parents[1] / "built"
"""The pages, built from web/ by `make setup`: index.html for jams, riffs.html for single riffs."""

PLAIN = STATIC / "plain.html"

CONTENT_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

STATIC_FILES = frozenset(path.name for path in STATIC.iterdir() if path.suffix in CONTENT_TYPES)
"""Files that can be requested by name; nothing else is ever opened."""

routes = web.RouteTableDef()


@routes.get("/")
async def home(request: web.Request) -> web.Response:
    """Return the page of jams, or the plain page. Discord opens an Activity here."""
    return await asyncio.to_thread(jam_page, request, "./")


@routes.get("/owner")
async def owner(request: web.Request) -> web.Response:
    """Set the owner's cookie, which is valid until a restart. RiffBot prints this link at start."""
    key = request.query.get("key", "")
    if not is_owner_key(request.app, key):
        raise NotFound("This is not the owner's link: RiffBot prints a new one when it starts.")
    response = web.Response(status=303, headers={"Location": "riffs", "Cache-Control": "no-store"})
    response.set_cookie(
        OWNER_COOKIE,
        key,
        httponly=True,
        samesite="Strict",
        secure=is_secure(request, request.app[SERVICES].settings),
    )
    return response


@routes.get("/riffs")
async def riffs(request: web.Request) -> web.Response:
    """Return the page with the form for single riffs and the last riffs."""
    return await asyncio.to_thread(_page, "riffs.html", "./")


@routes.get("/riff/{id}")
async def riff(request: web.Request) -> web.Response:
    """Return the same page, which shows the riff with this id."""
    return await asyncio.to_thread(_page, "riffs.html", "../")


@routes.get("/app/{name}")
async def built_file(request: web.Request) -> web.StreamResponse:
    """Return a script or a style sheet of a built page; its name contains a hash of its content."""
    name = request.match_info["name"]
    path = BUILT / "app" / name
    # Only names of files that the build wrote are accepted, so never a path.
    if name not in await asyncio.to_thread(_list_built_files) or path.suffix not in CONTENT_TYPES:
        raise web.HTTPNotFound
    return _file(path, "public, max-age=31536000, immutable")


@routes.get("/static/{name}")
async def static_file(request: web.Request) -> web.StreamResponse:
    """Return the icon, or the style sheet or script of the plain page."""
    name = request.match_info["name"]
    if name not in STATIC_FILES:
        raise web.HTTPNotFound
    return _file(STATIC / name, "no-cache")


def jam_page(request: web.Request, base: str) -> web.Response:
    """Return the page of jams; to Discord, as an Activity that it may show in a frame.

    Args:
        request: from Discord if it has a `frame_id`.
        base: the root of the pages, relative to the requested address.
    """
    if FRAME_QUERY not in request.query or get_activity(request.app) is None:
        return _page("index.html", base)
    page = _page("index.html", BASE)
    page.headers["Content-Security-Policy"] = SECURITY_HEADERS["Content-Security-Policy"].replace(
        "frame-ancestors 'none'", f"frame-ancestors {FRAME_ANCESTORS}"
    )
    return page


def _page(name: str, base: str) -> web.Response:
    """Return a built page, or the plain page, whose relative addresses start at `base`."""
    path = BUILT / name
    html = (path if path.is_file() else PLAIN).read_text("utf-8")
    return web.Response(
        text=re.sub('<base href="[./]+">', f'<base href="{base}">', html),
        content_type="text/html",
        headers={"Cache-Control": "no-cache"},
    )


def _file(path: Path, cache_control: str) -> web.FileResponse:
    content_type = f"{CONTENT_TYPES[path.suffix]}; charset=utf-8"
    headers = {"Content-Type": content_type, "Cache-Control": cache_control}
    return web.FileResponse(path, headers=headers)


def _list_built_files() -> set[str]:
    folder = BUILT / "app"
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()
