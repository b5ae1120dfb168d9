"""The local Discord's pictures: none is broken at any moment, however slow the machine is."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from simcord.preview._media import MediaWorker

from riffbot import local, local_pictures, services
from riffbot.errors import RiffBotError
from riffbot.images import Images
from riffbot.locations import ROOT
from riffbot.settings import Settings
from tests.support.browser import chromium
from tests.support.tiny_models import tiny_embedded_model

BROKEN = """(() => {
  window.broken = [];
  addEventListener('error', (e) => broken.push(e.target.src || String(e.message)), true);
  const look = () => document.querySelectorAll('.media-unavailable').forEach(
    (node) => broken.push(node.textContent));
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
})()"""


def slowed(function: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    def slow(*args: Any, **options: Any) -> Any:
        time.sleep(seconds)
        return function(*args, **options)

    return slow


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        _env_file=None,
        data_dir=tmp_path / "data",
        model=str(tiny_embedded_model(tmp_path / "model", steps=40)),
        seed_images=tmp_path,
        device="cpu",
        open_browser=False,
    )


@pytest.fixture
def slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A riff of many previews, each of which SimCord looks through longer than it is there."""
    opened, looked = services.open_pipeline, MediaWorker._decode

    def open_slowly(settings: Settings, images: Images) -> Any:
        pipeline: Any = opened(settings, images)
        pipeline.model.unet.forward = slowed(pipeline.model.unet.forward, 0.2)
        return pipeline

    async def look_slowly(*args: Any) -> Any:
        await asyncio.sleep(3)
        return await looked(*args)

    monkeypatch.setattr(services, "open_pipeline", open_slowly)
    monkeypatch.setattr(MediaWorker, "_decode", look_slowly)


@asynccontextmanager
async def local_discord(
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
) -> AsyncIterator[str]:
    """The local Discord, in this process; its address."""
    running = asyncio.create_task(local._run(settings))
    said = ""
    while "local discord: " not in said:
        said += capsys.readouterr().out
        assert not running.done(), running.result()
        await asyncio.sleep(0.05)
    try:
        yield said.partition("local discord: ")[2].split()[0]
    finally:
        signal.raise_signal(signal.SIGTERM)
        await running


