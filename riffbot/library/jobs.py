"""Jobs: what was promised, written down before it is queued, so that a crash breaks no promise."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from riffbot.errors import NotFound
from riffbot.inference.job import Riff, new_id
from riffbot.library import job_states
from riffbot.library.database import Database
from riffbot.library.job_states import UNFINISHED
from riffbot.library.models import Member, RiffWord, StoredJob, StoredRiff
from riffbot.library.tokenize import words_of
from riffbot.library.types import DRAWING, Author, Origin, kind_of, second_image_of
from riffbot.rendering import Rendered
from riffbot.request import RiffRequest

log = logging.getLogger(__name__)

_KEPT = timedelta(days=7)
"""How long ended jobs are kept, for whoever looks into what went wrong."""

_PATIENCE_S = 10.0
"""How long a new job waits behind other writers: whoever asks gets an answer."""


class JobStore(Database):
    """The library's half that remembers promises."""

    async def create_job(
        self,
        request: RiffRequest,
        *,
        author: Author,
        origin: Origin | None = None,
        parent: str | None = None,
        second_parent: str | None = None,
    ) -> StoredJob:
        """Write a job down. Its id becomes the riff's.

        Args:
            request: as asked; its seed is in it, so that another attempt gives the same clip.
            parent, second_parent: the riffs that it is made from.

        Raises:
            NotFound: a parent is no longer in the library.
            Unavailable: the library is held by others; nothing was written.
            StorageError: the library cannot take it.
        """
        job = StoredJob(
            id=new_id(),
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
            state="waiting",
            attempts=0,
            error=None,
        )
        async with self._write(patience_s=_PATIENCE_S) as session:
            for riff_id in filter(None, (parent, second_parent)):
                if (riff := await session.get(StoredRiff, riff_id)) is None or riff.gone:
                    raise NotFound(f"The riff {riff_id} is not in the library any more.")
            session.add(job)
        return job

    async def begin_job(self, job_id: str, *, attempts: int | None = None) -> None:
        """The model starts on it: one more attempt, counted before anything can crash.

        Args:
            attempts: how many the caller knows of. Of two who begin the same attempt one is
                refused; None does not look.

        Raises:
            NotFound: there is no such job (any more).
            Conflict: it has ended, or somebody else makes it.
        """
        async with self._write() as session:
            await job_states.move(
                session, job_id, "running", known=attempts, attempts=StoredJob.attempts + 1
            )

    async def give_back_job(self, job_id: str, *, attempts: int) -> None:
        """The attempt was ended by an orderly stop, so it does not count.

        Args:
            attempts: how many there are with this one.

        Raises:
            NotFound: there is no such job (any more).
            Conflict: it does not run, or somebody else makes it.
        """
        async with self._write() as session:
            await job_states.give_back(session, job_id, attempts)

    async def fail_job(self, job_id: str, sentence: str, *, attempts: int | None = None) -> None:
        """It cannot be made, for this reason. Arguments and errors are those of `begin_job`."""
        await self._end(job_id, "failed", error=sentence, attempts=attempts)

    async def cancel_job(self, job_id: str) -> None:
        """Its owner took it back. Raises as `begin_job`."""
        await self._end(job_id, "cancelled")

    async def _end(
        self, job_id: str, state: str, error: str | None = None, attempts: int | None = None
    ) -> None:
        async with self._write() as session:
            await job_states.move(session, job_id, state, known=attempts, error=error, token=None)

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
                .where(StoredJob.state.in_(UNFINISHED))
                .order_by(StoredJob.created_at)
            )
            return found.all()

    async def finish_job(self, job_id: str, riff: Riff, rendered: Rendered) -> StoredRiff:
        """Keep a job's clip: first its files, then, in one transaction, its row and the job's end.

        A crash in between leaves an unfinished job and files that nobody refers to, never a row
        without its files. Finishing twice gives the row of the first time.

        Raises:
            NotFound: there is no such job.
            Conflict: it was given up or taken back meanwhile, or its riff was deleted.
            StorageError: the disk or the database cannot take it.
        """
        async with self._keeping:
            png, mp3, picture = await asyncio.to_thread(self._put, rendered)
            async with self._write() as session:
                job = await session.get(StoredJob, job_id, with_for_update=True)
                if job is None:
                    raise NotFound(f"There is no job {job_id}.")
                if (stored := await session.get(StoredRiff, job_id)) is not None:
                    return stored
                if job.state not in UNFINISHED:
                    raise job_states.conflict(job_id, job.state)
                stored = _row(job, riff, rendered, (png, mp3, picture))
                for column in ("parent_id", "second_parent_id"):
                    parent = getattr(job, column)
                    if parent and (riff_there := await session.get(StoredRiff, parent)):
                        setattr(stored, column, parent)
                        if stored.kind == "remix" and riff_there.model_name == DRAWING:
                            stored.kind = "draw"
                stored.remix_allowed = await _remix_allowed(session, job.author_id)
                await _add(session, stored)
                job.state, job.error, job.token = "done", None, None
        return stored

    async def adopt(
        self, riff: Riff, rendered: Rendered, *, author: Author, origin: Origin | None = None
    ) -> StoredRiff:
        """Keep what was not made here, an upload, as a riff of whoever brought it.

        The same picture of the same author is kept once.

        Raises:
            StorageError: the disk or the database cannot take it.
        """
        job = StoredJob(
            id=new_id(),
            author_id=author.user_id,
            author_name=author.name,
            guild_id=author.guild_id,
            channel_id=origin.channel_id if origin else None,
            audience_id=origin.audience_id if origin else None,
            message_id=origin.message_id if origin else None,
        )
        async with self._keeping:
            hashes = await asyncio.to_thread(self._put, rendered)
            async with self._write() as session:
                same = select(StoredRiff).where(
                    StoredRiff.png == hashes[0], StoredRiff.author_id == author.user_id
                )
                if (known := await session.scalar(same.limit(1))) is not None:
                    return known
                stored = _row(job, riff, rendered, hashes)
                stored.kind = "upload"
                stored.remix_allowed = await _remix_allowed(session, author.user_id)
                await _add(session, stored)
        return stored

    def _put(self, rendered: Rendered) -> tuple[str, str, str]:
        return (
            self.files.put(rendered.png, ".png"),
            self.files.put(rendered.mp3, ".mp3"),
            self.files.put(rendered.picture, ".png"),
        )

    async def _prune_jobs(self) -> None:
        async with self._write() as session:
            if healed := await job_states.heal(session):
                log.info("%d jobs were unfinished or failed although their riffs exist", healed)
            await session.execute(
                delete(StoredJob).where(
                    StoredJob.state.not_in(UNFINISHED),
                    StoredJob.created_at < datetime.now(UTC) - _KEPT,
                )
            )


