"""The local Discord's address: SimCord's page, with pictures that are there as long as they are
asked for.

SimCord gives each file of a message an address of its own. It forgets the address when the message
is edited, and before it answers it looks through the file in a process that it starts for it. A
forming riff is edited every few seconds: on a busy machine the browser's answer was “404” for a
preview that had just been replaced, and for a finished picture that had waited too long behind a
sound. So what the page is told of is fetched here first, as the bytes that they are, and kept.
And between an edit and the next state that SimCord publishes, it tells of the message as it was,
with its picture gone: such a state is not passed on, but the next one.
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

KEPT_BYTES = 128 * 1024 * 1024
PATIENCE_S = 5.0
"""How long a state of the page is held back until all files that it names are there."""

_PAUSE_S = 0.1

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Types that browsers draw as they are; SimCord has to work on others before it shows them."""

GOODBYE_S = 5.0

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "host"}
)
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True)
class File:
    """A file of a message: its bytes and its type, without parameters."""

    data: bytes
    content_type: str


class Kept:
    """Files by their id at SimCord; the oldest go when there are too many bytes."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._files: OrderedDict[str, File] = OrderedDict()
        self._limit = limit
        self._bytes = 0

    def __contains__(self, asset: str) -> bool:
        return asset in self._files

    def get(self, asset: str) -> File | None:
        """The file, None where it is not kept."""
        return self._files.get(asset)

    def put(self, asset: str, file: File) -> None:
        """Keep one more."""
        self._files[asset] = file
        self._bytes += len(file.data)
        while self._bytes > self._limit and len(self._files) > 1:
            _, oldest = self._files.popitem(last=False)
            self._bytes -= len(oldest.data)


@asynccontextmanager
async def served(simcord_url: str, port: int) -> AsyncIterator[str]:
    """Serve the page of a SimCord preview on 127.0.0.1, with pictures that stay.

    Args:
        simcord_url: the preview's address, whose fragment is the key to it.
        port: 0: any that is free.

    Yields:
        the address to open; whoever has it can act in the local Discord.

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
        app.middlewares.append(proxy.only_from_here)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=GOODBYE_S)
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
    """Passes requests on to SimCord, and keeps the files that its answers name."""

    def __init__(self, session: aiohttp.ClientSession, origin: str, key: str) -> None:
        self._session = session
        self._origin = origin
        self._key = key
        self._kept = Kept()
        self._incomplete: set[tuple[str, Any]] = set()
        """States, by page and revision, that stayed without a file: nothing more is to come."""
        self.port = 0

    @web.middleware
    async def only_from_here(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Refuse other names for this computer: a stranger's page may have one made up."""
        if request.headers.get("Host", "") not in self._names():
            raise web.HTTPForbidden()
        answer: web.StreamResponse = await handler(request)
        return answer

    async def forward(self, request: web.Request) -> web.Response:
        """Ask SimCord and answer what it answers."""
        body = request.content if request.can_read_body else None
        headers = self._headers(request.headers)
        url = self._origin + request.raw_path
        async with self._session.request(
            request.method, url, headers=headers, data=body, allow_redirects=False
        ) as answer:
            return _copy(answer, await answer.read())

    async def state(self, request: web.Request) -> web.Response:
        """What the page shows; it is passed on when all files that it names are kept."""
        answer = await self.forward(request)
        headers = {
            "X-Simcord-Capability": request.headers.get("X-Simcord-Capability", ""),
            "X-Simcord-Context": request.headers.get("X-Simcord-Context", ""),
        }
        waited = 0.0
        while (told := _page(answer)) is not None:
            headers["X-Simcord-Context"] = told["context"]["id"]
            state = (told["context"]["id"], told.get("publishedRevision"))
            complete = await self._keep(told["assets"], headers) and not _lacks_a_file(told)
            if complete or state in self._incomplete:
                break
            if waited >= PATIENCE_S:
                self._incomplete.add(state)
                break
            # A message was edited meanwhile: look again, as the browser would in half a second.
            await asyncio.sleep(_PAUSE_S)
            waited += _PAUSE_S
            async with self._session.get(f"{self._origin}/api/state", headers=headers) as newer:
                answer = _copy(newer, await newer.read())
        return answer

    async def _keep(self, assets: Mapping[str, Any], headers: Mapping[str, str]) -> bool:
        """Fetch what is not kept yet; False: SimCord has forgotten one of them."""
        for asset, about in assets.items():
            if asset in self._kept or not about.get("available"):
                continue
            url = f"{self._origin}/api/assets/{asset}?download=1"  # as it is, and at once
            async with self._session.get(url, headers=headers) as answer:
                if answer.status != 200:
                    return False
                content_type = str(about.get("contentType", "")).partition(";")[0].strip().lower()
                self._kept.put(asset, File(await answer.read(), content_type))
        return True

    async def asset(self, request: web.Request) -> web.Response:
        """A file: pictures as they are, the rest as SimCord makes it, or as it is without it."""
        kept = self._kept.get(request.match_info["asset"])
        key = request.headers.get("X-Simcord-Capability", "")
        allowed = hmac.compare_digest(key.encode(), self._key.encode())
        if kept is not None and allowed and not request.query and kept.content_type in PICTURES:
            return web.Response(body=kept.data, content_type=kept.content_type, headers=_HEADERS)
        answer = await self.forward(request)
        shown = request.query.keys() <= {"download"}
        if answer.status == 404 and kept is not None and allowed and shown:
            content_type = kept.content_type or "application/octet-stream"
            return web.Response(body=kept.data, content_type=content_type, headers=_HEADERS)
        return answer

    def _names(self) -> set[str]:
        names = {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}
        # Browsers leave the usual port out.
        return names | ({"127.0.0.1", "localhost"} if self.port == 80 else set())

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """A request's headers as SimCord wants them: its own origin instead of this one's."""
        passed = {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}
        origin = passed.get("Origin", "")
        if origin.removeprefix("http://") in self._names():
            passed["Origin"] = self._origin
        return passed


def _copy(answer: aiohttp.ClientResponse, body: bytes) -> web.Response:
    left_out = _HOP_BY_HOP | {"content-length", "content-encoding", "date", "server"}
    headers = {name: v for name, v in answer.headers.items() if name.lower() not in left_out}
    return web.Response(status=answer.status, body=body, headers=headers)


def _page(answer: web.Response) -> dict[str, Any] | None:
    """What an answer tells of a page: its context and its files; None where it tells neither."""
    if answer.status != 200:
        return None
    try:
        told: dict[str, Any] = json.loads(answer.body if isinstance(answer.body, bytes) else b"")
    except ValueError:
        return None
    match told:
        case {"context": {"id": str()}, "assets": dict()}:
            return told
    return None


def _lacks_a_file(told: Any) -> bool:
    """Whether something that is shown names a file that is not there (any more).

    An emoji that nobody knows has no file in any state.
    """
    if isinstance(told, dict):
        if "asset_id" in told and told.get("available") is False and not told.get("custom"):
            return True
        return any(_lacks_a_file(value) for value in told.values())
    return isinstance(told, list) and any(_lacks_a_file(value) for value in told)
