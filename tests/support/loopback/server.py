"""LoopbackDiscord: the whole of it, started and stopped by a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from types import TracebackType
from typing import Self, TypeVar

import discord
from aiohttp import web

from tests.support.loopback.clock import Clock
from tests.support.loopback.errors import ApiError, BotBrokeARule, LoopbackFailure
from tests.support.loopback.faults import Fault, Faults, Scope
from tests.support.loopback.gateway import Gateway
from tests.support.loopback.members import Member
from tests.support.loopback.messages import Message
from tests.support.loopback.ratelimits import Limited, RateLimits
from tests.support.loopback.rest.application import ApplicationRoutes
from tests.support.loopback.rest.callbacks import CallbackRoutes
from tests.support.loopback.rest.channels import ChannelRoutes, mount_cdn
from tests.support.loopback.rest.router import Call, Router
from tests.support.loopback.rest.webhooks import WebhookRoutes
from tests.support.loopback.state import TOKEN, State
from tests.support.loopback.voice.calls import Calls
from tests.support.loopback.wiring import discord_py_at
from tests.support.loopback.world import MIB, Channel, Guild, VoiceChannel

T = TypeVar("T")
Bot = TypeVar("Bot", bound=discord.Client)


class LoopbackDiscord:
    """A Discord on 127.0.0.1 for one bot, over real sockets.

    `async with LoopbackDiscord() as there:` starts it and points discord.py at it; on the way out
    it raises what it could not model (`LoopbackFailure`) and what rules the bot broke
    (`BotBrokeARule`), unless the test took those with `take_breaches`.

    Args:
        shards: how many shards the bot is told to start.
        token_life_s: how long an interaction can be answered, at most 900 s.
        heartbeat_s: the heartbeat interval that the gateway asks for.
    """

    def __init__(
        self, *, shards: int = 1, token_life_s: float = 900.0, heartbeat_s: float = 41.25
    ) -> None:
        self.state = State(token_life_s=token_life_s)
        self.gateway = Gateway(self.state, shards)
        self.gateway.heartbeat_s = heartbeat_s
        self.voice = Calls(self.state, self.gateway)
        self.limits = RateLimits()
        self._faults = Faults()
        self._router = Router(self.state, self._faults, self.limits)
        self._application = ApplicationRoutes(self.state, lambda: self.gateway.url, shards)
        self._runner = web.AppRunner(self._app(), shutdown_timeout=1.0)
        self._undo = ExitStack()

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=512 * MIB)
        self._router.mount(app, self._application.routes())
        self._router.mount(app, CallbackRoutes(self.state).routes())
        self._router.mount(app, WebhookRoutes(self.state).routes())
        self._router.mount(app, ChannelRoutes(self.state).routes())
        mount_cdn(app, self.state)
        app.router.add_get("/gateway", self.gateway.serve)
        self._router.unknown(app)
        return app

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await self.voice.start()
        # A crowd connects at once: beyond the backlog the kernel would let it wait for a second.
        site = web.TCPSite(self._runner, "127.0.0.1", 0, backlog=4096)
        await site.start()
        port = self._runner.addresses[0][1]
        self.state.base_url = f"http://127.0.0.1:{port}"
        self._undo.enter_context(discord_py_at(self.state.base_url))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._undo.close()
        await self.gateway.drop(1001)
        await self.voice.stop()
        await self._runner.cleanup()
        if error is None:
            self.state.raise_failures()
            if self.state.breaches:
                raise BotBrokeARule("; ".join(map(str, self.state.breaches)))

    # -- the world ---------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        """Discord's clock; `clock.advance(900)` kills all tokens."""
        return self.state.clock

    @property
    def token(self) -> str:
        """The token that the bot must show."""
        return TOKEN

    def add_guild(self, name: str = "Band", *, channels: tuple[str, ...] = ("general",)) -> Guild:
        """A server that the bot has been invited to. Call before the bot starts."""
        # a millisecond apart, because the shard is made from the time in the id
        born = self.state.clock.now() - 86_400 + len(self.state.guilds) / 1000
        number = self.state.ids.mint(born=born)
        guild = Guild(number, name, self.state.owner, self.state.bot)
        self.state.guilds[guild.id] = guild
        for channel in channels:
            self.add_channel(guild, channel)
        return guild

    def add_channel(self, guild: Guild, name: str) -> Channel:
        """A text channel in a server."""
        channel = Channel(self.state.ids.mint(), name, guild)
        self._open(channel, guild)
        return channel

    def add_voice_channel(
        self, guild: Guild, name: str = "Jam", *, bitrate: int = 64_000
    ) -> VoiceChannel:
        """A voice channel in a server."""
        channel = VoiceChannel(self.state.ids.mint(), name, guild, bitrate=bitrate)
        self._open(channel, guild)
        return channel

    def _open(self, channel: Channel, guild: Guild) -> None:
        guild.channels.append(channel)
        self.state.channels[channel.id] = channel
        self.gateway.dispatch("CHANNEL_CREATE", channel.payload(), guild)

    def member(self, name: str, guild: Guild | None = None, *, locale: str = "en-US") -> Member:
        """A new person in the first channel of a server (of the first server, unless told)."""
        home = guild or next(iter(self.state.guilds.values()))
        user = self.state.add_user(name, locale=locale)
        return Member(user, home.channels[0], self.state, self.gateway, self.voice)

    def forbid(self, channel: Channel, **permissions: bool) -> None:
        """Take permissions from the bot in a channel: `forbid(channel, attach_files=True)`."""
        channel.denied.update(**permissions)
        self.gateway.dispatch("CHANNEL_UPDATE", channel.payload(), channel.guild)

    def delete_channel(self, channel: Channel) -> None:
        """Somebody deletes a channel."""
        channel.deleted = True
        self.gateway.dispatch("CHANNEL_DELETE", channel.payload(), channel.guild)

    def delete_message(self, message: Message) -> None:
        """A moderator deletes a message."""
        message.deleted = True
        if message in message.channel.messages:
            message.channel.messages.remove(message)

    # -- the bot -----------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self, bot: Bot, *, timeout_s: float = 60.0) -> AsyncIterator[Bot]:
        """The bot, from login to close; raises what ended it."""
        task = asyncio.create_task(bot.start(TOKEN))
        task.add_done_callback(lambda _: self.state.pulse.beat())

        def look() -> bool:
            if task.done():
                task.result()
                raise LoopbackFailure("the bot stopped by itself")
            return self.gateway.is_ready

        try:
            await self.until(look, timeout_s=timeout_s, what="the bot on the gateway")
            await self._acquainted(bot)
            yield bot
        finally:
            await bot.close()
            await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled() and task.exception() is not None:
            task.result()

    async def _acquainted(self, bot: discord.Client) -> None:
        """Let the bot take in the servers that it was told of; the library says so only later."""
        async with asyncio.timeout(10):
            for guild_id in self.state.guilds:
                while (guild := bot.get_guild(guild_id)) is None or guild.unavailable:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)

    async def ready(self, *, timeout_s: float = 60.0) -> None:
        """Wait for a bot in another process: on the gateway with all shards."""
        await self.until(
            lambda: self.gateway.is_ready, timeout_s=timeout_s, what="the bot on the gateway"
        )

    async def until(
        self, look: Callable[[], T | None], *, timeout_s: float = 30.0, what: str = "a change"
    ) -> T:
        """Wait until `look` finds something about gateway, commands or sessions."""

        def guarded() -> T | None:
            self.state.raise_failures()
            return look()

        return await self.state.pulse.until(guarded, timeout_s=timeout_s, what=what)

    async def posted(
        self, channel: Channel, wanted: Callable[[Message], object], *, timeout_s: float = 30.0
    ) -> Message:
        """The newest public message of a channel that `wanted` accepts, once there is one."""

        def look() -> Message | None:
            self.state.raise_failures()
            return next((m for m in reversed(channel.messages) if wanted(m)), None)

        return await channel.pulse.until(
            look, timeout_s=timeout_s, what=f"a post in {channel.name}"
        )

    async def cleared(
        self, channel: Channel, unwanted: Callable[[Message], object], *, timeout_s: float = 30.0
    ) -> None:
        """Wait until a channel shows no public message that `unwanted` accepts."""

        def look() -> bool:
            self.state.raise_failures()
            return not any(map(unwanted, channel.messages))

        what = f"#{channel.name} to be tidied"
        await channel.pulse.until(look, timeout_s=timeout_s, what=what)

    # -- misfortunes -------------------------------------------------------------------------

    def fail_next(
        self,
        route: str,
        status: int,
        *,
        times: int = 1,
        code: int = 0,
        message: str = "",
        after: bool = False,
    ) -> None:
        """Answer the next requests to a route with an error.

        Args:
            route: its name in the tables of `loopback.rest`, for example "edit_answer".
            after: the request takes effect, and only the answer is lost.
        """
        fault = Fault(status=status, code=code, message=message, after=after)
        self._faults.plan(route, fault, times)

    def limit_next(
        self, route: str, *, retry_after_s: float, scope: Scope = "user", times: int = 1
    ) -> None:
        """Answer the next requests to a route with 429."""
        self._faults.plan(route, Fault(limited=Limited(retry_after_s, scope)), times)

    def slow_next(self, route: str, *, delay_s: float, times: int = 1) -> None:
        """Let the next requests to a route take longer."""
        self._faults.plan(route, Fault(delay_s=delay_s), times)

    def cut_next(self, route: str, *, times: int = 1, after: bool = False) -> None:
        """Close the connection on the next requests to a route instead of answering."""
        self._faults.plan(route, Fault(cut=True, after=after), times)

    @property
    def faults_left(self) -> dict[str, int]:
        """Planned faults that no request has met yet, by route."""
        return self._faults.left

    async def drop_gateway(self, *, code: int | None = 4000) -> None:
        """Close the gateway's lines with a code, or cut them (None). Sessions can resume."""
        await self.gateway.drop(code)

    def invalidate_sessions(self) -> None:
        """Forget all sessions: INVALID_SESSION, and the bot must identify again."""
        self.gateway.forget()

    # -- the books ---------------------------------------------------------------------------

    @property
    def calls(self) -> list[Call]:
        """Every request that was answered, in order."""
        return self._router.calls

    @property
    def invalid_requests(self) -> int:
        """Answers that count towards the 10,000 in ten minutes."""
        return self.limits.invalid

    def take_breaches(self) -> list[ApiError]:
        """The rules that the bot broke so far; they no longer fail the test."""
        taken = list(self.state.breaches)
        self.state.breaches.clear()
        return taken
