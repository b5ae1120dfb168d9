"""The loopback on bad days: lost gateways, rate limits, server errors, cut connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import discord
import pytest

from tests.support.loopback import LoopbackDiscord, LoopbackFailure
from tests.support.loopback.toybot import ToyBot


@pytest.fixture
async def there() -> AsyncIterator[LoopbackDiscord]:
    async with LoopbackDiscord() as place:
        place.add_guild("Band")
        yield place


@pytest.mark.parametrize("code", [4000, 4009, 1006, None])
async def test_a_lost_line_resumes_and_nothing_is_lost(
    there: LoopbackDiscord, code: int | None
) -> None:
    ann = there.member("ann")
    async with there.running(ToyBot()):
        await there.drop_gateway(code=None if code == 1006 else code)
        shown = await ann.slash("echo", text="did you hear me?")  # sent while the line is down
        assert shown.message.content == "did you hear me?"
        assert (there.gateway.identified, there.gateway.resumed) == (1, 1)


async def test_a_reconnect_request_is_followed(there: LoopbackDiscord) -> None:
    ann = there.member("ann")
    async with there.running(ToyBot()):
        there.gateway.ask_reconnect()
        await there.until(lambda: there.gateway.resumed == 1, what="a resume")
        await ann.slash("echo", text="still there")


async def test_an_invalid_session_identifies_again(there: LoopbackDiscord) -> None:
    ann = there.member("ann")
    async with there.running(ToyBot()) as bot:
        there.invalidate_sessions()
        # the library waits five seconds before it identifies again
        await there.until(lambda: there.gateway.identified == 2, what="an identify")
        await ann.slash("echo", text="me again")
        assert len(bot.guilds) == 1


async def test_a_dead_line_is_noticed_by_the_bot() -> None:
    async with LoopbackDiscord(heartbeat_s=0.2) as there:
        there.add_guild()
        async with there.running(ToyBot(heartbeat_timeout=0.5)):
            there.gateway.deaf = True
            await there.until(lambda: not there.gateway.is_ready, what="the bot to hang up")
            there.gateway.deaf = False
            await there.until(lambda: there.gateway.resumed == 1, what="a resume")
            await there.member("ann").slash("echo", text="hello?")


async def test_shards_share_the_servers() -> None:
    async with LoopbackDiscord(shards=2) as there:
        guilds = [there.add_guild(name) for name in ("one", "two", "three")]
        assert {there.gateway.shard_of(guild) for guild in guilds} == {0, 1}
        async with there.running(ToyBot()):
            for guild in guilds:
                await there.member("ann", guild).slash("echo", text=guild.name)


async def test_server_errors_are_survived(there: LoopbackDiscord) -> None:
    ann = there.member("ann")
    async with there.running(ToyBot()):
        there.fail_next("edit_answer", 503)
        shown = await ann.slash("play", sound="kick")
        message = await shown.until(lambda m: m.file(".mp3"))
        assert len(message.attachments[0].content) == 5000  # the retry rewound the file
        statuses = [call.status for call in there.calls if call.route == "edit_answer"]
        assert statuses == [503, 200]


async def test_a_lost_answer_means_a_second_request(there: LoopbackDiscord) -> None:
    ann = there.member("ann")
    async with there.running(ToyBot()):
        there.fail_next("edit_answer", 502, after=True)
        shown = await ann.slash("work")
        await shown.answered()
        await asyncio.sleep(1.2)
        assert len(shown.message.edited_at) == 2


async def test_being_limited_is_waited_out(there: LoopbackDiscord) -> None:
    ann = there.member("ann")
    async with there.running(ToyBot()):
        there.limit_next("edit_answer", retry_after_s=0.2, times=2)
        shown = await ann.slash("work")
        assert (await shown.answered()).content == "done"
        assert there.invalid_requests == 2
        assert there.faults_left == {}


async def test_buckets_make_the_library_wait(there: LoopbackDiscord) -> None:
    async with there.running(ToyBot()) as bot:
        channel = bot.get_channel(there.member("ann").channel.id)
        assert isinstance(channel, discord.TextChannel)
        for number in range(7):
            await channel.send(str(number))
        sends = [call for call in there.calls if call.route == "send_message"]
        assert [call.status for call in sends] == [200] * 7
        assert sends[5].at - sends[0].at > 4  # five in five seconds, kept without a single 429


async def test_forbidden_and_deleted_channels(there: LoopbackDiscord) -> None:
    ann = there.member("ann")
    async with there.running(ToyBot()) as bot:
        channel = bot.get_channel(ann.channel.id)
        assert isinstance(channel, discord.TextChannel)
        there.forbid(ann.channel, attach_files=True)
        await channel.send("words are fine")
        with pytest.raises(discord.Forbidden):
            await channel.send(file=discord.File(__file__))
        there.delete_channel(ann.channel)
        with pytest.raises(discord.NotFound):
            await channel.send("anybody?")
        assert there.invalid_requests == 1


async def test_a_cut_connection(there: LoopbackDiscord) -> None:
    ann = there.member("ann")
    async with there.running(ToyBot()) as bot:
        there.cut_next("edit_answer")
        shown = await ann.slash("play", sound="kick")
        async with asyncio.timeout(2):
            while not bot.errors:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert shown.message.is_loading
        assert isinstance(bot.errors[0], aiohttp.ClientError)


async def test_only_routes_that_exist_can_fail(there: LoopbackDiscord) -> None:
    with pytest.raises(LoopbackFailure, match="edit_answer"):
        there.fail_next("no_such_route", 503)
