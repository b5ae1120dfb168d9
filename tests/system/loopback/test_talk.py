"""The loopback as a place to talk in: commands, buttons, modals, files, and Discord's rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import nullcontext, suppress

import aiohttp
import discord
import pytest

from tests.support.loopback import (
    BotBrokeARule,
    DidNotRespond,
    LoopbackDiscord,
    LoopbackFailure,
    Member,
    Upload,
)
from tests.support.loopback.toybot import ToyBot


@pytest.fixture
async def there() -> AsyncIterator[LoopbackDiscord]:
    async with LoopbackDiscord() as place:
        place.add_guild("Band", channels=("general", "jam"))
        yield place


@pytest.fixture
async def bot(there: LoopbackDiscord) -> AsyncIterator[ToyBot]:
    toy = ToyBot()
    async with there.running(toy):
        yield toy


@pytest.fixture
def ann(there: LoopbackDiscord, bot: ToyBot) -> Member:
    return there.member("ann")


async def test_a_command_is_answered(ann: Member) -> None:
    shown = await ann.slash("echo", text="hello @everyone")
    assert shown.message.content == "hello @everyone"
    assert shown.message.pings == set()
    assert shown.message in ann.channel.messages
    assert 0 < shown.acknowledged_s < 3


async def test_an_ephemeral_answer_is_seen_by_one(there: LoopbackDiscord, ann: Member) -> None:
    shown = await ann.slash("echo", text="psst", secret=True)
    assert shown.message.audience is ann.user
    assert ann.channel.messages == []


async def test_files_arrive_whole_and_are_served(ann: Member) -> None:
    shown = await ann.slash("play", sound="kick")
    message = await shown.until(lambda m: m.file(".mp3"))
    mp3, png = message.attachments
    assert mp3.content == b"\x00\xffmp3" * 1000
    assert (png.filename, png.description) == ("wave.png", "a wave")
    assert message.text == "kick\n4 beats"
    async with aiohttp.ClientSession() as web, web.get(mp3.url) as answer:
        assert await answer.read() == mp3.content
        assert answer.content_type == "audio/mpeg"


async def test_suggestions_follow_the_typing(ann: Member) -> None:
    assert await ann.suggestions("play", "sound", "s") == [{"name": "Snare", "value": "snare"}]


async def test_the_client_refuses_what_does_not_fit(ann: Member) -> None:
    with pytest.raises(LoopbackFailure, match="refuses 9"):
        await ann.slash("play", sound="kick", beats=9)
    with pytest.raises(LoopbackFailure, match="no option"):
        await ann.slash("play", sound="kick", volume=11)


async def test_a_dynamic_button_outlives_the_bot(there: LoopbackDiscord) -> None:
    ann = there.member("ann")
    async with there.running(ToyBot()):
        shown = await ann.slash("play", sound="hat")
        message = await shown.until(lambda m: m.buttons())
    async with there.running(ToyBot()):
        pressed = await ann.click(message, "Again")
        assert pressed.message.content == "hat again"


async def test_a_modal_is_opened_filled_in_and_submitted(ann: Member) -> None:
    shown = await ann.slash("panel")
    opened = await ann.click(shown.message, "Rename…")
    with pytest.raises(LoopbackFailure, match="refuses"):
        await ann.submit(opened, **{"New name": "x" * 21})
    await ann.submit(opened, **{"New name": "bassline"})
    assert shown.message.content == "renamed bassline"


async def test_a_member_uploads_a_file(ann: Member) -> None:
    shown = await ann.slash("upload", file=Upload("beat.wav", b"RIFF" * 10))
    assert shown.message.content == "beat.wav: 40 bytes"


async def test_a_private_conversation(ann: Member) -> None:
    shown = await ann.in_private().slash("echo", text="just us")
    assert shown.message.channel.recipient is ann.user


async def test_a_dead_token_is_401_and_the_channel_still_works(
    there: LoopbackDiscord, bot: ToyBot, ann: Member
) -> None:
    bot.gate.clear()
    shown = await ann.slash("work")
    there.clock.advance(901)
    bot.gate.set()
    late = await there.posted(ann.channel, lambda m: "edited" in m.content)
    assert shown.message.is_loading
    assert late is not shown.message
    (error,) = bot.errors
    assert isinstance(error, discord.HTTPException)
    assert (error.status, error.code) == (401, 50027)
    assert there.invalid_requests == 1


async def test_both_sides_see_a_short_token_die(there: LoopbackDiscord, bot: ToyBot) -> None:
    there.state.token_life_s = 0.2
    bot.gate.clear()
    shown = await there.member("bob").slash("work")
    expires = shown.interaction.expires
    assert expires == pytest.approx(there.clock.now() + 0.2, abs=0.15)


async def test_no_acknowledgement(there: LoopbackDiscord, ann: Member) -> None:
    there.state.acknowledge_s = 0.2
    with pytest.raises(DidNotRespond, match="ann"):
        await ann.slash("sulk")


@pytest.mark.parametrize(
    ("how", "code"), [("long", 50035), ("twice", 40060), ("attachment", 50035), ("late", 10062)]
)
async def test_broken_rules_are_refused_and_remembered(
    there: LoopbackDiscord, ann: Member, how: str, code: int
) -> None:
    there.state.acknowledge_s = 0.3
    with nullcontext() if how == "twice" else pytest.raises(DidNotRespond):
        await ann.slash("wrong", how=how)
    await there.until(lambda: there.state.breaches or None, timeout_s=2, what="a breach")
    (breach,) = there.take_breaches()
    assert breach.body["code"] == code


async def misbehave(how: str) -> None:
    async with LoopbackDiscord() as there:
        there.state.acknowledge_s = 0.3
        there.add_guild()
        async with there.running(ToyBot()):
            with suppress(DidNotRespond):
                await there.member("ann").slash("wrong", how=how)


async def test_a_breach_that_nobody_expected_fails_the_test() -> None:
    with pytest.raises(BotBrokeARule, match="50035"):
        await misbehave("long")


async def test_an_unknown_route_fails_the_test() -> None:
    with pytest.raises(LoopbackFailure, match="no route GET /api/v10/guilds/1"):
        await misbehave("unmodelled")


async def test_a_wrong_token_is_a_login_failure() -> None:
    async with LoopbackDiscord() as there:
        toy = ToyBot()
        with pytest.raises(discord.LoginFailure):
            await toy.login("wrong")
        await toy.close()
        assert [breach.status for breach in there.take_breaches()] == [401]
