"""Time limits that count only the time in which this process could run.

A limit on waiting is there so that a test does not hang; it claims nothing about speed. On a
machine whose processors are busy with other work a process waits for its turn, and Linux tells
for how long: that much is added to the limit. Trainings, which go by the clock, get one of their
own.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

THREADS = Path("/proc/self/task")
MOST = 10.0
"""A limit grows to so many times itself at most."""

_FIRST_LOOK_S = 0.05


def starved() -> dict[str, float]:
    """Seconds that each of this process's threads has waited for a processor so far.

    Empty where the system does not tell. What a thread waited is forgotten when it ends.
    """
    waited = {}
    with contextlib.suppress(OSError):
        for thread in THREADS.iterdir():
            with contextlib.suppress(OSError, ValueError, IndexError):
                nanoseconds = int((thread / "schedstat").read_text("ascii").split()[1])
                waited[thread.name] = nanoseconds / 1e9
    return waited


def starved_s(before: Mapping[str, float]) -> float:
    """Seconds that one thread has waited for a processor since: the one that waited longest.

    Threads wait at the same time, so that the sum of all would be longer than the time itself.

    Args:
        before: what `starved` said then.
    """
    return max((waited - before.get(name, 0.0) for name, waited in starved().items()), default=0.0)


def by_steps(monkeypatch: pytest.MonkeyPatch, module: ModuleType, step_s: float) -> None:
    """Let `step_s` seconds pass whenever a module looks at its clock, and none in between.

    What is done for so many seconds is then done so many times, on any machine.
    """
    seconds = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: step_s * next(seconds))
    monkeypatch.setattr(module, "time", clock)


@asynccontextmanager
async def patience(seconds: float) -> AsyncIterator[None]:
    """As `asyncio.timeout`, but seconds in which this process got no processor do not count.

    Raises:
        TimeoutError: the block took longer.
    """
    loop = asyncio.get_running_loop()
    began, before = loop.time(), starved()
    looking: asyncio.TimerHandle | None = None
    async with asyncio.timeout(seconds) as limit:

        def look_again_at(ends: float) -> None:
            nonlocal looking
            looking = loop.call_at(ends - _FIRST_LOOK_S, extend, ends)

        def extend(ends: float) -> None:
            allowed = min(seconds + starved_s(before), MOST * seconds)
            if began + allowed > ends + _FIRST_LOOK_S:
                limit.reschedule(began + allowed)
                look_again_at(began + allowed)

        # A timer and no task: SimCord waits for the tasks of its world.
        look_again_at(began + seconds)
        try:
            yield
        finally:
            assert looking is not None
            looking.cancel()
