"""Many who listen: one limit for all, bounded work for each, and leaving is no error."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from pathlib import Path

import pytest

from tests.attacks.figures import row
from tests.attacks.outside import Victim, victim


async def listen(page: Victim, path: str, until: asyncio.Event) -> tuple[int, int]:
    """Read until told to stop; the status and the bytes that came."""
    reader, writer = await asyncio.open_connection(*page.place, limit=2**20)
    try:
        writer.write(asked_for(page, path))
        status = int((await reader.readline()).split()[1])
        got = 0
        while status in (200, 101) and not until.is_set():
            data = await reader.read(65536)
            if not data:  # the page ended it; at the end of a stream `read` waits for nothing
                break
            got += len(data)
        return status, got
    finally:
        writer.transport.abort()


@pytest.mark.timeout(120)
async def test_readers_of_live_ogg_are_listeners_like_all_others(tmp_path: Path) -> None:
    async with victim(tmp_path, "--jam", "--set=page_listeners=2") as page:
        stop = asyncio.Event()
        asked = [
            asyncio.create_task(listen(page, f"/api/jams/{page.jam}/live.ogg", stop))
            for _ in range(10)
        ]
        await asyncio.sleep(1)
        # The same limit, whatever way the sound takes.
        full = await page.status(f"/api/jams/{page.jam}/socket")
        stop.set()
        statuses = Counter(status for status, _ in await asyncio.gather(*asked))
        row("10 readers of live.ogg, limit 2", admitted=statuses[200], refused=statuses[503])
        assert statuses == {200: 2, 503: 8}
        assert full == 503


@pytest.mark.timeout(120)
async def test_150_readers_leave_the_event_loop_free_and_leave_without_a_word(
    tmp_path: Path,
) -> None:
    async with victim(tmp_path, "--jam", "--set=page_listeners=1000") as page:
        stop = asyncio.Event()
        live = f"/api/jams/{page.jam}/live.ogg"
        asked = [asyncio.create_task(listen(page, live, stop)) for _ in range(150)]
        # Somebody listens in a browser, so that there is something to download, too.
        stays = asyncio.create_task(listen(page, f"/api/jams/{page.jam}/socket", stop))
        await asyncio.sleep(2)
        await page.say()
        await asyncio.sleep(3)
        figures = await page.say()
        assert await page.status() == 200
        for path in ("live.ogg", "recording.ogg", "socket"):
            address = f"/api/jams/{page.jam}/{path}"
            await asyncio.gather(*(come_and_go(page, address, number) for number in range(60)))
        stop.set()
        heard = await asyncio.gather(*asked)
        assert (await stays)[1] > 10_000
        await asyncio.sleep(1)
        assert await page.status() == 200
        log = page.logged()
        row("150 readers of live.ogg", least_bytes=min(got for _, got in heard), **figures)
        row("330 leave at any moment", log_bytes=len(log), tracebacks=log.count("Traceback"))
        assert all(status == 200 and got > 10_000 for status, got in heard)
        assert "Traceback" not in log
        assert "broke" not in log


async def come_and_go(page: Victim, path: str, number: int) -> None:
    """Ask, and be gone at once, a little later, or when something was read."""
    reader, writer = await asyncio.open_connection(*page.place)
    # It is heard at once, as when a browser is killed.
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.write(asked_for(page, path))
    if number % 3 == 0:
        await reader.read(10)
    elif number % 3 == 1:
        await asyncio.sleep(0.001 * (number % 50))
    writer.transport.abort()


def asked_for(page: Victim, path: str) -> bytes:
    """The request of an address; a socket's asks to be upgraded."""
    if not path.endswith("/socket"):
        return page.head(path)
    more = (
        b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
        b"\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    return page.head(path).removesuffix(b"\r\n\r\n") + more