@pytest.mark.needs("browser")
@pytest.mark.timeout(300)
async def test_no_picture_of_a_slow_riff_is_broken_at_any_moment(
    settings: Settings,
    slow_machine: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    from make_screenshots import ask, hear, open_discord

    async with local_discord(settings, capsys) as address, chromium() as page:
        await page.watch()
        await open_discord(page, address)
        await page.js(BROKEN)
        await ask(page, "/riff", "funky sax")
        await hear(page, seconds=120)
        pictures = {url for _, url in page.responses if "/api/assets/" in url}
        print(f"\n{len(page.responses)} answers, {len(pictures)} files of messages")
        assert [(status, url) for status, url in page.responses if not 200 <= status < 400] == []
        assert await page.js("window.broken") == []
        assert page.complaints == []
        assert len(pictures) >= 3
        assert await page.js("fetch('/favicon.ico').then(r => r.headers.get('content-type'))") == (
            "image/svg+xml"
        )


class Preview:
    """SimCord's side of the page: what it tells of its files, and what it still has of them."""

    KEY = "the-key"

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.available = True
        self.shown: list[str] = []
        self.asked: list[str] = []
        self.revision = 1

    async def state(self, request: web.Request) -> web.Response:
        self.asked.append(request.headers.get("Origin", ""))
        if request.headers.get("X-Simcord-Capability") != self.KEY:
            raise web.HTTPUnauthorized
        files = {
            name: {"available": True, "contentType": "image/png" if "p" in name else "audio/mpeg"}
            for name in self.shown
        }
        media = [{"asset_id": name, "available": self.available} for name in self.shown]
        body = {"context": {"id": "c"}, "assets": files, "messages": media}
        return web.json_response({**body, "publishedRevision": self.revision})

    async def file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.files or (name.startswith("s") and not request.query):
            return web.json_response({}, status=404)
        return web.Response(body=self.files[name])


@pytest.fixture
async def simcord() -> AsyncIterator[tuple[Preview, str]]:
    """A preview of our own making behind the address; its page and the address."""
    preview = Preview()
    app = web.Application()
    app.router.add_get("/api/state", preview.state)
    app.router.add_get("/api/assets/{name}", preview.file)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/#{preview.KEY}"
    async with local_pictures.serve_preview(url, 0) as address:
        yield preview, address
    await runner.cleanup()


async def ask_for(address: str, path: str, **headers: str) -> tuple[int, bytes, str]:
    base, _, key = address.partition("#")
    sent_headers = {"X-Simcord-Capability": key, **headers}
    async with (
        aiohttp.ClientSession() as session,
        session.get(base + path, headers=sent_headers) as answer,
    ):
        return answer.status, await answer.read(), answer.content_type


async def test_a_file_that_was_shown_stays(simcord: tuple[Preview, str]) -> None:
    preview, address = simcord
    preview.files = {"p1": b"a picture", "s1": b"a sound"}
    preview.shown = ["p1", "s1"]
    assert (await ask_for(address, "api/state"))[0] == 200
    preview.files.clear()
    assert await ask_for(address, "api/assets/p1") == (200, b"a picture", "image/png")
    assert await ask_for(address, "api/assets/s1") == (200, b"a sound", "audio/mpeg")
    assert await ask_for(address, "api/assets/s1?download=1") == (200, b"a sound", "audio/mpeg")
    assert (await ask_for(address, "api/assets/p1?capture=1"))[0] == 404
    assert (await ask_for(address, "api/assets/p2"))[0] == 404
    stranger = {"X-Simcord-Capability": "guessed"}
    assert (await ask_for(address, "api/assets/p1", **stranger))[0] == 404


async def test_a_state_waits_for_its_files(
    simcord: tuple[Preview, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    preview, address = simcord
    preview.shown = ["p1"]  # it was replaced at this moment: named, but gone
    asked = asyncio.create_task(ask_for(address, "api/state"))
    while len(preview.asked) < 3:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert not asked.done()
    preview.shown, preview.files = ["p2"], {"p2": b"newer"}
    status, body, _ = await asked
    assert (status, b"p2" in body, b"p1" in body) == (200, True, False)
    # What is missing for good is waited for once.
    preview.available, preview.revision = False, 2
    monkeypatch.setattr(local_pictures, "FILES_TIMEOUT_S", 0.2)
    for _ in range(2):
        seen = len(preview.asked)
        assert (await ask_for(address, "api/state"))[0] == 200
    assert len(preview.asked) == seen + 1


async def test_only_this_computer_is_answered(simcord: tuple[Preview, str]) -> None:
    preview, address = simcord
    here = address.partition("/#")[0]
    assert (await ask_for(address, "api/state", Host="rebound.example"))[0] == 403
    assert (await ask_for(address, "api/state", Origin=here))[0] == 200
    assert (await ask_for(address, "api/state", Origin="http://elsewhere.example"))[0] == 200
    origins = preview.asked
    assert origins[0].startswith("http://127.0.0.1:"), "as if SimCord's own page had asked"
    assert origins[0] != here
    assert origins[1] == "http://elsewhere.example", "SimCord refuses that itself"


async def test_a_taken_port_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(RiffBotError, match=f"Port {port} on 127.0.0.1 is taken"):
            async with local_pictures.serve_preview("http://127.0.0.1:1/#key", port):
                pass


async def test_the_oldest_files_go() -> None:
    kept = local_pictures.FileCache(limit=10)
    for name in "abc":
        kept.put(name, local_pictures.CachedFile(b"1234", "image/png"))
    assert [name in kept for name in "abc"] == [False, True, True]
    kept.put("huge", local_pictures.CachedFile(bytes(99), "image/png"))
    assert ("c" in kept, "huge" in kept) == (False, True)
