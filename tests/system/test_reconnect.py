"""The gateway goes away while a riff is being made: nothing that was asked for is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.loopback import LoopbackDiscord
from tests.support.loopback.real import Paced, is_result, on_stage


@pytest.mark.parametrize("code", [4000, None], ids=["closed", "cut"])
async def test_a_lost_line_resumes(tmp_path: Path, code: int | None) -> None:
    paced = Paced()
    async with LoopbackDiscord() as there:
        there.add_guild()
        ann, bob = there.member("ann"), there.member("bob")
        async with on_stage(there, tmp_path, paced=paced):
            paced.gate.clear()
            before = await ann.slash("riff", prompt="before")
            await paced.holding()
            await there.drop_gateway(code=code)
            away = await bob.slash("riff", prompt="while it was away")
            assert there.gateway.resumed == 1
            paced.gate.set()
            for shown, prompt in ((before, "before"), (away, "while it was away")):
                message = await shown.until(is_result, timeout_s=60)
                assert prompt in message.text
            again = await ann.click(before.message, "New seed")
            await again.until(is_result, timeout_s=60)
        assert there.invalid_requests == 0


async def test_a_new_session(tmp_path: Path) -> None:
    paced = Paced()
    async with LoopbackDiscord() as there:
        there.add_guild()
        ann = there.member("ann")
        async with on_stage(there, tmp_path, paced=paced):
            paced.gate.clear()
            before = await ann.slash("riff", prompt="before")
            await paced.holding()
            there.invalidate_sessions()
            await there.until(lambda: there.gateway.identified == 2, what="a new session")
            paced.gate.set()
            result = await before.until(is_result, timeout_s=60)
            again = await ann.click(result, "New seed")
            await again.until(is_result, timeout_s=60)
            await asyncio.sleep(2.5)  # on_ready comes a second time, and must not start anything
        results = [message for message in ann.channel.messages if is_result(message)]
        assert len(results) == 2
        assert there.state.syncs == 1


async def test_discord_takes_its_machine_away(tmp_path: Path) -> None:
    async with LoopbackDiscord(shards=2) as there:
        members = [there.member(name, there.add_guild(name)) for name in ("ann", "bob")]
        async with on_stage(there, tmp_path):
            there.gateway.ask_reconnect()
            await there.until(lambda: there.gateway.resumed == 2, what="both shards to resume")
            for member in members:
                shown = await member.slash("riff", prompt=member.user.name)
                await shown.until(is_result, timeout_s=60)
