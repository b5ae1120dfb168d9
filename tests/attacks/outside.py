"""The attacker's side: RiffBot's page in another process, and raw connections to it."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from riffbot.locations import ROOT

STRANGER = "127.0.0.2"
"""Another address than the owner's on this machine (all of 127/8 is, on Linux)."""


@dataclass
class Victim:
    """A page in a process of its own.

    Attributes:
        address: of the page.
        jam: the id of the jam that plays, where one was asked for.
        log: the file that its standard error goes to.
    """

    process: asyncio.subprocess.Process
    address: str
    jam: str
    log: Path

    @property
    def place(self) -> tuple[str, int]:
        """Host and port: on this machine, whatever address it has in its network."""
        port = urlsplit(self.address).port
        assert port is not None
        return "127.0.0.1", port

    async def say(self, line: str = "") -> dict[str, Any]:
        """Send a line to `page_process.py`; its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line.encode() + b"\n")
        await self.process.stdin.drain()
        return dict(json.loads(await self.process.stdout.readline()))

    def head(self, path: str) -> bytes:
        """A whole request."""
        host = urlsplit(self.address).netloc
        return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()

    async def status(self, path: str = "/healthz", *, within_s: float = 10) -> int:
        """What the page answers; 0 where it does not in time."""
        with suppress(OSError, TimeoutError, IndexError, ValueError):
            async with asyncio.timeout(within_s):
                reader, writer = await asyncio.open_connection(*self.place)
                try:
                    writer.write(self.head(path))
                    return int((await reader.readline()).split()[1])
                finally:
                    writer.transport.abort()
        return 0

    async def metrics(self) -> str:
        """What `/metrics` tells."""
        reader, writer = await asyncio.open_connection(*self.place)
        writer.write(self.head("/metrics").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        try:
            return (await reader.read()).decode()
        finally:
            writer.close()

    def logged(self) -> str:
        """Its log so far."""
        return self.log.read_text("utf-8")


@asynccontextmanager
async def victim(folder: Path, *options: str) -> AsyncIterator[Victim]:
    """Start `page_process.py` and kill it afterwards."""
    log = folder / "page.log"
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.attacks.page_process", str(folder), *options),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            cwd=ROOT,
        )
    try:
        assert process.stdout is not None
        announced: dict[str, str] = {}
        while "ready" not in announced:
            line = (await process.stdout.readline()).decode()
            assert line, log.read_text("utf-8")
            name, _, rest = line.partition(": ")
            announced[name] = rest.strip()
        yield Victim(process, announced["ready"], announced.get("jam", ""), log)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def connect(place: tuple[str, int], data: bytes, *, source: str = "") -> socket.socket | None:
    """A raw connection that sends some bytes; None where it was not accepted."""
    raw = socket.socket()
    raw.setblocking(False)
    try:
        if source:
            raw.bind((source, 0))
        async with asyncio.timeout(2):
            await asyncio.get_running_loop().sock_connect(raw, place)
            await asyncio.get_running_loop().sock_sendall(raw, data)
    except OSError:  # a TimeoutError is one, too
        raw.close()
        return None
    return raw


def is_open(raw: socket.socket | None) -> bool:
    """Whether the other side has neither answered nor closed."""
    if raw is None:
        return False
    try:
        raw.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
