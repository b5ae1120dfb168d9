"""A headless Chromium, driven over its own DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.patience import patience

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


class Navigated(AssertionError):
    """The page was left while something was asked of it."""


class Page:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._asked: dict[str, str] = {}
        self.complaints: list[str] = []
        self.responses: list[tuple[int, str]] = []
        """Status and address of every answer that the page got, from `watch` on; 0: none came."""

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the DevTools protocol."""
        number = next(self._ids)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:
            message = json.loads((await self._socket.receive()).data)
            self._note(message)
            if message.get("id") == number:
                if "navigated" in str(message.get("error")):
                    raise Navigated(message["error"])
                assert "error" not in message, message["error"]
                return dict(message["result"])

    def _note(self, message: dict[str, Any]) -> None:
        """Uncaught errors, violations of the policy and failed requests."""
        params = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(params["exceptionDetails"])[:500])
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.complaints.append(params["entry"]["text"] + str(params["entry"].get("url")))
            case "Network.requestWillBeSent":
                self._asked[params["requestId"]] = params["request"]["url"]
            case "Network.responseReceived":
                self.responses.append((params["response"]["status"], params["response"]["url"]))
            case "Network.loadingFailed" if not params.get("canceled"):
                self.responses.append((0, self._asked.get(params["requestId"], "?")))

    async def open(self, address: str, *, width: int = 1280, height: int = 900) -> None:
        """Go there in a window of this size."""
        for domain in ("Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        await self.call("Page.navigate", url=address)
        await self.until("document.readyState === 'complete'")

    async def watch(self) -> None:
        """Note every answer from now on."""
        await self.call("Network.enable")

    async def js(self, expression: str) -> Any:
        """The value of an expression (or of the promise that it is)."""
        answer = await self.call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, expression: str, *, seconds: float = 30) -> Any:
        """Wait until an expression is true, also on the page that comes next; its value."""
        async with patience(seconds):
            while True:
                with contextlib.suppress(Navigated):
                    if value := await self.js(expression):
                        return value
                await asyncio.sleep(0.05)

    async def type(self, selector: str, text: str) -> None:
        """Type into a field, as a keyboard would."""
        await self.js(f"document.querySelector({json.dumps(selector)}).focus()")
        await self.call("Input.insertText", text=text)

    async def key(self, key: str, **modifiers: int) -> None:
        """Press and release a key (`Tab`, `Enter`)."""
        codes = {"Tab": 9, "Enter": 13}
        # A form is submitted by the character, not by the key.
        text = {"text": "\r"} if key == "Enter" else {}
        for kind, typed in (("keyDown", text), ("keyUp", {})):
            await self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=codes[key],
                **typed,
                **modifiers,
            )

    async def screenshot(self, path: Path) -> None:
        """The whole page as a PNG."""
        shot = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))


@asynccontextmanager
async def chromium() -> AsyncIterator[Page]:
    """Start Chromium with an empty profile; it is gone afterwards."""
    assert CHROMIUM is not None, "skip the test where there is no Chromium"
    with tempfile.TemporaryDirectory(prefix="riffbot-chromium-") as profile:
        process = await asyncio.create_subprocess_exec(
            CHROMIUM,
            "--headless=new",
            "--no-sandbox",  # tests run as root in containers
            "--disable-gpu",
            "--enable-unsafe-swiftshader",  # WebGL without a graphics card
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--mute-audio",
            "--autoplay-policy=no-user-gesture-required",
            "--remote-debugging-port=0",
            f"--user-data-dir={profile}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with aiohttp.ClientSession() as session:
                port = await _port(Path(profile))
                async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                    tabs = await answer.json()
                address = next(t["webSocketDebuggerUrl"] for t in tabs if t["type"] == "page")
                async with session.ws_connect(address, max_msg_size=0) as socket:
                    yield Page(socket)
        finally:
            process.terminate()
            await process.wait()
            await asyncio.sleep(0.2)  # its helpers still write into the profile


async def _port(profile: Path) -> int:
    file = profile / "DevToolsActivePort"
    async with patience(60):
        while not (file.exists() and "\n" in file.read_text()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return int(file.read_text().splitlines()[0])
