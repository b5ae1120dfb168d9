"""The states of a job and the moves between them, which only go forward, but for one.

```
waiting ─► running ─► done | failed | cancelled
  │  ▲       │         ▲
  │  └───────┘         │
  └────────────────────┘
```

A job that is `running` may begin again: after a crash nobody runs it any more. It goes back to
`waiting` only where RiffBot is stopped in an orderly way, which is no attempt. Each move is one
UPDATE that names the states it may start from, so of two that end a job only the first counts,
whichever task, process or machine they come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from riffbot.errors import Conflict, NotFound
from riffbot.library.models import StoredJob, StoredRiff

UNFINISHED = ("waiting", "running")

ENDED: Mapping[str, str] = {
    "done": "is made already",
    "failed": "was given up",
    "cancelled": "was taken back",
}
"""How a job ended, in words."""


async def move(
    session: AsyncSession, job_id: str, state: str, *, known: int | None = None, **values: Any
) -> None:
    """Bring an unfinished job to a state.

    Args:
        state: `running`, `failed` or `cancelled`.
        known: how many attempts the caller knows of; None does not look.
        values: other columns to set.

    Raises:
        NotFound: there is no such job (any more).
        Conflict: it has ended, or another attempt was begun meanwhile.
    """
    still = [StoredJob.id == job_id, StoredJob.state.in_(UNFINISHED)]
    if known is not None:
        still.append(StoredJob.attempts == known)
    moved = await session.execute(
        update(StoredJob)
        .where(*still)
        .values(state=state, **values)
        .returning(StoredJob.id)
        .execution_options(synchronize_session=False)
    )
    if moved.scalar() is not None:
        return
    found = await session.scalar(select(StoredJob.state).where(StoredJob.id == job_id))
    if found is None:
        raise NotFound(f"There is no job {job_id}.")
    raise conflict(job_id, found)


async def give_back(session: AsyncSession, job_id: str, attempts: int) -> None:
    """Bring a running job back to `waiting`, with one attempt less, where RiffBot is stopped.

    Args:
        attempts: how many there are with the one that is given back, which must be the newest.

    Raises:
        NotFound: there is no such job (any more).
        Conflict: it does not run, or another attempt was begun meanwhile.
    """
    moved = await session.execute(
        update(StoredJob)
        .where(
            StoredJob.id == job_id,
            StoredJob.state == "running",
            StoredJob.attempts == attempts,
            StoredJob.attempts > 0,
        )
        .values(state="waiting", attempts=StoredJob.attempts - 1)
        .returning(StoredJob.id)
        .execution_options(synchronize_session=False)
    )
    if moved.scalar() is not None:
        return
    found = await session.scalar(select(StoredJob.state).where(StoredJob.id == job_id))
    if found is None:
        raise NotFound(f"There is no job {job_id}.")
    raise conflict(job_id, found)


def conflict(job_id: str, state: str) -> Conflict:
    """Why a job in this state cannot be moved."""
    if state in ENDED:
        return Conflict(f"The riff {job_id} {ENDED[state]}.")
    return Conflict(f"The riff {job_id} is being made by another RiffBot already.")


async def heal(session: AsyncSession) -> int:
    """End what older versions left unfinished or failed although its riff exists.

    Returns:
        How many jobs that were.
    """
    made = exists().where(StoredRiff.id == StoredJob.id)
    healed = await session.scalars(
        update(StoredJob)
        .where(StoredJob.state != "done", made)
        .values(state="done", error=None, token=None)
        .returning(StoredJob.id)
        .execution_options(synchronize_session=False)
    )
    return len(healed.all())
