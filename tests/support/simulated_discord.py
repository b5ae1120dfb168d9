"""The real bot in a simulated Discord: a server, a channel, three members, a tiny model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import simcord

from riffbot.bot import RiffBot
from riffbot.jam.manager import JamManager
from riffbot.local import LocalRiffBot
from riffbot.services import Services, open_services
from riffbot.settings import Settings

SETTLE_S = 60.0


@dataclass
class Room:
    """Handles of one simulated Discord.

    Attributes:
        env: SimCord's environment.
        channel: where everything happens.
        ada, ben: ordinary members.
        mia: may manage messages.
    """

    env: Any
    bot: RiffBot
    services: Services
    guild: Any
    channel: Any
    ada: Any
    ben: Any
    mia: Any

    async def riff(self, prompt: str = "funky sax", **options: Any) -> Any:
        """Ada types /riff; returns SimCord's result when everything has settled."""
        return await self.ada.slash(self.channel, "riff", prompt=prompt, **options)

    @property
    def messages(self) -> list[Any]:
        """The channel as everybody sees it, oldest first."""
        return [m for m in self.channel.history() if not m.flags.ephemeral]

    async def restart(self) -> None:
        """Another process takes over: a fresh bot on the same services and the same Discord."""
        self.bot = RiffBot(self.services)
        await self.env.restart_bot(self.bot)

    async def restart_and_recover(self) -> None:
        """The same, and what was promised is kept.

        SimCord gives a bot five seconds to come up, which a model on a busy machine may not keep;
        so the recovery is not left to `on_ready` here.
        """
        self.bot = LocalRiffBot(self.services)
        await self.env.restart_bot(self.bot)
        recovery: Any = self.bot.get_cog("recovery")
        await recovery.recover()

    async def restart_jams(self) -> None:
        """RiffBot goes down and comes up again with everything that it keeps on disk."""
        await self.services.jams.close()
        jams = JamManager(
            self.services.engine,
            self.services.images,
            self.services.library,
            self.services.clip_service,
            self.services.settings,
        )
        jams.page = self.services.jams.page
        self.services = replace(self.services, jams=jams)
        self.bot = LocalRiffBot(self.services)
        await self.env.restart_bot(self.bot)
        cog: Any = self.bot.get_cog("jam")
        await cog.resume_all()


@asynccontextmanager
async def open_room(
    settings: Settings,
    *,
    services: Services | None = None,
    local: bool = False,
    **options: Any,
) -> AsyncIterator[Room]:
    """Open the services (unless given) and build a Discord around the bot.

    Args:
        local: the bot is a `LocalRiffBot`, as in `riffbot.local`.
    """
    if services is None:
        async with (
            open_services(settings) as opened,
            open_room(settings, services=opened, local=local, **options) as room,
        ):
            yield room
        return
    bot = LocalRiffBot(services) if local else RiffBot(services)
    options = {"shard_count": 1, "settle_timeout": SETTLE_S, **options}
    async with simcord.run(bot, **options) as env:
        guild = env.create_guild("Test server")
        channel = guild.create_text_channel("riffs")
        moderators = guild.create_role("moderators", permissions=_permissions(manage_messages=True))
        members = {name: guild.add_member(env.create_user(name)) for name in ("ada", "ben")}
        mia = guild.add_member(env.create_user("mia"), roles=[moderators])
        await env.settle()
        yield Room(env, bot, services, guild, channel, members["ada"], members["ben"], mia)


def _permissions(**allowed: bool) -> Any:
    import discord

    return discord.Permissions(**allowed)


def buttons(message: Any) -> Mapping[str, str]:
    """The buttons of a message: label → custom id."""
    return {
        item["label"]: item["custom_id"]
        for row in message.components
        for item in row["components"]
        if item.get("custom_id") and item.get("label")
    }
