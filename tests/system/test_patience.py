"""A slow machine is no failed test, and a hanging one still is."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.support import patience as module
from tests.support.patience import patience, starved_s


async def test_a_limit_holds_where_the_machine_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "starved_s", lambda _: 0.0)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with patience(0.2):
            await asyncio.sleep(60)
    assert time.monotonic() - began >= 0.2


async def test_time_without_a_processor_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    # It got a processor in a quarter of the time.
    monkeypatch.setattr(module, "starved_s", lambda _: 0.75 * (time.monotonic() - began))
    async with patience(0.2):
        await asyncio.sleep(0.4)
    with pytest.raises(TimeoutError):
        async with patience(0.1):
            await asyncio.sleep(60)


async def test_even_a_machine_that_is_always_busy_ends_what_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began = time.monotonic()
    monkeypatch.setattr(module, "starved_s", lambda _: 100 * (time.monotonic() - began))
    with pytest.raises(TimeoutError):
        async with patience(0.06):
            await asyncio.sleep(60)


async def test_what_is_done_in_time_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    async with patience(30):
        pass
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    assert starved_s({}) >= 0.0


def test_threads_that_wait_at_the_same_time_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {"1": 5.0, "2": 1.0, "ended": 9.0}
    now = {"1": 5.25, "2": 1.5, "3": 0.125}
    monkeypatch.setattr(module, "starved", lambda: now)
    assert starved_s(before) == 0.5
    monkeypatch.setattr(module, "starved", dict)
    assert starved_s(before) == 0.0
