"""Streams to readers of every speed."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from riffbot.web import stream_writing


class Stream:
    """Takes what is written."""

    def __init__(self, *, stuck: bool = False) -> None:
        self.stuck = stuck
        self.written = 0

    async def write(self, data: bytes) -> None:
        self.written += len(data)
        if self.stuck:
            await asyncio.Event().wait()


async def test_a_fast_reader_does_not_keep_everybody_else_waiting() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    stream: Any = Stream()
    request: Any = SimpleNamespace(transport=None)
    for _ in range(100):
        await stream_writing.write_or_abort(request, stream, b"page")
    task.cancel()
    assert stream.written == 400
    assert turns >= 99


async def test_who_never_reads_is_gone_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_writing, "WRITE_TIMEOUT_S", 0.05)
    aborted = []
    stream: Any = Stream(stuck=True)
    request: Any = SimpleNamespace(transport=SimpleNamespace(abort=lambda: aborted.append(1)))
    with pytest.raises(ConnectionError):
        await stream_writing.write_or_abort(request, stream, b"page")
    assert aborted == [1]
