"""Stored jams, so that a restart can resume each of them where it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from riffbot.library.database import Database
from riffbot.library.models import StoredJam

ScrubJam = Callable[[str, int], str | None]
"""Removes a member (user id) from a stored jam (JSON): the new JSON, or None if unreadable.

The library stores jams as they are given; `riffbot.jam.snapshot.scrub_jam` knows what is in them.
"""

_MAX_AGE = timedelta(days=30)
"""How long a jam that nobody resumes is stored."""


class JamStore(Database):
    """The library's table of jams."""

    async def save_jam(self, jam: StoredJam) -> None:
        """Insert a jam, or replace the row of its id; `updated_at` becomes now."""
        now = datetime.now(UTC)
        async with self._write() as session:
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

    async def find_latest_jam(self, guild_id: int | None) -> StoredJam | None:
        """A server's newest jam, ended or not; None if it never had one."""
        async with self._read() as session:
            found: StoredJam | None = await session.scalar(
                select(StoredJam)
                .where(StoredJam.guild_id == guild_id)
                .order_by(StoredJam.updated_at.desc())
                .limit(1)
            )
            return found

    async def find_unfinished_jams(self) -> Sequence[StoredJam]:
        """Each server's newest jam where it is running or paused, oldest first.

        An older one that a crash left running is over: the server has begun another since.
        """
        age = func.row_number().over(
            partition_by=StoredJam.guild_id, order_by=StoredJam.updated_at.desc()
        )
        ages = select(StoredJam.id, age.label("age")).subquery()
        async with self._read() as session:
            rows = await session.scalars(
                select(StoredJam)
                .join(ages, ages.c.id == StoredJam.id)
                .where(ages.c.age == 1, StoredJam.status.in_(("running", "paused")))
                .order_by(StoredJam.updated_at)
            )
            return rows.all()

    async def mark_jam_paused(self, jam_id: str) -> None:
        """Change a running jam to paused: no restart resumes it by itself."""
        async with self._write() as session:
            await session.execute(
                update(StoredJam)
                .where(StoredJam.id == jam_id, StoredJam.status == "running")
                .values(status="paused")
            )

    async def _prune_jams(self) -> None:
        async with self._write() as session:
            await session.execute(
                delete(StoredJam).where(StoredJam.updated_at < datetime.now(UTC) - _MAX_AGE)
            )


async def scrub_jams(session: AsyncSession, user_id: int, scrub_jam: ScrubJam) -> None:
    """Remove a member's name and votes from all stored jams."""
    for jam in await session.scalars(select(StoredJam)):
        if jam.starter_id == user_id:
            jam.starter_id = jam.starter_name = None
        scrubbed = scrub_jam(jam.state, user_id)
        if scrubbed is None:  # unreadable, so it cannot be resumed anyway
            await session.delete(jam)
        else:
            jam.state = scrubbed
