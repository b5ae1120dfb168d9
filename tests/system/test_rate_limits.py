"""Discord's bad days and its rules: 429s, 5xx, dead tokens, closed doors. The riff arrives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.loopback import LoopbackDiscord, Member, Message
from tests.support.loopback.faults import Scope
from tests.support.loopback.real import Paced, is_result, on_stage

EDIT = "edit_answer"


@pytest.fixture
def paced() -> Paced:
    return Paced()


@pytest.fixture
async def there(tmp_path: Path, paced: Paced) -> AsyncIterator[LoopbackDiscord]:
    async with LoopbackDiscord() as place:
        place.add_guild()
        async with on_stage(place, tmp_path, paced=paced):
            yield place


@pytest.fixture
def ann(there: LoopbackDiscord) -> Member:
    return there.member("ann")


def statuses(there: LoopbackDiscord, route: str) -> list[int]:
    return [call.status for call in there.calls if call.route == route]


@pytest.mark.parametrize("scope", ["user", "global", "shared"])
async def test_limits_are_waited_out(there: LoopbackDiscord, ann: Member, scope: Scope) -> None:
    there.limit_next("callback", retry_after_s=0.2, scope=scope)
    there.limit_next(EDIT, retry_after_s=0.3, scope=scope, times=2)
    shown = await ann.slash("riff", prompt="patience")
    await shown.until(is_result, timeout_s=60)
    assert there.faults_left == {}
    assert there.invalid_requests == (0 if scope == "shared" else 3)


async def test_server_errors_are_survived(there: LoopbackDiscord, ann: Member) -> None:
    there.fail_next("callback", 502)
    there.fail_next(EDIT, 503)
    there.fail_next(EDIT, 500)
    shown = await ann.slash("riff", prompt="a bad day")
    message = await shown.until(is_result, timeout_s=60)
    mp3 = message.file(".mp3")
    assert mp3 is not None
    assert mp3.content[:3] == b"ID3"  # uploaded a second time from its first byte
    assert there.faults_left == {}
    assert there.invalid_requests == 0


async def test_a_cut_connection_costs_no_riff(
    there: LoopbackDiscord, ann: Member, paced: Paced
) -> None:
    paced.gate.clear()
    await ann.slash("riff", prompt="a flaky line")
    await paced.holding()
    there.cut_next(EDIT, times=2)  # a progress edit and, at the latest, the result
    paced.gate.set()
    await there.posted(ann.channel, is_result, timeout_s=60)
    await there.cleared(ann.channel, lambda message: not is_result(message))


async def held(ann: Member, paced: Paced) -> None:
    paced.gate.clear()
    await ann.slash("riff", prompt="a long one")
    await paced.holding()


async def late(there: LoopbackDiscord, ann: Member, paced: Paced) -> Message:
    paced.gate.set()
    return await there.posted(ann.channel, is_result, timeout_s=60)


async def test_after_the_token_the_riff_comes_by_the_channel(
    there: LoopbackDiscord, ann: Member, paced: Paced
) -> None:
    await held(ann, paced)
    there.clock.advance(901)
    message = await late(there, ann, paced)
    assert message.interaction is None
    assert f"<@{ann.user.id}>" in message.content
    assert message.pings == set()
    assert there.invalid_requests <= 3
    pressed = await ann.click(message, "New seed")
    await pressed.until(is_result, timeout_s=60)


async def test_a_token_that_both_know_to_be_dead(
    there: LoopbackDiscord, ann: Member, paced: Paced
) -> None:
    there.state.token_life_s = 1.0
    await held(ann, paced)
    there.clock.advance(1.0)
    await late(there, ann, paced)
    assert there.invalid_requests <= 3


async def test_a_deleted_message_is_replaced(
    there: LoopbackDiscord, ann: Member, paced: Paced
) -> None:
    await held(ann, paced)
    there.delete_message(ann.channel.messages[-1])
    await late(there, ann, paced)
    assert statuses(there, EDIT).count(404) <= 2
    assert there.invalid_requests == 0


async def test_without_the_right_to_attach_the_member_still_hears(
    there: LoopbackDiscord, ann: Member, paced: Paced
) -> None:
    await held(ann, paced)
    there.clock.advance(901)
    there.forbid(ann.channel, attach_files=True)
    paced.gate.set()
    await there.posted(ann.channel, lambda message: "in the library" in message.text, timeout_s=60)
    assert there.invalid_requests <= 4


async def test_a_deleted_channel_sends_it_by_mail(
    there: LoopbackDiscord, ann: Member, paced: Paced
) -> None:
    await held(ann, paced)
    there.clock.advance(901)
    there.delete_channel(ann.channel)
    paced.gate.set()
    mail = there.state.direct_channel(ann.user)
    await there.posted(mail, is_result, timeout_s=60)
