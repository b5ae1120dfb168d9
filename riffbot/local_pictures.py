"""A proxy in front of SimCord's page that caches the files of messages.

SimCord gives each file of a message an address of its own, deletes the address when the message is
edited, and starts a process to examine the file before it answers. A clip in progress is edited
every few seconds: on a busy machine the browser got 404 for a preview that had just been replaced,
and for a finished picture that had waited too long behind a sound. So this proxy fetches every file
that a state of the page names, caches it, and only then passes the state on. A state between an
edit and SimCord's next publication names a file that is gone: the proxy waits for the next state.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from riffbot.errors import RiffBotError
from riffbot.web.routes.pages import STATIC

CACHE_BYTES = 128 * 1024 * 1024
FILES_TIMEOUT_S = 5.0
"""How long a state of the page is held back until all its files are there."""

_RETRY_INTERVAL_S = 0.1

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Types that browsers show unchanged; SimCord has to convert others."""

SHUTDOWN_TIMEOUT_S = 5.0

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "host"}
)
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True)
class CachedFile:
    """A file of a message: its bytes and its media type, without parameters."""

    data: bytes
    content_type: str


class FileCache:
    """Files by SimCord's id; the oldest are evicted when there are too many bytes."""

    def __init__(self, limit: int = CACHE_BYTES) -> None:
        self._files: OrderedDict[str, CachedFile] = OrderedDict()
        self._limit = limit
        self._bytes = 0

    def __contains__(self, asset: str) -> bool:
        return asset in self._files

    def get(self, asset: str) -> CachedFile | None:
        """The file; None where it is not cached."""
        return self._files.get(asset)

    def put(self, asset: str, file: CachedFile) -> None:
        """Add a file, and evict the oldest beyond the limit."""
        self._files[asset] = file
        self._bytes += len(file.data)
        while self._bytes > self._limit and len(self._files) > 1:
            _, oldest = self._files.popitem(last=False)
            self._bytes -= len(oldest.data)


@asynccontextmanager
async def serve_preview(simcord_url: str, port: int) -> AsyncIterator[str]:
    """Serve the page of a SimCord preview on 127.0.0.1 through the caching proxy.

    Args:
        simcord_url: the preview's address; its fragment is the access key.
        port: 0 for any that is free.

    Yields:
        the address to open; anyone who has it can act in the local Discord.

    Raises:
        RiffBotError: the port is taken.
    """
    parts = urlsplit(simcord_url)
    timeout = aiohttp.ClientTimeout(total=None)  # an action lasts as long as the riff that it makes
    async with aiohttp.ClientSession(timeout=timeout) as session:
        proxy = _Proxy(session, f"{parts.scheme}://{parts.netloc}", parts.fragment)
        app = web.Application()
        app.router.add_get("/favicon.ico", _icon)
        app.router.add_get("/api/assets/{asset}", proxy.asset)
        app.router.add_get("/api/state", proxy.state)
        app.router.add_post("/api/pages", proxy.state)
        app.router.add_route("*", "/{path:.*}", proxy.forward)
        app.middlewares.append(proxy.require_known_host)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT_S)
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, "127.0.0.1", port).start()
            except OSError as error:
                raise RiffBotError(
                    f"Port {port} on 127.0.0.1 is taken; choose another with --port."
                ) from error
            proxy.port = int(runner.addresses[0][1])
            yield f"http://127.0.0.1:{proxy.port}/#{parts.fragment}"
        finally:
            await runner.cleanup()


async def _icon(_: web.Request) -> web.Response:
    icon = await asyncio.to_thread((STATIC / "icon.svg").read_bytes)
    return web.Response(body=icon, content_type="image/svg+xml", headers=_HEADERS)


