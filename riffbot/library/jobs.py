"""Jobs: every request is stored before it is queued, so that a crash loses none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select, update

from riffbot.errors import NotFound
from riffbot.inference.job import GeneratedRiff, new_id
from riffbot.library import job_states
from riffbot.library.audit import build_entry
from riffbot.library.database import Database
from riffbot.library.job_states import UNFINISHED, JobState
from riffbot.library.riff_rows import build_row, insert_riff, is_remix_allowed, store_files
from riffbot.library.tables import QuotaCharge, StoredJob, StoredRiff
from riffbot.library.types import DRAWING, Author, Origin
from riffbot.rendering import Rendered
from riffbot.request import RiffRequest

log = logging.getLogger(__name__)

_RETENTION = timedelta(days=7)
"""How long ended jobs are stored, so that errors can be investigated."""

_WRITE_TIMEOUT_S = 10.0
"""How long a new job waits behind other writers before the member is refused."""


class JobRepository:
    """Stores jobs, moves them between their states, and finishes them as riffs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self,
        request: RiffRequest,
        *,
        author: Author,
        origin: Origin | None = None,
        parent: str | None = None,
        second_parent: str | None = None,
        job_id: str | None = None,
    ) -> StoredJob:
        """Store a new job. Its id becomes the riff's.

        Args:
            request: the request with its seed, so that another attempt gives the same clip.
            parent, second_parent: the riffs that the clip is made from.
            job_id: the id, where a quota was charged for it already (`QuotaRepository.take`).

        Raises:
            NotFound: a parent is no longer in the library.
            Unavailable: another program holds the library; nothing was written.
            StorageError: the library cannot take it.
        """
        job = StoredJob(
            id=job_id or new_id(),
            request=request,
            author_id=author.user_id,
            author_name=author.name,
            guild_id=author.guild_id,
            channel_id=origin.channel_id if origin else None,
            audience_id=origin.audience_id if origin else None,
            message_id=origin.message_id if origin else None,
            token=origin.token if origin else None,
            token_expires_at=origin.token_expires_at if origin else None,
            parent_id=parent,
            second_parent_id=second_parent,
            created_at=datetime.now(UTC),
            state=JobState.WAITING,
            attempts=0,
            error=None,
        )
        async with self._database.write(timeout_s=_WRITE_TIMEOUT_S) as session:
            for riff_id in filter(None, (parent, second_parent)):
                if (riff := await session.get(StoredRiff, riff_id)) is None or riff.gone:
                    raise NotFound(f"The riff {riff_id} is not in the library any more.")
            session.add(job)
        return job

    async def begin(self, job_id: str, *, attempts: int | None = None) -> None:
        """Begin an attempt. It is counted before the model starts, so that a crash counts, too.

        Args:
            attempts: the number of attempts that the caller read, so that only one of two callers
                begins the same attempt; None skips the check.

        Raises:
            NotFound: the job does not exist (any more).
            Conflict: the job has ended, or another RiffBot is computing it.
        """
        async with self._database.write() as session:
            await job_states.move(
                session,
                job_id,
                JobState.RUNNING,
                attempts=attempts,
                values={"attempts": StoredJob.attempts + 1},
            )

    async def uncount_attempt(self, job_id: str, *, attempts: int) -> None:
        """Uncount an attempt that an orderly stop interrupted.

        Args:
            attempts: the number of attempts, this one included.

        Raises:
            NotFound: the job does not exist (any more).
            Conflict: the job is not running, or another RiffBot is computing it.
        """
        async with self._database.write() as session:
            await job_states.uncount_attempt(session, job_id, attempts)

    async def fail(self, job_id: str, sentence: str, *, attempts: int | None = None) -> None:
        """End a job as failed, with a sentence; arguments and errors as for `begin`."""
        await self._end(job_id, JobState.FAILED, error=sentence, attempts=attempts)

    async def cancel(self, job_id: str) -> None:
        """End a job that its author cancelled. Raises as `begin`."""
        await self._end(job_id, JobState.CANCELLED)

    async def _end(
        self, job_id: str, state: JobState, error: str | None = None, attempts: int | None = None
    ) -> None:
        async with self._database.write() as session:
            await job_states.move(
                session,
                job_id,
                state,
                attempts=attempts,
                values={"error": error, "token": None},
            )
            await session.execute(delete(QuotaCharge).where(QuotaCharge.job_id == job_id))

    async def set_message(self, job_id: str, *, channel_id: int, message_id: int) -> None:
        """Store which message shows a job's progress, or the riff that it became."""
        where = {"channel_id": channel_id, "message_id": message_id}
        async with self._database.write() as session:
            for table in (StoredJob, StoredRiff):
                await session.execute(update(table).where(table.id == job_id).values(**where))

    async def get(self, job_id: str) -> StoredJob:
        """Return a job by its id. Raises NotFound."""
        async with self._database.read() as session:
            job = await session.get(StoredJob, job_id)
        if job is None:
            raise NotFound(f"There is no job {job_id}.")
        return job

    async def unfinished(self) -> Sequence[StoredJob]:
        """Return the jobs that a crash or a stop left unfinished, oldest first."""
        async with self._database.read() as session:
            found = await session.scalars(
                select(StoredJob)
                .where(StoredJob.state.in_(UNFINISHED))
                .order_by(StoredJob.created_at)
            )
            return found.all()

    async def finish(self, job_id: str, riff: GeneratedRiff, rendered: Rendered) -> StoredRiff:
        """Store a job's clip: first its files, then, in one transaction, its row and the job's end.

        A crash in between leaves an unfinished job and unreferenced files, never a row without its
        files. Finishing twice returns the row of the first time.

        Raises:
            NotFound: the job does not exist.
            Conflict: the job has failed or was cancelled meanwhile, or its riff was deleted.
            StorageError: the disk or the database cannot take it.
        """
        async with self._database.files_lock:
            png, mp3, plot = await asyncio.to_thread(store_files, self._database.files, rendered)
            async with self._database.write() as session:
                job = await session.get(StoredJob, job_id, with_for_update=True)
                if job is None:
                    raise NotFound(f"There is no job {job_id}.")
                if (stored := await session.get(StoredRiff, job_id)) is not None:
                    return stored
                if job.state not in UNFINISHED:
                    raise job_states.conflict_error(job_id, job.state)
                stored = build_row(job, riff, rendered, (png, mp3, plot))
                for column in ("parent_id", "second_parent_id"):
                    parent = getattr(job, column)
                    if parent and (parent_riff := await session.get(StoredRiff, parent)):
                        setattr(stored, column, parent)
                        if stored.kind == "remix" and parent_riff.model_name == DRAWING:
                            stored.kind = "draw"
                stored.remix_allowed = await is_remix_allowed(session, job.author_id)
                await insert_riff(session, stored)
                job.state, job.error, job.token = JobState.DONE, None, None
                session.add(build_entry("made", job.author_id, job.guild_id, job.id, stored.kind))
        return stored

    async def prune(self) -> None:
        """Repair jobs of earlier versions, and delete those that ended long ago."""
        async with self._database.write() as session:
            if repaired := await job_states.repair(session):
                log.info("%d jobs were unfinished or failed although their riffs exist", repaired)
            await session.execute(
                delete(StoredJob).where(
                    StoredJob.state.not_in(UNFINISHED),
                    StoredJob.created_at < datetime.now(UTC) - _RETENTION,
                )
            )
