"""Jobs of the page: a task for each riff that is being made, and its newest event."""

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
from riffbot.inference.job import Progress, Requester
from riffbot.library.job_states import UNFINISHED
from riffbot.library.store import Library
from riffbot.library.types import Author
from riffbot.request import RiffRequest
from riffbot.web import schema
from riffbot.web.serializers import RiffLike, serialize_riff

log = logging.getLogger(__name__)

PAGE_AUTHOR = Author(0, "you")
"""The author of all riffs of the page, which has no log-in. The queue goes by
`visitors.get_requester` instead."""

KEEP_ENDED_S = 300.0
"""How long an ended job's last event can still be read, by a browser that was disconnected."""

POLL_S = 1.0
"""Seconds between two looks at the row of a job from before a restart."""

HEARTBEAT_S = 15.0
"""Seconds between events: proxies close connections on which nothing is sent."""


EventData = schema.QueuedEvent | schema.StepEvent | schema.DoneEvent | schema.FailedEvent


@dataclass(frozen=True, eq=False)
class Event:
    """A job's event; `done` and `failed` are the last. `schema.JobEvents` has the data of each."""

    name: Literal["queued", "step", "done", "failed"]
    data: EventData

    @property
    def is_last(self) -> bool:
        """Whether this is the job's last event."""
        return self.name in ("done", "failed")


class PageJob:
    """A job of the page. Followers get the newest event, and each that comes after it if they are
    quick enough; a slow one misses steps, never the end.

    Attributes:
        id: of the row in `jobs`, and of the riff that it becomes.
        accepted: the accepted request; None for a job from before a restart, which is only watched.
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
        if self._newest.is_last:
            return
        self._newest = event
        if self._newest.is_last:
            self.ended = time.monotonic()
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def events(self) -> AsyncIterator[Event | None]:
        """The newest event now and each new one until the last; None is a heartbeat."""
        sent: Event | None = None
        while True:
            changed = self._changed
            if self._newest is not sent:
                sent = self._newest
                yield sent
                if sent.is_last:
                    return
                continue
            try:
                await asyncio.wait_for(changed.wait(), HEARTBEAT_S)
            except TimeoutError:
                yield None


class PageJobs:
    """All jobs of the page that run or ended lately."""

    def __init__(self, clip_service: ClipService, library: Library) -> None:
        self._clip_service = clip_service
        self._library = library
        self._jobs: dict[str, PageJob] = {}

    async def start(
        self, request: RiffRequest, owner: Requester, parent: str | None = None
    ) -> PageJob:
        """Start a job, whose row is in the database when this returns.

        Raises:
            RiffBotError: as `ClipService.accept`; nothing was started.
        """
        self._drop_ended()
        accepted = await self._clip_service.accept(
            request, author=PAGE_AUTHOR, owner=owner, parent=parent
        )
        job = PageJob(accepted.job.id, accepted)
        job.task = asyncio.create_task(self._make(job, accepted))
        self._jobs[job.id] = job
        return job

    def get_cached(self, job_id: str) -> PageJob | None:
        """A job that `find` returns without asking the database."""
        return self._jobs.get(job_id)

    async def find(self, job_id: str) -> PageJob | None:
        """A job that runs or ended lately, also one from before a restart; None for others."""
        if (known := self._jobs.get(job_id)) is not None:
            return known
        try:
            row = await self._library.jobs.get(job_id)
        except NotFound:
            return None
        if (row.author_id, row.channel_id) != (PAGE_AUTHOR.user_id, None):
            return None  # a job of Discord
        if (known := self._jobs.get(job_id)) is not None:  # two asked at once
            return known
        self._drop_ended()
        job = self._jobs[job_id] = PageJob(job_id)
        job.task = asyncio.create_task(self._watch(job))
        return job

    @property
    def running(self) -> int:
        """How many jobs run."""
        return sum(job.ended is None for job in self._jobs.values())

    async def cancel(self, job: PageJob) -> None:
        """Cancel a job, and wait until it has ended."""
        if job.task is None or job.task.done():
            return
        if job.accepted is None and not self._clip_service.cancel(job.id):
            with contextlib.suppress(Conflict, NotFound):  # it ended by itself
                await self._library.jobs.cancel(job.id)
        job.task.cancel()
        await asyncio.wait([job.task])
        if job.task.cancelled() and job.accepted is not None:  # it had not even started
            await self._clip_service.drop(job.accepted)
        job.publish(_failed("Cancelled.", cancelled=True))

    async def close(self) -> None:
        """Stop, and leave unfinished jobs to the next start."""
        unfinished = [job for job in self._jobs.values() if job.ended is None]
        for job in unfinished:
            job.publish(_failed("RiffBot is stopping."))
            if job.accepted is not None:
                self._clip_service.keep_for_restart(job.accepted)
            elif job.task is not None:
                job.task.cancel()
        made = [job for job in unfinished if job.accepted is not None]
        await asyncio.gather(*(self.cancel(job) for job in made))

    def _drop_ended(self) -> None:
        before = time.monotonic() - KEEP_ENDED_S
        for job in list(self._jobs.values()):
            if job.ended is not None and job.ended < before:
                del self._jobs[job.id]

    async def _watch(self, job: PageJob) -> None:
        """Publish how a job from before a restart ends, by its row."""
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
            await asyncio.sleep(POLL_S)

    async def _make(self, job: PageJob, accepted: AcceptedJob) -> None:
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


def _progress(job: PageJob, progress: Progress) -> None:
    if progress.stage == "queued":
        queued = schema.QueuedEvent(position=progress.position, eta_s=progress.eta_s)
        job.publish(Event("queued", queued))
        return
    step = schema.StepEvent(
        step=progress.step,
        steps=progress.steps,
        eta_s=progress.eta_s,
        preview=None if progress.preview is None else encode_preview(progress.preview),
    )
    job.publish(Event("step", step))


def encode_preview(picture: Pixels) -> str:
    """A picture between two steps at half size, as a data URL of some 30 KB."""
    out = io.BytesIO()
    with contextlib.closing(Image.fromarray(picture)) as image:
        image.reduce(2).save(out, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"
