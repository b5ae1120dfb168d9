"""Mends what an inspection found, as far as it can be mended without a model."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from riffbot.library.database import Database
from riffbot.library.inspection.problems import Inspection, Kind, Problem
from riffbot.library.inspection.rows import columns_of
from riffbot.library.job_states import JobState
from riffbot.library.riff_rows import words_of
from riffbot.library.tables import Favourite, RiffWord, StoredJam, StoredJob, StoredRiff

LOST_AND_FOUND = "lost-and-found"
"""The folder beside the files to which orphans are moved: an inspection deletes no music."""


async def mend(database: Database, files_dir: Path, found: Inspection) -> list[Problem]:
    """Mend rows and put stray files aside; the caller holds the instance lock.

    Returns:
        The problems that were mended. Files that riffs need are not among them.
    """
    mended: list[Problem] = []
    async with database.write() as session:
        for problem in found.problems:
            if await _mend_row(session, problem):
                mended.append(problem)
    mended += _put_aside(files_dir, found.of(Kind.ORPHAN, Kind.HALF_WRITTEN))
    return mended


async def _mend_row(session: AsyncSession, problem: Problem) -> bool:
    subject = problem.subject
    match problem.kind:
        case Kind.REFERENCE:
            await _remove_reference(session, problem)
        case Kind.COLUMN | Kind.WORDS:
            riff = await session.get(StoredRiff, subject)
            if riff is None:
                return False
            await _rewrite(session, riff)
        case Kind.JOB:
            await session.execute(
                update(StoredJob).where(StoredJob.id == subject).values(state=JobState.DONE.value)
            )
        case Kind.JAM:  # it cannot be resumed anyway
            await session.execute(delete(StoredJam).where(StoredJam.id == subject))
        case _:
            return False
    return True


async def _remove_reference(session: AsyncSession, problem: Problem) -> None:
    """Remove a row, or the part of it, that refers to a riff that is not there."""
    if problem.details == "riffs":
        column = getattr(StoredRiff, problem.column)
        await session.execute(
            update(StoredRiff).where(column == problem.subject).values({problem.column: None})
        )
        return
    table = Favourite if problem.details == "favourites" else RiffWord
    await session.execute(delete(table).where(table.riff_id == problem.subject))


async def _rewrite(session: AsyncSession, riff: StoredRiff) -> None:
    """Write the columns that repeat the request, and the words by which search finds it."""
    if riff.gone is None:
        for name, value in columns_of(riff.request).items():
            setattr(riff, name, value)
    await session.execute(delete(RiffWord).where(RiffWord.riff_id == riff.id))
    await session.flush()
    session.add_all(words_of(riff))


def _put_aside(files_dir: Path, problems: Iterable[Problem]) -> list[Problem]:
    """Move orphans out of the files, and remove what was never whole."""
    done = []
    aside = files_dir.parent / LOST_AND_FOUND
    for problem in problems:
        path = Path(problem.subject)
        with suppress(OSError):
            if problem.kind is Kind.HALF_WRITTEN:
                path.unlink()
            else:
                aside.mkdir(mode=0o700, exist_ok=True)
                shutil.move(path, aside / path.name)
            done.append(problem)
    return done
