"""The page itself: one HTML file for every address, and what it loads."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

STATIC = Path(__file__).parent / "static"

TYPES = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "jam.css": "text/css",
    "jam.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
"""What may be asked for by name; nothing else is ever opened."""

routes = web.RouteTableDef()


@routes.get("/")
async def home(request: web.Request) -> web.Response:
    """The form and the last riffs."""
    return _page("./")


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


def _page(base: str) -> web.Response:
    html = (STATIC / "index.html").read_text("utf-8")
    return web.Response(
        text=html.replace('<base href="./">', f'<base href="{base}">'),
        content_type="text/html",
        headers={"Cache-Control": "no-cache"},
    )
