"""What the bot on Discord and the local Discord share: the page beside it, and how they stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any

from riffbot import interrupts, terminal
from riffbot.errors import RiffBotError, StorageError
from riffbot.library.instance_lock import InstanceLock
from riffbot.services import Services
from riffbot.web.app import create_app
from riffbot.web.connections import Limits
from riffbot.web.links import page_address
from riffbot.web.security import LOOPBACK, OURS, OWNERS_KEY
from riffbot.web.serving import served

STOP_S = 20.0
"""How long an orderly stop may take in all, Discord's answers included, before it is cut short."""

GOODBYE_S = 5.0
"""How long a stop waits for those who still read something of the page's."""


@asynccontextmanager
async def page_beside(services: Services) -> AsyncIterator[str]:
    """Serve RiffBot's own page in this event loop and print its address.

    Where strangers may call, too, its owner gets a link of their own: it is not for passing on.

    Yields:
        the address, for example `http://127.0.0.1:8765/`.

    Raises:
        RiffBotError: the port is taken.
    """
    app = create_app(services)
    settings = services.settings
    limits = Limits(
        settings.page_connections,
        settings.page_connections_per_address,
        settings.trusted_proxies,
    )
    async with AsyncExitStack() as stack:
        try:
            port = await stack.enter_async_context(
                served(app, settings.host, settings.web_port, limits, shutdown_s=GOODBYE_S)
            )
        except OSError as error:
            raise RiffBotError(
                f"Port {settings.web_port} on {settings.host} is taken; "
                "choose another with --web-port."
            ) from error
        address = page_address(settings, port)
        print(f"page: {address}", flush=True)
        open_to_others = settings.host not in LOOPBACK or settings.public_url is not None
        if open_to_others or app[OURS]:
            print(f"page, as its owner: {address}owner?key={app[OWNERS_KEY]}", flush=True)
        services.jams.page = address
        try:
            yield address
        finally:
            services.jams.page = None


@contextmanager
def stop_signals(instance_lock: InstanceLock) -> Iterator[asyncio.Event]:
    """Yield an event that SIGINT and SIGTERM set, instead of ending the process where it stands,
    and the loss of the library to another RiffBot.

    The first says a word and gives the orderly way `STOP_S`; a second ends the process at once.
    Enter it before telling anybody that you are there: they may ask you to stop at once.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def asked(number: int) -> None:
        code = interrupts.INTERRUPTED if number == signal.SIGINT else 128 + number
        if stop.is_set():
            interrupts.end_now(code)
        terminal.say("stopping; what is not finished goes on at the next start.")
        interrupts.end_after(STOP_S, code)
        stop.set()

    def lost() -> None:
        interrupts.end_after(STOP_S, StorageError.exit_code)
        stop.set()

    instance_lock.on_lost(lost)
    for number in signals:
        with suppress(NotImplementedError):  # Windows: Ctrl-C arrives as KeyboardInterrupt
            loop.add_signal_handler(number, asked, number)
    try:
        yield stop
    finally:
        for number in signals:
            with suppress(NotImplementedError):
                loop.remove_signal_handler(number)


async def until(stop: asyncio.Event, work: Awaitable[Any]) -> None:
    """Return when `work` ends or `stop` is set.

    The work is left as it is, its result and its error included: the caller closes it properly.
    """
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait(
            {asyncio.ensure_future(work), stopping}, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        stopping.cancel()