class _Proxy:
    """Forwards requests to SimCord, and caches the files that its responses name."""

    def __init__(self, session: aiohttp.ClientSession, origin: str, key: str) -> None:
        self._session = session
        self._origin = origin
        self._key = key
        self._cache = FileCache()
        self._incomplete: set[tuple[str, Any]] = set()
        """States, by page and revision, that still lacked a file at the timeout."""
        self.port = 0

    @web.middleware
    async def require_known_host(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Refuse other host names: protection against DNS rebinding."""
        if request.headers.get("Host", "") not in self._host_names():
            raise web.HTTPForbidden()
        answer: web.StreamResponse = await handler(request)
        return answer

    async def forward(self, request: web.Request) -> web.Response:
        """Forward a request to SimCord and return its response."""
        body = request.content if request.can_read_body else None
        headers = self._headers(request.headers)
        url = self._origin + request.raw_path
        async with self._session.request(
            request.method, url, headers=headers, data=body, allow_redirects=False
        ) as answer:
            return _copy(answer, await answer.read())

    async def state(self, request: web.Request) -> web.Response:
        """Return the state of the page once all files that it names are cached."""
        answer = await self.forward(request)
        headers = {
            "X-Simcord-Capability": request.headers.get("X-Simcord-Capability", ""),
            "X-Simcord-Context": request.headers.get("X-Simcord-Context", ""),
        }
        waited = 0.0
        while (page := _page_state(answer)) is not None:
            headers["X-Simcord-Context"] = page["context"]["id"]
            revision = (page["context"]["id"], page.get("publishedRevision"))
            complete = await self._fetch_files(page["assets"], headers) and not _has_missing_file(
                page
            )
            if complete or revision in self._incomplete:
                break
            if waited >= FILES_TIMEOUT_S:
                self._incomplete.add(revision)
                break
            # A message was edited meanwhile: fetch again, as the browser would in half a second.
            await asyncio.sleep(_RETRY_INTERVAL_S)
            waited += _RETRY_INTERVAL_S
            async with self._session.get(f"{self._origin}/api/state", headers=headers) as newer:
                answer = _copy(newer, await newer.read())
        return answer

    async def _fetch_files(self, assets: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
        """Fetch the files that are not cached yet; False where SimCord no longer has one."""
        for asset, about in assets.items():
            if asset in self._cache or not about.get("available"):
                continue
            url = f"{self._origin}/api/assets/{asset}?download=1"  # unconverted, and at once
            async with self._session.get(url, headers=headers) as answer:
                if answer.status != 200:
                    return False
                content_type = str(about.get("contentType", "")).partition(";")[0].strip().lower()
                self._cache.put(asset, CachedFile(await answer.read(), content_type))
        return True

    async def asset(self, request: web.Request) -> web.Response:
        """Return a file: pictures from the cache, others from SimCord, or from the cache on 404."""
        cached = self._cache.get(request.match_info["asset"])
        key = request.headers.get("X-Simcord-Capability", "")
        allowed = hmac.compare_digest(key.encode(), self._key.encode())
        if cached is not None and allowed and not request.query and cached.content_type in PICTURES:
            return web.Response(
                body=cached.data, content_type=cached.content_type, headers=_HEADERS
            )
        answer = await self.forward(request)
        shown = request.query.keys() <= {"download"}
        if answer.status == 404 and cached is not None and allowed and shown:
            content_type = cached.content_type or "application/octet-stream"
            return web.Response(body=cached.data, content_type=content_type, headers=_HEADERS)
        return answer

    def _host_names(self) -> set[str]:
        names = {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}
        # Browsers leave the usual port out.
        return names | ({"127.0.0.1", "localhost"} if self.port == 80 else set())

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """A request's headers as SimCord wants them: its own origin instead of this one's."""
        passed = {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}
        origin = passed.get("Origin", "")
        if origin.removeprefix("http://") in self._host_names():
            passed["Origin"] = self._origin
        return passed


def _copy(answer: aiohttp.ClientResponse, body: bytes) -> web.Response:
    left_out = _HOP_BY_HOP | {"content-length", "content-encoding", "date", "server"}
    headers = {name: v for name, v in answer.headers.items() if name.lower() not in left_out}
    return web.Response(status=answer.status, body=body, headers=headers)


def _page_state(answer: web.Response) -> dict[str, Any] | None:
    """The state of a page in a response: its context and its assets; None where it has neither."""
    if answer.status != 200:
        return None
    try:
        state: dict[str, Any] = json.loads(answer.body if isinstance(answer.body, bytes) else b"")
    except ValueError:
        return None
    match state:
        case {"context": {"id": str()}, "assets": dict()}:
            return state
    return None


def _has_missing_file(state: Any) -> bool:
    """Whether a state names a file that is missing. An unknown emoji never has one."""
    if isinstance(state, dict):
        if "asset_id" in state and state.get("available") is False and not state.get("custom"):
            return True
        return any(_has_missing_file(value) for value in state.values())
    return isinstance(state, list) and any(_has_missing_file(value) for value in state)
