"""Takes the pictures of the README from the running product, in a real browser.

    .venv/bin/python scripts/make_screenshots.py [jam.png …]

It starts `riffbot` without a token in an empty data folder, types /riff and /jam into the local
Discord in a headless Chromium as a person would, waits for the riff and for the jam, and saves what
is to be seen. It asks for a
Chromium or Chrome on this machine and says so where there is none. RIFFBOT_MODEL and the other
settings hold as always.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.browser import CHROMIUM, Page, chromium  # noqa: E402

PROMPT = "funky (saxophone:1.3) riff"
TURN = "church bells"
OFFERED = (
    "Boolean(document.querySelector('.command-entry')"
    " || !document.querySelector('#channel-composer-input'))"
)
"""Whether Enter takes something: a command that was found, or the first of its options."""
PICTURES = ROOT / "docs" / "img"
START_S = 600.0
RIFF_S = 600.0


@asynccontextmanager
async def riffbot(what: str = "local discord") -> AsyncIterator[str]:
    """Run the command as anybody would; yields the address that it prints for this."""
    with tempfile.TemporaryDirectory(prefix="riffbot-", ignore_cleanup_errors=True) as data:
        settings = {"RIFFBOT_DATA_DIR": data, "RIFFBOT_OPEN_BROWSER": "false", "DISCORD_TOKEN": ""}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "riffbot.cli",
            env={**os.environ, **settings},
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(START_S):
                yield await _address(process, what)
        finally:
            process.terminate()
            await process.wait()


async def _address(process: asyncio.subprocess.Process, what: str) -> str:
    assert process.stdout is not None
    async for line in process.stdout:
        name, _, address = line.decode().strip().partition(": ")
        if name == what:
            return address
    raise RuntimeError(f"riffbot ended before it said where its {what} is")


async def open_discord(page: Page, address: str) -> None:
    """Load the local Discord and wait for its channel."""
    await page.open(address, width=1200, height=1000)
    await page.until("document.querySelector('#channel-composer:not([hidden])')", seconds=120)


async def ask(page: Page, command: str, prompt: str) -> None:
    """Type a command, pick it, write the prompt, send it."""
    async with asyncio.timeout(240):
        # Until the page has settled the composer forgets what is typed: go on until it listens.
        # Optional options are offered in a list first, of which the prompt is the uppermost.
        while not await page.js("Boolean(document.querySelector('.command-option-input'))"):
            if await page.js(OFFERED):
                await page.key("Enter")
            else:
                await page.js("document.querySelector('#channel-composer-input').value = ''")
                await page.type("#channel-composer-input", command)
            await asyncio.sleep(1)
    await page.type(".command-option-input", prompt)
    await page.js("document.querySelector('#channel-composer').requestSubmit()")


async def jam(page: Page, *, seconds: float = RIFF_S) -> None:
    """Wait until the jam's panel stands there, turn it elsewhere, and wait until it has turned."""
    await page.until(
        "[...document.querySelectorAll('button')].some("
        "b => b.textContent.includes('Wilder') && !b.disabled)",
        seconds=seconds,
    )
    await asyncio.sleep(5)
    await ask(page, "/jam prompt", TURN)
    await page.until("document.body.innerText.includes('Steered by')", seconds=120)
    await asyncio.sleep(15)  # the next picture
    await page.js(
        "[...document.querySelectorAll('button')].find(b => b.textContent.includes('Stop'))"
        ".scrollIntoView({block: 'end'})"
    )


async def hear(page: Page, *, seconds: float = RIFF_S) -> None:
    """Wait until the riff stands there: its buttons usable, its picture drawn, its player ready."""
    await page.until(
        "[...document.querySelectorAll('button')].some("
        "b => b.textContent.includes('New seed') && !b.disabled)",
        seconds=seconds,
    )
    await page.until(
        "[...document.images].length > 1 && [...document.images].every("
        "i => i.complete && i.naturalWidth > 0)",
        seconds=120,
    )
    await page.until("!document.body.textContent.includes('Loading media')", seconds=120)
    await page.js(
        "[...document.querySelectorAll('button')].find(b => b.textContent.includes('New seed'))"
        ".scrollIntoView({block: 'end'})"
    )


async def photograph(page: Page, path: Path) -> None:
    """Save the window as it stands; asking for more than the window makes the page lay out anew."""
    await page.until("!document.body.innerText.includes('Updating viewport')", seconds=60)
    shot = await page.call("Page.captureScreenshot", format="png")
    await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))


async def mountains(page: Page, address: str) -> None:
    """Start a jam on the page, turn it elsewhere, and let its mountains rise all round."""
    # Without a graphics card the processor draws them, and cannot for long beside the jam: so the
    # jam plays to the flat picture, and the mountains are asked for when there is much to see.
    await page.open(f"{address}?view=flat", width=1280, height=800)
    for prompt in (PROMPT, TURN):
        await page.until("document.querySelector('#prompt') !== null", seconds=RIFF_S)
        await page.type("#prompt", prompt)
        await page.key("Enter")
        await page.until("riffbot.player?.running && riffbot.player.ahead > 0.1", seconds=RIFF_S)
        await asyncio.sleep(14)
    await rise(page)


async def rise(page: Page) -> None:
    """Turn the page to its mountains and wait until they were drawn."""
    # On a machine that draws so slowly the page would go back to the flat picture: not for this.
    await page.js(
        "{ const never = { configurable: true, get: () => 0, set() {} };"
        " Object.defineProperty(riffbot.player, 'jumps', never);"
        " const kind = document.querySelector('#kind'); kind.value = 'mountains';"
        " kind.dispatchEvent(new Event('change')); }"
    )
    await page.until("riffbot.view?.renderer?.info.render.frame >= 3", seconds=60)
    await asyncio.sleep(2)  # until the browser has put it on the screen


async def main() -> None:
    """Save docs/img/local-discord.png, docs/img/jam.png and docs/img/page.png."""
    if CHROMIUM is None:
        print("There is no Chromium or Chrome on this machine, so no screenshots were taken.")
        return
    PICTURES.mkdir(exist_ok=True)
    wanted = sys.argv[1:]
    scenes = (("local-discord.png", "/riff", hear), ("jam.png", "/jam start", jam))
    for name, command, watch in scenes:
        if wanted and name not in wanted:
            continue
        async with riffbot() as address, chromium() as page:
            await open_discord(page, address)
            await ask(page, command, PROMPT)
            await watch(page)
            path = PICTURES / name
            await photograph(page, path)
            print(f"saved {path.relative_to(ROOT)}")
    if not wanted or "page.png" in wanted:
        async with riffbot("page") as address, chromium() as page:
            await mountains(page, address)
            await page.screenshot(PICTURES / "page.png")
            print("saved docs/img/page.png")


if __name__ == "__main__":
    asyncio.run(main())
