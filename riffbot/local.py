"""The local Discord: the same bot in a simulated Discord in the browser, no token needed.

SimCord runs the bot's real callbacks against a Discord that exists in memory, and shows it in a
page on this machine: a server, a channel, one member, slash commands, buttons, sound. SimCord is
made for tests, which limits the bot: no task of its event loop may wait for ever (the engine has a
thread of its own), one action is carried out at a time, and its clock starts anew each time.
"""

from __future__ import annotations

import asyncio
import logging
import webbrowser
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import discord

from riffbot import interrupts, local_pictures
from riffbot.bot import ACCENT, RiffBot
from riffbot.errors import RiffBotError
from riffbot.process import handle_stop_signals, run_until_stopped, serve_page
from riffbot.services import open_services
from riffbot.settings import Settings
from riffbot.startup import warnings_hidden

# At import SimCord creates a client without intents, to inspect discord.py, which warns of such a
# client; `RiffBot` has the intents that it needs.
with warnings_hidden("discord.state"):
    import simcord

log = logging.getLogger(__name__)

SERVER_NAME = "RiffBot's living room"
CHANNEL_NAME = "riffs"
MEMBER_NAME = "you"

SETTLE_TIMEOUT_S = 24 * 3600.0
"""How long one action may take: a slow model on a slow machine is no error."""

WELCOME = (
    "**1.** Type **/riff** below and pick the command.\n"
    "**2.** Write what you want to hear, for example `funky (saxophone:1.3) riff`.\n"
    "**3.** Press Enter, and watch it form.\n"
    "**/jam start** plays without end, in a page of its own that anybody may steer. "
    "**/guide** teaches prompting, with examples that play on a click; **/about** tells whose the "
    "riffs are. This is a look-alike of Discord on your own machine: nothing leaves it."
)

TICK_S = 1.0
"""Interval of the page's updates and of the bot's `host_tick` event."""


class LocalRiffBot(RiffBot):
    """The bot in a Discord that begins empty and carries no sound."""

    has_voice = False
    renders_mentions_in_embeds = False

    async def sync_commands(self) -> None:
        """Sync at every start: this Discord has no commands yet."""
        await self.tree.sync_keeping_entry_point()

    async def on_ready(self) -> None:
        """Do nothing: `host_ready` is dispatched once the server exists."""


def run(settings: Settings) -> None:
    """Run the bot in the local Discord, and its page, until it is closed, SIGINT or SIGTERM.

    Raises:
        RiffBotError: the model or the library cannot be opened, or a port is taken.
    """
    with suppress(KeyboardInterrupt):
        asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    with interrupts.orderly_stop():
        async with open_services(settings) as services, serve_page(services):
            bot = LocalRiffBot(services)
            async with simcord.run(
                bot, shard_count=1, check_errors=False, settle_timeout=SETTLE_TIMEOUT_S
            ) as world:
                _set_calendar(world)
                channel, you = await create_server(world, bot)
                try:
                    async with (
                        world.preview(channel, viewers=[you], layout="channel") as preview,
                        local_pictures.serve_preview(preview.url, settings.port) as address,
                    ):
                        with handle_stop_signals(services.instance_lock) as stop:
                            print(f"local discord: {address}", flush=True)
                            if settings.open_browser:
                                _open_browser(address)
                            bot.dispatch("host_ready", channel.id)
                            updates = asyncio.create_task(_update_page(preview, bot))
                            await run_until_stopped(stop, preview.wait_closed())
                            updates.cancel()
                            # Running commands end first: the page waits for open requests.
                            await bot.shut_down()
                except simcord.SetupError as error:
                    raise RiffBotError(f"The local Discord cannot be shown ({error}).") from error


def _set_calendar(world: Any) -> None:
    """Let SimCord's calendar begin today instead of on a fixed day, so that dates are real."""
    clock: Any = getattr(world.backend, "clock", None)
    if hasattr(clock, "_epoch"):  # private; without it only the dates are wrong
        clock._epoch = datetime.now(UTC) - timedelta(seconds=clock.elapsed)


async def create_server(world: Any, bot: RiffBot) -> tuple[Any, Any]:
    """Create the server with one channel and one member, and post the welcome.

    Returns:
        SimCord's objects of the channel and of the member.
    """
    user = world.create_user(MEMBER_NAME, global_name="You")
    guild = world.create_guild(SERVER_NAME, owner=user)
    channel = guild.create_text_channel(CHANNEL_NAME)
    you = guild.add_member(user)
    await world.settle()
    assert bot.user is not None
    await bot.user.edit(username="RiffBot")
    room = bot.get_channel(channel.id)
    assert isinstance(room, discord.TextChannel)
    welcome = discord.Embed(title="Welcome to RiffBot", description=WELCOME, colour=ACCENT)
    await room.send(embed=welcome)
    return channel, you


async def _update_page(preview: Any, bot: RiffBot) -> None:
    """Publish the bot's edits during an action and between actions, and dispatch `host_tick`.

    SimCord itself publishes edits at the end of an action only. This uses its private attributes;
    if they change, riffs still appear when they are finished, so an error is only logged.
    """
    published = 0
    try:
        while True:
            await asyncio.sleep(TICK_S)
            if preview._active_action is None:
                bot.dispatch("host_tick")
            requests = len(preview.env.http_requests)
            if requests != published:
                published = requests
                for page in list(preview._pages.values()):
                    preview._publish(page, reason="refresh")
    except Exception:
        log.warning("the local Discord shows no progress", exc_info=True)


def _open_browser(url: str) -> None:
    """Open the page in the browser, on machines that have one."""
    try:
        webbrowser.open(url)
    except webbrowser.Error as error:
        log.debug("no browser to open: %s", error)
