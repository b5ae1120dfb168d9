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
from typing import Literal

from PIL import Image

from audio.arrays import Pixels
from riffbot.clips.job_runner import AcceptedJob
from riffbot.clips.service import ClipService
from riffbot.errors import Cancelled, Conflict, NotFound, RiffBotError
from riffbot.inference.job import Owner, Progress
from riffbot.library.job_states import UNFINISHED
from riffbot.library.store import Library
from riffbot.library.types import Author
from riffbot.request import RiffRequest
from riffbot.web import schema
from riffbot.web.serializers import RiffLike, serialize_riff

log = logging.getLogger(__name__)

VISITOR = Author(0, "you")
"""The author of all that is made on the page, which has no log-in. Whose turn it is, is another
question: see `visitors.owner_of`."""

KEPT_S = 300.0
"""How long an ended job's last word can still be read, for a browser that was away."""

LOOK_EVERY_S = 1.0
"""How often the row of a job from before a restart is looked at."""

HEARTBEAT_S = 15.0
"""Proxies close connections that say nothing."""


EventData = schema.QueuedEvent | schema.StepEvent | schema.DoneEvent | schema.FailedEvent


@dataclass(frozen=True, eq=False)
class Event:
    """A job's event; `done` and `failed` are the last. `schema.JobEvents` has the data of each."""

    name: Literal["queued", "step", "done", "failed"]
    data: EventData

    @property
    def last(self) -> bool:
        """Whether nothing comes after it."""
        return self.name in ("done", "failed")


class Job:
    """One clip under way. Listeners get the newest event, and each that follows when they are
    quick enough; a slow one misses steps, never the end.

    Attributes:
        id: the row's, and the riff's that it becomes.
        accepted: what was let in; None for a job from before a restart, which is only watched.
    """

    def __init__(self, job_id: str, accepted: AcceptedJob | None = None) -> None:
        self.id = job_id
        self.accepted = accepted
        self.task: asyncio.Task[None] | None = None
        self.ended: float | None = None
        self._newest = Event("queued", schema.QueuedEvent(position=0, eta_s=None))
        self._changed = asyncio.Event()

    def publish(self, event: Event) -> None:
        """Send an event to everybody who follows the job; none comes after the last."""
        if self._newest.last:
            return
        self._newest = event
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

    def __init__(self, clip_service: ClipService, library: Library) -> None:
        self._clip_service = clip_service
        self._library = library
        self._jobs: dict[str, Job] = {}

    async def start(self, request: RiffRequest, owner: Owner, parent: str | None = None) -> Job:
        """Begin to make a clip, which is written down when this returns.

        Raises:
            RiffBotError: as `ClipService.accept`; nothing was begun.
        """
        self._forget()
        accepted = await self._clip_service.accept(
            request, author=VISITOR, owner=owner, parent=parent
        )
        job = Job(accepted.job.id, accepted)
        job.task = asyncio.create_task(self._make(job, accepted))
        self._jobs[job.id] = job
        return job

    def known(self, job_id: str) -> Job | None:
        """A job that `find` gives without a question to the database."""
        return self._jobs.get(job_id)

    async def find(self, job_id: str) -> Job | None:
        """A job that is under way or ended lately, also one from before a restart."""
        if (known := self._jobs.get(job_id)) is not None:
            return known
        try:
            row = await self._library.jobs.get(job_id)
        except NotFound:
            return None
        if (row.author_id, row.channel_id) != (VISITOR.user_id, None):
            return None  # of Discord
        if (known := self._jobs.get(job_id)) is not None:  # two asked at once
            return known
        self._forget()
        job = self._jobs[job_id] = Job(job_id)
        job.task = asyncio.create_task(self._watch(job))
        return job

    @property
    def running(self) -> int:
        """How many are under way."""
        return sum(job.ended is None for job in self._jobs.values())

    async def cancel(self, job: Job) -> None:
        """Take a clip back, and wait until it is."""
        if job.task is None or job.task.done():
            return
        if job.accepted is None and not self._clip_service.cancel(job.id):
            with contextlib.suppress(Conflict, NotFound):  # it ended by itself
                await self._library.jobs.cancel(job.id)
        job.task.cancel()
        await asyncio.wait([job.task])
        if job.task.cancelled() and job.accepted is not None:  # it had not even begun
            await self._clip_service.drop(job.accepted)
        job.publish(_failed("Cancelled.", cancelled=True))

    async def close(self) -> None:
        """Stop, and leave what is not done to the next start."""
        unfinished = [job for job in self._jobs.values() if job.ended is None]
        for job in unfinished:
            job.publish(_failed("RiffBot is stopping."))
            if job.accepted is not None:
                self._clip_service.leave(job.accepted)
            elif job.task is not None:
                job.task.cancel()
        made = [job for job in unfinished if job.accepted is not None]
        await asyncio.gather(*(self.cancel(job) for job in made))

    def _forget(self) -> None:
        before = time.monotonic() - KEPT_S
        for job in list(self._jobs.values()):
            if job.ended is not None and job.ended < before:
                del self._jobs[job.id]

    async def _watch(self, job: Job) -> None:
        """Tell of a job that goes on without us, as its row does."""
        while job.ended is None:
            try:
                row = await self._library.jobs.get(job.id)
                if row.state == "done":
                    job.publish(_done(await self._library.riffs.get(job.id)))
                elif row.state not in UNFINISHED:
                    cancelled = row.state == "cancelled"
                    job.publish(_failed(row.error or "Cancelled.", cancelled=cancelled))
            except RiffBotError as error:
                job.publish(_failed(str(error)))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _make(self, job: Job, accepted: AcceptedJob) -> None:
        try:
            clip = await self._clip_service.carry_out(
                accepted,
                on_progress=lambda progress: _progress(job, progress),
                wants_preview=True,
            )
        except (Cancelled, asyncio.CancelledError):
            job.publish(_failed("Cancelled.", cancelled=True))
        except RiffBotError as error:
            job.publish(_failed(str(error)))
        except Exception:
            log.exception("a clip for the page broke")
            job.publish(_failed("Something broke in RiffBot; its log has the details."))
        else:
            job.publish(_done(clip))


def _done(riff: RiffLike) -> Event:
    return Event("done", schema.DoneEvent(riff=serialize_riff(riff)))


def _failed(sentence: str, *, cancelled: bool | None = None) -> Event:
    data = schema.FailedEvent(error=sentence)
    if cancelled is not None:
        data["cancelled"] = cancelled
    return Event("failed", data)


def _progress(job: Job, progress: Progress) -> None:
    if progress.stage == "queued":
        queued = schema.QueuedEvent(position=progress.position, eta_s=progress.eta_s)
        job.publish(Event("queued", queued))
        return
    step = schema.StepEvent(
        step=progress.step,
        steps=progress.steps,
        eta_s=progress.eta_s,
        preview=None if progress.preview is None else small(progress.preview),
    )
    job.publish(Event("step", step))


def small(picture: Pixels) -> str:
    """A forming picture at half size, as a data URL of some 30 KB."""
    out = io.BytesIO()
    with contextlib.closing(Image.fromarray(picture)) as image:
        image.reduce(2).save(out, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
