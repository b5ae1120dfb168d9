"""Stored jams, so that a restart can resume each of them where it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from riffbot.library.database import Database
from riffbot.library.jam_record import (
    JamKey,
    JamRecord,
    StoredJamStatus,
    key_from_number,
    key_to_number,
)
from riffbot.library.tables import StoredJam

ScrubJam = Callable[[str, int], str | None]
"""Removes a member (user id) from a stored jam (JSON): the new JSON, or None if unreadable.

The library does not interpret a jam's JSON; the function is `riffbot.jam.snapshot.scrub_jam`.
"""

_MAX_AGE = timedelta(days=30)
"""How long a jam is stored that nobody resumes."""


class JamRepository:
    """Stores jams, so that a restart can resume them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, record: JamRecord) -> None:
        """Insert a jam, or replace the row of its id; `updated_at` becomes now."""
        now = datetime.now(UTC)
        async with self._database.write() as session:
            old = await session.get(StoredJam, record.id)
            row = StoredJam(
                id=record.id,
                guild_id=key_to_number(record.key),
                voice_channel_id=record.voice_channel_id,
                text_channel_id=record.text_channel_id,
                message_id=record.message_id,
                starter_id=record.starter_id,
                starter_name=record.starter_name,
                bitrate=record.bitrate,
                seed_image=record.seed_image,
                status=record.status.value,
                state=record.snapshot,
                created_at=old.created_at if old else now,
                updated_at=now,
            )
            await session.merge(row)

    async def find_latest(self, key: JamKey) -> JamRecord | None:
        """Return the newest jam of a key, ended or not; None if there never was one."""
        async with self._database.read() as session:
            found: StoredJam | None = await session.scalar(
                select(StoredJam)
                .where(StoredJam.guild_id == key_to_number(key))
                .order_by(StoredJam.updated_at.desc())
                .limit(1)
            )
            return _build_record(found) if found is not None else None

    async def find_unfinished(self) -> Sequence[JamRecord]:
        """Return the newest jam of each key if it is running or paused, oldest first.

        Older jams that a crash left running are not returned: their key has another jam since.
        """
        age = func.row_number().over(
            partition_by=StoredJam.guild_id, order_by=StoredJam.updated_at.desc()
        )
        ages = select(StoredJam.id, age.label("age")).subquery()
        unfinished = (StoredJamStatus.RUNNING.value, StoredJamStatus.PAUSED.value)
        async with self._database.read() as session:
            rows = await session.scalars(
                select(StoredJam)
                .join(ages, ages.c.id == StoredJam.id)
                .where(ages.c.age == 1, StoredJam.status.in_(unfinished))
                .order_by(StoredJam.updated_at)
            )
            return [_build_record(row) for row in rows]

    async def mark_paused(self, jam_id: str) -> None:
        """Change a running jam to paused, so that no restart resumes it by itself."""
        async with self._database.write() as session:
            await session.execute(
                update(StoredJam)
                .where(StoredJam.id == jam_id, StoredJam.status == StoredJamStatus.RUNNING.value)
                .values(status=StoredJamStatus.PAUSED.value)
            )

    async def prune(self) -> None:
        """Delete jams that nobody has resumed for a month."""
        async with self._database.write() as session:
            await session.execute(
                delete(StoredJam).where(StoredJam.updated_at < datetime.now(UTC) - _MAX_AGE)
            )


def _build_record(row: StoredJam) -> JamRecord:
    return JamRecord(
        id=row.id,
        key=key_from_number(row.guild_id),
        bitrate=row.bitrate,
        seed_image=row.seed_image,
        status=StoredJamStatus(row.status),
        snapshot=row.state,
        voice_channel_id=row.voice_channel_id,
        text_channel_id=row.text_channel_id,
        message_id=row.message_id,
        starter_id=row.starter_id,
        starter_name=row.starter_name,
        updated_at=row.updated_at,
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
