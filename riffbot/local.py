"""The local Discord: the very same bot in a simulated Discord in the browser, no token needed.

SimCord runs the bot's real callbacks against a Discord that exists in memory, and shows it in a
page on this machine: a server, a channel, you, slash commands, buttons, sound. It is a test world,
which lays some rules on the bot: nothing of the bot's may wait for ever (the engine has a thread of
its own), one action is carried out at a time, and its clock starts anew each time.
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
from riffbot.startup import quiet

# SimCord makes a client without intents as it is imported, to see what discord.py's clients are
# made of. discord.py warns of any such client; ours has the intents that it needs.
with quiet("discord.state"):
    import simcord

log = logging.getLogger(__name__)

SERVER = "RiffBot's living room"
CHANNEL = "riffs"
MEMBER = "you"

SETTLE_S = 24 * 3600.0
"""How long one action may take: a slow model on a slow machine is no error here."""

WELCOME = (
    "**1.** Type **/riff** below and pick the command.\n"
    "**2.** Write what you want to hear, for example `funky (saxophone:1.3) riff`.\n"
    "**3.** Press Enter, and watch it form.\n"
    "**/jam start** plays without end, in a page of its own that anybody may steer. "
    "**/guide** teaches prompting, with examples that play on a click; **/about** tells whose the "
    "riffs are. This is a look-alike of Discord on your own machine: nothing leaves it."
)

PULSE_S = 1.0
"""How often the page looks again, and how often the bot may look after its jams."""


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
            bot = RiffBot(services, simulated=True)
            async with simcord.run(
                bot, shard_count=1, check_errors=False, settle_timeout=SETTLE_S
            ) as world:
                _set_clock(world)
                channel, you = await furnish(world, bot)
                try:
                    async with (
                        world.preview(channel, viewers=[you], layout="channel") as preview,
                        local_pictures.served(preview.url, settings.port) as address,
                    ):
                        with handle_stop_signals(services.instance_lock) as stop:
                            print(f"local discord: {address}", flush=True)
                            if settings.open_browser:
                                _open(address)
                            bot.dispatch("furnished", channel.id)
                            pulse = asyncio.create_task(_pulse(preview, bot))
                            await run_until_stopped(stop, preview.wait_closed())
                            pulse.cancel()
                            # What is being made ends first: the page waits for open requests.
                            await bot.say_goodbye()
                except simcord.SetupError as error:
                    raise RiffBotError(f"The local Discord cannot be shown ({error}).") from error


def _set_clock(world: Any) -> None:
    """Let SimCord's calendar begin today instead of at a fixed day: riffs have real dates."""
    clock: Any = getattr(world.backend, "clock", None)
    if hasattr(clock, "_epoch"):  # SimCord's inside: without it only dates look odd
        clock._epoch = datetime.now(UTC) - timedelta(seconds=clock.elapsed)


async def furnish(world: Any, bot: RiffBot) -> tuple[Any, Any]:
    """Build the server with its one channel and its one member, and let the bot say hello.

    Returns:
        SimCord's handles of the channel and of the member.
    """
    user = world.create_user(MEMBER, global_name="You")
    guild = world.create_guild(SERVER, owner=user)
    channel = guild.create_text_channel(CHANNEL)
    you = guild.add_member(user)
    await world.settle()
    assert bot.user is not None
    await bot.user.edit(username="RiffBot")
    room = bot.get_channel(channel.id)
    assert isinstance(room, discord.TextChannel)
    welcome = discord.Embed(title="Welcome to RiffBot", description=WELCOME, colour=ACCENT)
    await room.send(embed=welcome)
    return channel, you


async def _pulse(preview: Any, bot: RiffBot) -> None:
    """Show what the bot edits while an action is under way, or without any; SimCord itself shows
    edits at the end of an action, and lets no time pass in between.

    The one place that leans on SimCord's inside. Should that change, riffs still appear when they
    are finished, which is why nothing that goes wrong here is more than a log line.
    """
    shown = 0
    try:
        while True:
            await asyncio.sleep(PULSE_S)
            if preview._active_action is None:
                bot.dispatch("pulse")
            said = len(preview.env.http_requests)
            if said != shown:
                shown = said
                for page in list(preview._pages.values()):
                    preview._publish(page, reason="refresh")
    except Exception:
        log.warning("the local Discord shows no progress", exc_info=True)


def _open(url: str) -> None:
    """Show the page in the browser, on machines that have one."""
    try:
        webbrowser.open(url)
    except webbrowser.Error as error:
        log.debug("no browser to open: %s", error)
