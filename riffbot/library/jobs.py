"""Jobs: what was promised, written down before it is queued, so that a crash breaks no promise."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update

from riffbot.errors import NotFound
from riffbot.inference.job import Riff, new_id
from riffbot.library.database import Database
from riffbot.library.models import RiffWord, StoredJob, StoredRiff
from riffbot.library.records import Author, Origin
from riffbot.library.words import words_of
from riffbot.rendering import Rendered
from riffbot.request import RiffRequest

_UNFINISHED = ("waiting", "running")
_KEPT = timedelta(days=7)
"""How long ended jobs are kept, for whoever looks into what went wrong."""


class JobStore(Database):
    """The library's half that remembers promises."""

    async def create_job(
        self,
        request: RiffRequest,
        *,
        author: Author,
        origin: Origin | None = None,
        parent: str | None = None,
    ) -> StoredJob:
        """Write a job down. Its id becomes the riff's.

        Args:
            request: as asked; its seed is in it, so that another attempt gives the same clip.
            parent: the riff that it is made from.

        Raises:
            NotFound: the parent is no longer in the library.
            StorageError: the library cannot take it.
        """
        job = StoredJob(
            id=new_id(),
            request=request,
            author_id=author.user_id,
            author_name=author.name,
            guild_id=author.guild_id,
            channel_id=origin.channel_id if origin else None,
            message_id=origin.message_id if origin else None,
            token=origin.token if origin else None,
            token_expires_at=origin.token_expires_at if origin else None,
            parent_id=parent,
            created_at=datetime.now(UTC),
            state="waiting",
            attempts=0,
            error=None,
        )
        async with self._write() as session:
            if parent is not None and await session.get(StoredRiff, parent) is None:
                raise NotFound(f"The riff {parent} is not in the library any more.")
            session.add(job)
        return job

    async def begin_job(self, job_id: str) -> None:
        """The model starts on it: one more attempt, counted before anything can crash."""
        await self._set(job_id, state="running", attempts=StoredJob.attempts + 1)

    async def fail_job(self, job_id: str, sentence: str) -> None:
        """It cannot be made, for this reason."""
        await self._end(job_id, "failed", error=sentence)

    async def cancel_job(self, job_id: str) -> None:
        """Its owner took it back."""
        await self._end(job_id, "cancelled")

    async def _end(self, job_id: str, state: str, error: str | None = None) -> None:
        await self._set(job_id, state=state, error=error, token=None)

    async def _set(self, job_id: str, **values: Any) -> None:
        async with self._write() as session:
            await session.execute(update(StoredJob).where(StoredJob.id == job_id).values(**values))

    async def posted(self, job_id: str, *, channel_id: int, message_id: int) -> None:
        """Remember the message that shows a job's progress, or the riff that it became."""
        where = {"channel_id": channel_id, "message_id": message_id}
        async with self._write() as session:
            for table in (StoredJob, StoredRiff):
                await session.execute(update(table).where(table.id == job_id).values(**where))

    async def get_job(self, job_id: str) -> StoredJob:
        """A job by its id. Raises NotFound."""
        async with self._read() as session:
            job = await session.get(StoredJob, job_id)
        if job is None:
            raise NotFound(f"There is no job {job_id}.")
        return job

    async def unfinished_jobs(self) -> Sequence[StoredJob]:
        """What a crash or a stop left undone, oldest first: finish it or tell its owner."""
        async with self._read() as session:
            found = await session.scalars(
                select(StoredJob)
                .where(StoredJob.state.in_(_UNFINISHED))
                .order_by(StoredJob.created_at)
            )
            return found.all()

    async def finish_job(self, job_id: str, riff: Riff, rendered: Rendered) -> StoredRiff:
        """Keep a job's clip: first its files, then, in one transaction, its row and the job's end.

        A crash in between leaves an unfinished job and files that nobody refers to, never a row
        without its files. Finishing twice gives the row of the first time.

        Raises:
            NotFound: there is no such job.
            StorageError: the disk or the database cannot take it.
        """
        async with self._keeping:
            png, mp3, picture = await asyncio.to_thread(self._put, rendered)
            async with self._write() as session:
                job = await session.get(StoredJob, job_id)
                if job is None:
                    raise NotFound(f"There is no job {job_id}.")
                if (stored := await session.get(StoredRiff, job_id)) is not None:
                    return stored
                parent = await session.get(StoredRiff, job.parent_id) if job.parent_id else None
                request = riff.request
                stored = StoredRiff(
                    id=job.id,
                    request=request,
                    prompt=request.prompt,
                    prompt_key=request.prompt.casefold(),
                    seed=request.seed,
                    seed_image=request.seed_image,
                    mask=request.mask,
                    denoising=request.denoising,
                    model_name=riff.model_name,
                    model_hash=riff.model_hash,
                    batch=riff.batch,
                    author_id=job.author_id,
                    author_name=job.author_name,
                    guild_id=job.guild_id,
                    channel_id=job.channel_id,
                    message_id=job.message_id,
                    created_at=datetime.now(UTC),
                    parent_id=parent.id if parent else None,
                    duration_s=rendered.duration_s,
                    alt=rendered.alt,
                    png=png,
                    mp3=mp3,
                    picture=picture,
                    remix_allowed=True,
                )
                session.add(stored)
                await session.flush()
                session.add_all(
                    RiffWord(riff_id=stored.id, word=word, created_at=stored.created_at)
                    for word in words_of(request.prompt)
                )
                job.state, job.error, job.token = "done", None, None
        return stored

    def _put(self, rendered: Rendered) -> tuple[str, str, str]:
        return (
            self.files.put(rendered.png, ".png"),
            self.files.put(rendered.mp3, ".mp3"),
            self.files.put(rendered.picture, ".png"),
        )

    async def _prune_jobs(self) -> None:
        async with self._write() as session:
            await session.execute(
                delete(StoredJob).where(
                    StoredJob.state.not_in(_UNFINISHED),
                    StoredJob.created_at < datetime.now(UTC) - _KEPT,
                )
            )
