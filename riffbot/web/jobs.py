"""Clips under way for the page: a task each, and the newest thing to say about it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from PIL import Image

from riffbot.errors import Cancelled, RiffBotError
from riffbot.inference.job import Picture, Progress, new_id
from riffbot.library.records import Author
from riffbot.request import RiffRequest
from riffbot.studio import Studio
from riffbot.web.views import riff_of

log = logging.getLogger(__name__)

VISITOR = Author(0, "you")
"""The page has no log-in: whoever sits there is the person at this machine."""

KEPT_S = 300.0
"""How long an ended job's last word can still be read, for a browser that was away."""

HEARTBEAT_S = 15.0
"""Proxies close connections that say nothing."""


@dataclass(frozen=True, eq=False)
class Event:
    """One thing to say: `queued`, `step`, `done` or `failed`; the last two are the end."""

    name: str
    data: dict[str, Any]

    @property
    def last(self) -> bool:
        """Whether nothing comes after it."""
        return self.name in ("done", "failed")


class Job:
    """One clip under way. Listeners get the newest event, and each that follows when they are
    quick enough; a slow one misses steps, never the end.
    """

    def __init__(self) -> None:
        self.id = new_id()
        self.task: asyncio.Task[None] | None = None
        self.ended: float | None = None
        self._newest = Event("queued", {"position": 0, "eta_s": None})
        self._changed = asyncio.Event()

    def tell(self, name: str, **data: Any) -> None:
        """Say something to everybody who listens."""
        self._newest = Event(name, data)
        if self._newest.last:
            self.ended = time.monotonic()
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def events(self) -> AsyncIterator[Event | None]:
        """The newest event now and each new one until the last; None is a heartbeat."""
        seen: Event | None = None
        while True:
            changed = self._changed
            if self._newest is not seen:
                seen = self._newest
                yield seen
                if seen.last:
                    return
                continue
            try:
                await asyncio.wait_for(changed.wait(), HEARTBEAT_S)
            except TimeoutError:
                yield None


class Jobs:
    """All clips that the page asked for and that are not long ended."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._jobs: dict[str, Job] = {}

    def start(self, request: RiffRequest, parent: str | None = None) -> Job:
        """Begin to make a clip."""
        self._forget()
        job = Job()
        job.task = asyncio.create_task(self._make(job, request, parent))
        self._jobs[job.id] = job
        return job

    def get(self, job_id: str) -> Job | None:
        """A job that is under way or ended lately."""
        return self._jobs.get(job_id)

    @property
    def running(self) -> int:
        """How many are under way."""
        return sum(job.ended is None for job in self._jobs.values())

    async def cancel(self, job: Job) -> None:
        """Take a clip back, and wait until it is."""
        if job.task is not None and not job.task.done():
            job.task.cancel()
            await asyncio.wait([job.task])
            if job.ended is None:  # it had not even begun
                job.tell("failed", error="Cancelled.", cancelled=True)

    async def close(self) -> None:
        """Take everything back."""
        await asyncio.gather(*(self.cancel(job) for job in self._jobs.values()))

    def _forget(self) -> None:
        before = time.monotonic() - KEPT_S
        for job in list(self._jobs.values()):
            if job.ended is not None and job.ended < before:
                del self._jobs[job.id]

    async def _make(self, job: Job, request: RiffRequest, parent: str | None) -> None:
        try:
            clip = await self._studio.make(
                request,
                author=VISITOR,
                parent=parent,
                on_progress=lambda progress: _progress(job, progress),
                wants_preview=True,
            )
        except (Cancelled, asyncio.CancelledError):
            job.tell("failed", error="Cancelled.", cancelled=True)
        except RiffBotError as error:
            job.tell("failed", error=str(error))
        except Exception:
            log.exception("a clip for the page broke")
            job.tell("failed", error="Something broke in RiffBot; its log has the details.")
        else:
            job.tell("done", riff=riff_of(clip))


def _progress(job: Job, progress: Progress) -> None:
    if progress.stage == "queued":
        job.tell("queued", position=progress.position, eta_s=progress.eta_s)
        return
    preview = None if progress.preview is None else small(progress.preview)
    job.tell(
        "step",
        step=progress.step,
        steps=progress.steps,
        eta_s=progress.eta_s,
        preview=preview,
    )


def small(picture: Picture) -> str:
    """A forming picture at half size, as a data URL of some 30 KB."""
    out = io.BytesIO()
    with contextlib.closing(Image.fromarray(picture)) as image:
        image.reduce(2).save(out, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
