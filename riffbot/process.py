"""What RiffBot's process does on Discord and the local Discord alike: page and stop signals."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from riffbot import interrupts, terminal
from riffbot.errors import RiffBotError, StorageError
from riffbot.library.file_modes import create_private_file
from riffbot.library.instance_lock import InstanceLock
from riffbot.locations import PAGE_FILE
from riffbot.services import Services
from riffbot.web.access import ACTIVITY_ORIGINS, LOOPBACK_NAMES, OWNER_KEY
from riffbot.web.app import create_app
from riffbot.web.connections import ConnectionLimits
from riffbot.web.page_url import get_local_url, get_page_url
from riffbot.web.serving import serve_app

STOP_S = 10.0
"""How long an orderly stop may take, requests to Discord included; then the process ends."""

PAGE_STOP_S = 1.5
"""How long a stop waits for open responses of the page."""


@asynccontextmanager
async def serve_page(services: Services) -> AsyncIterator[str]:
    """Serve RiffBot's own page in this event loop and print its address.

    Where strangers may call, too, the owner's link is printed as well, which is not to be shared.

    Yields:
        the address, for example `http://127.0.0.1:8765/`.

    Raises:
        RiffBotError: the port is taken.
    """
    app = create_app(services)
    settings = services.settings
    limits = ConnectionLimits(
        settings.page_connections,
        settings.page_connections_per_address,
        settings.trusted_proxies,
    )
    async with AsyncExitStack() as stack:
        try:
            port = await stack.enter_async_context(
                serve_app(app, settings.host, settings.web_port, limits, shutdown_s=PAGE_STOP_S)
            )
        except OSError as error:
            raise RiffBotError(
                f"Port {settings.web_port} on {settings.host} is taken; "
                "choose another with --web-port."
            ) from error
        address = get_page_url(settings, port)
        print(f"page: {address}", flush=True)
        open_to_others = settings.host not in LOOPBACK_NAMES or settings.public_url is not None
        if open_to_others or app[ACTIVITY_ORIGINS]:
            print(f"page, as its owner: {address}owner?key={app[OWNER_KEY]}", flush=True)
        services.jams.page = address
        page_file = settings.data_dir / PAGE_FILE
        _write_page_file(page_file, get_local_url(settings, port))
        try:
            yield address
        finally:
            services.jams.page = None
            with suppress(OSError):
                page_file.unlink(missing_ok=True)


def _write_page_file(path: Path, address: str) -> None:
    """Tell other processes of this machine where the page is; without it nothing else changes."""
    with suppress(OSError):
        path.unlink(missing_ok=True)
        create_private_file(path)
        path.write_text(json.dumps({"address": address, "process": os.getpid()}), encoding="utf-8")


@contextmanager
def handle_stop_signals(instance_lock: InstanceLock) -> Iterator[asyncio.Event]:
    """Yield an event that SIGINT, SIGTERM and the loss of the library to another RiffBot set.

    The first signal prints a line and allows an orderly stop for `STOP_S`; a second one ends the
    process at once. Enter this before a supervisor may send signals.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def on_signal(number: int) -> None:
        code = interrupts.INTERRUPTED if number == signal.SIGINT else 128 + number
        if stop.is_set():
            interrupts.exit_now(code)
        terminal.print_error("stopping; what is not finished goes on at the next start.")
        interrupts.exit_after(STOP_S, code)
        stop.set()

    def on_lost() -> None:
        interrupts.exit_after(STOP_S, StorageError.exit_code)
        stop.set()

    instance_lock.on_lost(on_lost)
    for number in signals:
        with suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
            loop.add_signal_handler(number, on_signal, number)
    try:
        yield stop
    finally:
        for number in signals:
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)


async def run_until_stopped(stop: asyncio.Event, work: Awaitable[Any]) -> None:
    """Return when `work` ends or `stop` is set.

    The work is neither cancelled nor awaited for its result or error: its caller closes it.
    """
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait(
            {asyncio.ensure_future(work), stopping}, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        stopping.cancel()
