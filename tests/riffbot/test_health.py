"""Probes answer for all parts, however badly one of them behaves."""

from __future__ import annotations

import asyncio

import pytest

from riffbot import health
from riffbot.health import Health


async def well() -> str | None:
    return None


async def ill() -> str | None:
    return "it is ill"


async def broken() -> str | None:
    raise ValueError("secret")


async def stuck() -> str | None:
    await asyncio.sleep(1000)
    return None


async def test_every_part_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PROBE_S", 0.05)
    checks = Health()
    checks.add("well", well, is_vital=True)
    checks.add("ill", ill)
    checks.add("broken", broken)
    checks.add("stuck", stuck)
    troubles = {result.name: result.trouble for result in await checks.check()}
    assert troubles["well"] is None
    assert troubles["ill"] == "it is ill"
    assert "the log has the details" in str(troubles["broken"])
    assert "secret" not in str(troubles["broken"])
    assert "no answer" in str(troubles["stuck"])
    assert [result.name for result in await checks.check() if result.is_vital] == ["well"]


async def test_an_answer_holds_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    async def count() -> str | None:
        nonlocal asked
        asked += 1
        return None

    checks = Health()
    checks.add("count", count)
    await asyncio.gather(*(checks.check() for _ in range(50)))
    assert asked == 1
    monkeypatch.setattr(health, "FRESH_S", 0.0)
    await checks.check()
    assert asked == 2


async def test_a_probe_replaces_another_of_its_name() -> None:
    checks = Health()
    checks.add("part", ill)
    await checks.check()
    checks.add("part", well)
    assert [result.trouble for result in await checks.check()] == [None]
