"""The page itself: one HTML file for every address, and what it loads."""

from __future__ import annotations

import asyncio
import re
import secrets
from pathlib import Path

from aiohttp import web

from riffbot.errors import NotFound
from riffbot.web.routes.activity import ANCESTORS, BASE, FRAME, activity_of
from riffbot.web.routes.api import SERVICES
from riffbot.web.security import HEADERS, OWNER, OWNERS_KEY
from riffbot.web.visitors import is_secure

STATIC = Path(__file__).parents[1] / "static"

BUILT = Path(__file__).parents[1] / "built"
"""The page with the mountains, made from web/ by `make setup`; where it could not be made, the
plain pages in static/ do."""

BUILT_TYPES = {".js": "text/javascript", ".css": "text/css"}

TYPES = {
    path.name: ({**BUILT_TYPES, ".svg": "image/svg+xml"})[path.suffix]
    for path in STATIC.iterdir()
    if path.suffix in (".js", ".css", ".svg")
}
"""What may be asked for by name; nothing else is ever opened."""

routes = web.RouteTableDef()


@routes.get("/")
async def home(request: web.Request) -> web.Response:
    """A jam of one's own; the form where the page is not built. Discord opens an Activity here."""
    return page_for(request, "./", "index.html")


@routes.get("/owner")
async def owner(request: web.Request) -> web.Response:
    """The link that RiffBot prints for its owner: this browser is theirs until the next start."""
    key = request.query.get("key", "").encode(errors="surrogateescape")
    if not secrets.compare_digest(key, _key(request)):
        raise NotFound("This is not the owner's link: RiffBot prints a new one when it starts.")
    response = web.Response(status=303, headers={"Location": "riffs", "Cache-Control": "no-store"})
    response.set_cookie(
        OWNER,
        request.query["key"],
        httponly=True,
        samesite="Strict",
        secure=is_secure(request, request.app[SERVICES].settings),
    )
    return response


def _key(request: web.Request) -> bytes:
    return request.app[OWNERS_KEY].encode()


@routes.get("/riffs")
async def riffs(request: web.Request) -> web.Response:
    """The form and the last riffs."""
    return _page("./")


@routes.get("/app/{name}")
async def built(request: web.Request) -> web.StreamResponse:
    """What the built page loads; its names hold a hash of what is in them."""
    name = request.match_info["name"]
    path = BUILT / "app" / name
    # Only what the build wrote: the name is one of the folder's, never a path.
    if name not in await asyncio.to_thread(_built_names) or path.suffix not in BUILT_TYPES:
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
    """The same page, which then looks the riff up; its other addresses begin one level higher."""
    return _page("../")


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


def page_for(request: web.Request, base: str, plain: str) -> web.Response:
    """The built page at the base of this address, or at that of an Activity inside Discord.

    Args:
        base: where the page's root lies from this address.
        plain: what does out of static/ where the page is not built.
    """
    if FRAME not in request.query or activity_of(request.app) is None:
        return _app_page(base, plain)
    page = _app_page(BASE, plain)
    page.headers["Content-Security-Policy"] = HEADERS["Content-Security-Policy"].replace(
        "frame-ancestors 'none'", f"frame-ancestors {ANCESTORS}"
    )
    return page


def _app_page(base: str, plain: str) -> web.Response:
    path = BUILT / "index.html"
    return _html(path if path.is_file() else STATIC / plain, base)


def _built_names() -> set[str]:
    folder = BUILT / "app"
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _page(base: str) -> web.Response:
    return _html(STATIC / "index.html", base)


def _html(path: Path, base: str) -> web.Response:
    return web.Response(
        text=re.sub('<base href="[./]+">', f'<base href="{base}">', path.read_text("utf-8")),
        content_type="text/html",
        headers={"Cache-Control": "no-cache"},
    )