def _row(
    job: StoredJob, riff: Riff, rendered: Rendered, hashes: tuple[str, str, str]
) -> StoredRiff:
    request = riff.request
    png, mp3, picture = hashes
    return StoredRiff(
        id=job.id,
        request=request,
        prompt=request.prompt,
        prompt_key=request.prompt.casefold(),
        seed=request.seed,
        seed_image=request.seed_image,
        mask=request.mask,
        second_image=second_image_of(request),
        kind=kind_of(request),
        denoising=request.denoising,
        model_name=riff.model_name,
        model_hash=riff.model_hash,
        batch=riff.batch,
        author_id=job.author_id,
        author_name=job.author_name,
        guild_id=job.guild_id,
        channel_id=job.channel_id,
        audience_id=job.audience_id,
        message_id=job.message_id,
        created_at=datetime.now(UTC),
        duration_s=rendered.duration_s,
        alt=rendered.alt,
        png=png,
        mp3=mp3,
        picture=picture,
    )


async def _add(session: AsyncSession, stored: StoredRiff) -> None:
    session.add(stored)
    await session.flush()
    session.add_all(
        RiffWord(
            riff_id=stored.id,
            word=word,
            created_at=stored.created_at,
            author_id=stored.author_id,
            guild_id=stored.guild_id,
            audience_id=stored.audience_id,
        )
        for word in words_of(stored.prompt)
    )


async def _remix_allowed(session: AsyncSession, user_id: int) -> bool:
    member = await session.get(Member, user_id)
    return member is None or member.remix_allowed
