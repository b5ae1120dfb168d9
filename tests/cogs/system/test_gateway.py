"""A lost connection to the gateway is trouble once it lasts."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from cogs.system import gateway
from riffbot.health import Health


@pytest.fixture
async def cog() -> gateway.Gateway:
    bot: Any = SimpleNamespace(is_ready=lambda: True, services=SimpleNamespace(health=Health()))
    made = gateway.Gateway(bot)
    await made.cog_load()
    return made


async def test_a_short_loss_is_none_and_a_long_one_is(
    cog: gateway.Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await cog.probe() is None
    await cog.on_shard_disconnect(0)
    assert await cog.probe() is None
    later = time.monotonic() + gateway.LOST_S + 1
    monkeypatch.setattr(gateway.time, "monotonic", lambda: later)
    assert "lost for 61 seconds" in str(await cog.probe())
    await cog.on_shard_disconnect(0)  # another attempt failed: it is lost since the first
    assert await cog.probe() is not None
    await cog.on_shard_resumed(0)
    assert await cog.probe() is None


async def test_before_the_first_connection(cog: gateway.Gateway) -> None:
    cog._bot = SimpleNamespace(is_ready=lambda: False)  # type: ignore[assignment]
    (result,) = [await cog.probe()]
    assert result == "not connected yet"
