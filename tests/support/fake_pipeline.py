"""A pipeline whose gates the test opens: honest about what it is given, instant at what it does.

Its picture is a function of the resolved request alone, so a test can tell whose picture it got.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from audio.arrays import Pixels
from riffbot.errors import Cancelled
from riffbot.images import Images
from riffbot.inference.batching import batch_key, steps_to_run
from riffbot.inference.models.model import Defaults, ModelCard
from riffbot.inference.pipeline.pipeline import StepEvent
from riffbot.request import RiffRequest
from tests.support.patience import patience

CARD = ModelCard(
    name="fake",
    defaults=Defaults(steps=4, guidance=3.0, scheduler="flow", width=64),
    schedulers=("flow",),
    width_multiple=16,
)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another thread brings about."""
    async with patience(20):
        while not condition():  # noqa: ASYNC110  # a thread has no asyncio.Event to set
            await asyncio.sleep(0.005)


def drawn(request: RiffRequest) -> Pixels:
    """The picture that the fake draws for a resolved request."""
    digest = hashlib.sha256(request.model_dump_json().encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    return rng.integers(0, 256, (512, request.width or 0), dtype=np.uint8)


@dataclass
class FakePipeline:
    """Draws without a model.

    Attributes:
        device: what `model.device` says; batches are made on anything but a CPU.
        gate: every step waits for it; open unless a test closes it.
        batches: the requests of every run that began, in order.
        trouble: called with the requests of a run before it computes; may raise.
    """

    device: str = "cpu"
    gate: threading.Event = field(default_factory=threading.Event)
    batches: list[list[RiffRequest]] = field(default_factory=list)
    trouble: Callable[[Sequence[RiffRequest]], None] = lambda _: None
    steps_done: int = 0
    threads: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.model = SimpleNamespace(name="fake", hash="f" * 64, card=CARD, device=self.device)
        self.images = Images(Path("no-such-folder"))
        self.gate.set()

    @property
    def prompts(self) -> list[str]:
        """The prompts in the order in which they were computed."""
        return [request.prompt for batch in self.batches for request in batch]

    def run(
        self,
        requests: Sequence[RiffRequest],
        *,
        on_step: Callable[[StepEvent], bool | None] | None = None,
    ) -> list[Pixels]:
        """As the real one, without a model."""
        assert len({batch_key(request) for request in requests}) == 1
        self.threads.add(threading.current_thread().name)
        self.batches.append(list(requests))
        self.trouble(requests)
        steps = steps_to_run(requests[0])
        for step in range(1, steps + 1):
            assert self.gate.wait(30), "the test never opened the gate"
            self.steps_done += 1
            event = StepEvent(step, steps, lambda: [drawn(request) for request in requests])
            if on_step is not None and on_step(event) is False:
                raise Cancelled("the fake was told to stop")
        return [drawn(request) for request in requests]
