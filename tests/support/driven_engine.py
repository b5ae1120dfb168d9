"""An engine to drive: its model is a fake, and a line can be made to form."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

from riffbot.inference.engine.engine import Engine, GeneratedRiff, Requester
from riffbot.request import RiffRequest
from tests.support.fake_pipeline import FakePipeline, until

Submission = asyncio.Task[GeneratedRiff]


@asynccontextmanager
async def running(pipeline: FakePipeline, **options: object) -> AsyncIterator[Engine]:
    """An engine with its model loaded."""
    engine = Engine(lambda: pipeline, **options)  # type: ignore[arg-type]
    try:
        await until(lambda: engine.stats().state == "ready")
        yield engine
    finally:
        pipeline.gate.set()
        await engine.close()


def ask(
    engine: Engine, prompt: str, user: int = 1, guild: int = 1, **options: object
) -> Submission:
    # Stored requests may have prompts that cannot be parsed: the engine refuses those.
    request = RiffRequest.build_unparsed(prompt=prompt, seed=7, width=64)
    return asyncio.create_task(
        engine.submit(request, owner=Requester(user, guild), **options)  # type: ignore[arg-type]
    )


async def answers(*tasks: Awaitable[GeneratedRiff]) -> list[GeneratedRiff | BaseException]:
    return list(await asyncio.gather(*tasks, return_exceptions=True))


async def held(engine: Engine, pipeline: FakePipeline) -> Submission:
    """A first clip that keeps the worker busy until the gate opens, so that a line can form."""
    pipeline.gate.clear()
    task = ask(engine, "first", user=999, guild=999)
    await until(lambda: engine.stats().running == 1)
    return task
