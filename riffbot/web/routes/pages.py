"""The HTML pages, and the scripts, styles and icons that they load."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from aiohttp import web

from riffbot.errors import NotFound
from riffbot.web.access import OWNER_COOKIE, is_owner_key
from riffbot.web.headers import SECURITY_HEADERS
from riffbot.web.keys import SERVICES
from riffbot.web.routes.activity import (
    BASE,
    FRAME_ANCESTORS,
    FRAME_QUERY,
    get_activity,
)
from riffbot.web.visitors import is_secure

STATIC = Path(__file__).parents[1] / "static"

BUILT = Path(__file__).parents[1] / "built"
"""The built page, made from web/ by `make setup`; where it is missing, the plain pages of
static/ are served instead."""

BUILT_TYPES = {".js": "text/javascript", ".css": "text/css"}

TYPES = {
    path.name: ({**BUILT_TYPES, ".svg": "image/svg+xml"})[path.suffix]
    for path in STATIC.iterdir()
    if path.suffix in (".js", ".css", ".svg")
}
"""Files that may be asked for by name; no other file is ever opened."""

routes = web.RouteTableDef()


@routes.get("/")
async def home(request: web.Request) -> web.Response:
    """The built page, which starts a private jam; the plain form where it is not built. An
    Activity opens here, too."""
    return page_response(request, "./", "index.html")


@routes.get("/owner")
async def owner(request: web.Request) -> web.Response:
    """The owner's link, which RiffBot prints: gives this browser the owner's cookie, which is valid
    until the next start."""
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
    """The form and the last riffs."""
    return _plain_page("./")


@routes.get("/app/{name}")
async def built(request: web.Request) -> web.StreamResponse:
    """A file of the built page; its name holds a hash of its content."""
    name = request.match_info["name"]
    path = BUILT / "app" / name
    # Only files that the build wrote: the name is one of the folder's, never a path.
    if name not in await asyncio.to_thread(_list_built_files) or path.suffix not in BUILT_TYPES:
        raise web.HTTPNotFound
    return web.FileResponse(
        path,
        headers={
            "Content-Type": f"{BUILT_TYPES[path.suffix]}; charset=utf-8",
            "Cache-Control": "public, max-age=31536000, immutable",
        },
    )


@routes.get("/riff/{id}")
async def riff(request: web.Request) -> web.Response:
    """The same page, which then loads the riff; its other addresses begin one level higher."""
    return _plain_page("../")


@routes.get("/static/{name}")
async def static(request: web.Request) -> web.StreamResponse:
    """Style, script, icon."""
    name = request.match_info["name"]
    if name not in TYPES:
        raise web.HTTPNotFound
    return web.FileResponse(
        STATIC / name,
        headers={"Content-Type": f"{TYPES[name]}; charset=utf-8", "Cache-Control": "no-cache"},
    )


def page_response(request: web.Request, base: str, plain: str) -> web.Response:
    """The built page at the base of this address, or at that of an Activity inside Discord.

    Args:
        base: where the page's root lies from this address.
        plain: the file of static/ that is served where the page is not built.
    """
    if FRAME_QUERY not in request.query or get_activity(request.app) is None:
        return _built_page(base, plain)
    page = _built_page(BASE, plain)
    page.headers["Content-Security-Policy"] = SECURITY_HEADERS["Content-Security-Policy"].replace(
        "frame-ancestors 'none'", f"frame-ancestors {FRAME_ANCESTORS}"
    )
    return page


def _built_page(base: str, plain: str) -> web.Response:
    path = BUILT / "index.html"
    return _html(path if path.is_file() else STATIC / plain, base)


def _list_built_files() -> set[str]:
    folder = BUILT / "app"
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _plain_page(base: str) -> web.Response:
    return _html(STATIC / "index.html", base)


def _html(path: Path, base: str) -> web.Response:
    return web.Response(
        text=re.sub('<base href="[./]+">', f'<base href="{base}">', path.read_text("utf-8")),
        content_type="text/html",
        headers={"Cache-Control": "no-cache"},
    )
