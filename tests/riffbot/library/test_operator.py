"""Blocks, draining, announcements, rules of servers, and the audit log."""

from __future__ import annotations

from datetime import timedelta

import pytest

from riffbot.errors import BadRequest, Disallowed, Refused
from riffbot.jam.snapshot import scrub_jam
from riffbot.library import audit
from riffbot.library.store import Library
from riffbot.rules.policy import ServerRules
from riffbot.settings import Settings
from tests.riffbot.library.conftest import ANN, Add


async def test_blocked_members_and_servers_are_refused(library: Library) -> None:
    await library.operator.check(1, 10)
    await library.operator.block("member", 1, "spam")
    await library.operator.block("member", 1, "more spam")
    await library.operator.block("server", 10)
    for is_new in (True, False):
        with pytest.raises(Disallowed, match="let you"):
            await library.operator.check(1, None, is_new=is_new)
        with pytest.raises(Disallowed, match="this server"):
            await library.operator.check(2, 10, is_new=is_new)
    await library.operator.check(10, 1)  # ids of one kind are not those of the other
    assert {one.reason for one in await library.operator.get_blocks()} == {"more spam", ""}
    assert await library.operator.unblock("member", 1)
    assert not await library.operator.unblock("member", 1)
    await library.operator.check(1, None)


async def test_another_process_drains(library: Library, settings: Settings) -> None:
    other = await Library.open(settings)
    await other.operator.announce("Back at nine.")
    await other.operator.set_draining(True)
    await other.close()
    with pytest.raises(Refused, match=r"restarted.*Back at nine\."):
        await library.operator.check(1, 10)
    await library.operator.check(1, 10, is_new=False)
    await library.operator.set_draining(False)
    await library.operator.check(1, 10)
    await library.operator.announce("")
    assert (await library.operator.get_status()).announced_at is None
    actions = [entry.action for entry in await library.audit.recent()]
    assert actions == ["announced", "drain", "drain", "announced"]


async def test_rules_change_by_field_and_bad_ones_change_nothing(
    library: Library, settings: Settings
) -> None:
    assert await library.guilds.get_rules(10) == await library.guilds.get_rules(None)
    await library.guilds.set_settings(10, dj_role_id=7)
    await library.guilds.change_rules(10, member_hour=3, words=("bad",), word_action="refuse")
    await library.guilds.change_rules(10, channels=(5,))
    with pytest.raises(BadRequest, match="Member_hour"):
        await library.guilds.change_rules(10, member_hour=0, channels=())
    expected = ServerRules(member_hour=3, words=("bad",), word_action="refuse", channels=(5,))
    other = await Library.open(settings)
    try:
        assert await other.guilds.get_rules(10) == expected
        assert await other.guilds.all_rules() == {10: expected}
        assert (await other.guilds.get_settings(10)).dj_role_id == 7
    finally:
        await other.close()


async def test_the_log_says_who_made_what(
    library: Library, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    riff = await add("funky sax")
    await library.audit.add("deleted", actor_id=2, guild_id=11, subject=riff.id)
    deleted, made = await library.audit.recent()
    assert (made.action, made.actor_id, made.guild_id, made.subject, made.detail) == (
        "made", ANN.user_id, ANN.guild_id, riff.id, "riff",
    )  # fmt: skip
    assert (deleted.action, deleted.actor_id) == ("deleted", 2)
    assert [one.action for one in await library.audit.recent(guild_id=11)] == ["deleted"]
    assert [one.action for one in await library.audit.recent(actor_id=ANN.user_id)] == ["made"]

    await library.privacy.erase_member(ANN.user_id, scrub_jam)
    assert [one.actor_id for one in await library.audit.recent()] == [2, None]
    monkeypatch.setattr(audit, "RETENTION", timedelta(0))
    await library.audit.prune()
    assert await library.audit.recent() == []


async def test_a_server_may_shorten_how_long_riffs_stay(library: Library, add: Add) -> None:
    here = await add("here")
    elsewhere = await add("elsewhere", author=type(ANN)(3, "Cy", 11))
    later = here.created_at + timedelta(days=1)
    assert (await library.riffs.expire(later, guild_id=10)).riffs == 1
    assert [riff.id for riff in await library.riffs.recent()] == [elsewhere.id]
