"""Files are read a few at a time, and not endlessly many wait."""

from __future__ import annotations

import asyncio
import threading

import pytest

from riffbot.errors import Refused
from riffbot.file_threads import FileSlots, run_in_file_thread


async def test_of_many_files_a_few_are_read_some_wait_and_the_rest_is_refused() -> None:
    turns, go = FileSlots(2, waiting=3), asyncio.Event()
    reading, most = 0, 0

    async def one() -> None:
        nonlocal reading, most
        async with turns:
            reading += 1
            most = max(most, reading)
            await go.wait()
            reading -= 1

    tasks = [asyncio.create_task(one()) for _ in range(9)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [task.done() for task in tasks] == [False] * 5 + [True] * 4
    go.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[:5] == [None] * 5
    for result in results[5:]:
        assert isinstance(result, Refused)
        assert str(result).endswith("please try again in a moment.")
    assert most == 2
    async with turns:  # whoever comes later is served
        pass


async def test_who_gives_up_waiting_leaves_the_place_to_others() -> None:
    turns = FileSlots(1, waiting=1)
    async with turns:
        waiting = asyncio.create_task(turns.__aenter__())
        await asyncio.sleep(0)
        with pytest.raises(Refused):
            await turns.__aenter__()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        other = asyncio.create_task(turns.__aenter__())
        await asyncio.sleep(0)
        assert not other.done()
    await other
    await turns.__aexit__()


async def test_slow_files_leave_the_shared_threads_to_others() -> None:
    """As many files as the shared threads could hold, none of which is done."""
    done = threading.Event()
    files = [asyncio.create_task(run_in_file_thread(done.wait, 30)) for _ in range(64)]
    try:
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "read"), 20) == "read"
        assert not any(file.done() for file in files)
    finally:
        done.set()
        assert all(await asyncio.gather(*files))
