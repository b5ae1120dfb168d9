"""Jams: where each of them is, so that a restart goes on at the same place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from riffbot.errors import StorageError
from riffbot.jam.snapshot import JamState
from riffbot.library.database import Database
from riffbot.library.models import StoredJam

_KEPT = timedelta(days=30)
"""How long a jam that nobody goes on with is kept."""


class JamRepository:
    """Stores jams, so that a restart can go on with them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, jam: StoredJam) -> None:
        """Store a jam, as a new row or over the one of its id; `updated_at` becomes now."""
        now = datetime.now(UTC)
        async with self._database.write() as session:
            old = await session.get(StoredJam, jam.id)
            row = StoredJam(
                id=jam.id,
                guild_id=jam.guild_id,
                voice_channel_id=jam.voice_channel_id,
                text_channel_id=jam.text_channel_id,
                message_id=jam.message_id,
                starter_id=jam.starter_id,
                starter_name=jam.starter_name,
                bitrate=jam.bitrate,
                seed_image=jam.seed_image,
                status=jam.status,
                state=jam.state,
                created_at=old.created_at if old else now,
                updated_at=now,
            )
            await session.merge(row)

    async def newest(self, guild_id: int | None) -> StoredJam | None:
        """A server's newest jam, ended or not; None if it never had one."""
        async with self._database.read() as session:
            found: StoredJam | None = await session.scalar(
                select(StoredJam)
                .where(StoredJam.guild_id == guild_id)
                .order_by(StoredJam.updated_at.desc())
                .limit(1)
            )
            return found

    async def unfinished(self) -> Sequence[StoredJam]:
        """Each server's newest jam where it runs or is paused, oldest first.

        An older one that a crash left running is over: the server has begun another since.
        """
        age = func.row_number().over(
            partition_by=StoredJam.guild_id, order_by=StoredJam.updated_at.desc()
        )
        ages = select(StoredJam.id, age.label("age")).subquery()
        async with self._database.read() as session:
            rows = await session.scalars(
                select(StoredJam)
                .join(ages, ages.c.id == StoredJam.id)
                .where(ages.c.age == 1, StoredJam.status.in_(("running", "paused")))
                .order_by(StoredJam.updated_at)
            )
            return rows.all()

    async def set_aside(self, jam_id: str) -> None:
        """Pause a running jam, so that a restart does not go on with it by itself."""
        async with self._database.write() as session:
            await session.execute(
                update(StoredJam)
                .where(StoredJam.id == jam_id, StoredJam.status == "running")
                .values(status="paused")
            )

    async def prune(self) -> None:
        """Delete jams that nobody has gone on with for a month."""
        async with self._database.write() as session:
            await session.execute(
                delete(StoredJam).where(StoredJam.updated_at < datetime.now(UTC) - _KEPT)
            )


async def forget_in_jams(session: AsyncSession, user_id: int) -> None:
    """Take a member's name and votes out of all stored jams."""
    for jam in await session.scalars(select(StoredJam)):
        if jam.starter_id == user_id:
            jam.starter_id = jam.starter_name = None
        try:
            state = JamState.from_json(jam.state)
        except StorageError:  # nobody can go on with it anyway
            await session.delete(jam)
            continue
        steered_by = state.steered_by
        if steered_by is not None and steered_by[0] == user_id:
            steered_by = None
        jam.state = state.model_copy(
            update={"ballot": state.ballot.without(user_id), "steered_by": steered_by}
        ).model_dump_json()
