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
from typing import Any

import discord
import simcord

from riffbot.bot import RiffBot
from riffbot.errors import RiffBotError
from riffbot.hosting import page_beside, until_stopped
from riffbot.services import open_services
from riffbot.settings import Settings

log = logging.getLogger(__name__)

SERVER = "RiffBot's living room"
CHANNEL = "riffs"
MEMBER = "you"

SETTLE_S = 24 * 3600.0
"""How long one action may take: a slow model on a slow machine is no error here."""

WELCOME = (
    "Type **/riff** below, pick the command, write what you want to hear, and press Enter.\n"
    "For example: `/riff` `prompt:funky (saxophone:1.3) riff`\n\n"
    "**/guide** teaches prompting, with examples that play on a click. **/about** tells whose the "
    "riffs are.\n"
    "This is Discord's look-alike on your own machine: nothing leaves it. A riff appears when it "
    "is finished; its progress is shown only in the real Discord."
)


def run(settings: Settings) -> None:
    """Run the bot in the local Discord, and its page, until it is closed, SIGINT or SIGTERM.

    Raises:
        RiffBotError: the model or the library cannot be opened, or a port is taken.
    """
    with suppress(KeyboardInterrupt):
        asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    async with open_services(settings) as services, page_beside(services):
        bot = RiffBot(services, simulated=True)
        async with simcord.run(
            bot, shard_count=1, check_errors=False, settle_timeout=SETTLE_S
        ) as world:
            channel, you = await furnish(world, bot)
            try:
                async with world.preview(
                    channel, viewers=[you], layout="channel", port=settings.port
                ) as preview:
                    print(f"local discord: {preview.url}", flush=True)
                    if settings.open_browser:
                        _open(preview.url)
                    await until_stopped(preview.wait_closed())
            except OSError as error:
                raise RiffBotError(
                    f"Port {settings.port} is taken; choose another with --port."
                ) from error


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
    room = bot.get_channel(channel.id)
    assert isinstance(room, discord.TextChannel)
    await room.send(embed=discord.Embed(title="Welcome to RiffBot", description=WELCOME))
    return channel, you


def _open(url: str) -> None:
    """Show the page in the browser, on machines that have one."""
    try:
        webbrowser.open(url)
    except webbrowser.Error as error:
        log.debug("no browser to open: %s", error)
