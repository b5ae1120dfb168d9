"""The states of a job and the transitions between them. All but one go forward:

```
waiting ─► running ─► done | failed | cancelled
  │  ▲       │         ▲
  │  └───────┘         │
  └────────────────────┘
```

A job that is `running` may begin again, since no process runs it any more after a crash. It goes
back to `waiting` only when RiffBot is stopped in an orderly way, which does not count as an
attempt. Each transition is one UPDATE with the states that it may start from, so of two transitions
that end a job only the first counts, whichever task, process or machine they come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from riffbot.errors import Conflict, NotFound
from riffbot.library.tables import StoredJob, StoredRiff


class JobState(StrEnum):
    """The state of a job, as the column `jobs.state` stores it."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = (JobState.WAITING, JobState.RUNNING)

ENDED: Mapping[str, str] = {
    JobState.DONE: "is made already",
    JobState.FAILED: "was given up",
    JobState.CANCELLED: "was taken back",
}
"""How a job ended, as the end of a sentence."""


async def move(
    session: AsyncSession,
    job_id: str,
    state: JobState,
    *,
    attempts: int | None = None,
    values: Mapping[str, Any] | None = None,
) -> None:
    """Move an unfinished job to a state.

    Args:
        state: running, failed or cancelled.
        attempts: the number of attempts that the caller read; None skips the check.
        values: other columns to set.

    Raises:
        NotFound: the job does not exist (any more).
        Conflict: it has ended, or another attempt was begun meanwhile.
    """
    conditions: list[ColumnElement[bool]] = [StoredJob.state.in_(UNFINISHED)]
    if attempts is not None:
        conditions.append(StoredJob.attempts == attempts)
    await _transition(session, job_id, conditions, {"state": state, **(values or {})})


async def uncount_attempt(session: AsyncSession, job_id: str, attempts: int) -> None:
    """Move a running job back to waiting, with one attempt less, when RiffBot is stopped.

    Args:
        attempts: the number of attempts, including the one that is uncounted.

    Raises:
        NotFound: the job does not exist (any more).
        Conflict: it is not running, or another attempt was begun meanwhile.
    """
    conditions = [
        StoredJob.state == JobState.RUNNING,
        StoredJob.attempts == attempts,
        StoredJob.attempts > 0,
    ]
    values = {"state": JobState.WAITING, "attempts": StoredJob.attempts - 1}
    await _transition(session, job_id, conditions, values)


async def _transition(
    session: AsyncSession,
    job_id: str,
    conditions: Sequence[ColumnElement[bool]],
    values: Mapping[str, Any],
) -> None:
    """Update a job where the conditions hold; otherwise raise NotFound or Conflict."""
    moved = await session.execute(
        update(StoredJob)
        .where(StoredJob.id == job_id, *conditions)
        .values(**values)
        .returning(StoredJob.id)
        .execution_options(synchronize_session=False)
    )
    if moved.scalar() is not None:
        return
    found = await session.scalar(select(StoredJob.state).where(StoredJob.id == job_id))
    if found is None:
        raise NotFound(f"There is no job {job_id}.")
    raise conflict_error(job_id, found)


def conflict_error(job_id: str, state: str) -> Conflict:
    """Build the error for a job that cannot leave this state."""
    if state in ENDED:
        return Conflict(f"The riff {job_id} {ENDED[state]}.")
    return Conflict(f"The riff {job_id} is being made by another RiffBot already.")


async def repair(session: AsyncSession) -> int:
    """Mark jobs as done that older versions left unfinished or failed although their riffs exist.

    Returns:
        How many jobs were changed.
    """
    made = exists().where(StoredRiff.id == StoredJob.id)
    repaired = await session.scalars(
        update(StoredJob)
        .where(StoredJob.state != JobState.DONE, made)
        .values(state=JobState.DONE, error=None, token=None)
        .returning(StoredJob.id)
        .execution_options(synchronize_session=False)
    )
    return len(repaired.all())
