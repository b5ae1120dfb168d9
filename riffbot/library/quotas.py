"""Counts riffs against quotas, in one transaction each, so that no two processes exceed one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from riffbot.library.database import Database
from riffbot.library.tables import QuotaCharge
from riffbot.rules.quota import DAY, Limit, check_limit


class QuotaRepository:
    """Charges riffs to members and servers, and gives back those that were not made.

    A charge has the id of the job that it pays for, and a job that fails or is cancelled deletes
    it in the transaction in which it ends (`JobRepository`). After a crash the job is finished or
    ended at the next start, so the count is right again. A charge whose job was never stored, since
    RiffBot crashed in between, counts for its day.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(
        self,
        guild_id: int,
        user_id: int,
        job_ids: Sequence[str],
        limits: Sequence[Limit],
        now: datetime | None = None,
    ) -> None:
        """Charge some riffs to a member and a server, all of them or none.

        Args:
            guild_id, user_id: the server and its member.
            job_ids: ids of the jobs to come, one a riff.
            limits: the server's.
            now: the time, in UTC.

        Raises:
            Disallowed: a limit is reached; it has the time at which it goes again.
            Unavailable, StorageError: the library cannot be written.
        """
        now = now or datetime.now(UTC)
        async with self._database.write() as session:
            await _lock(session, guild_id)
            await session.execute(delete(QuotaCharge).where(QuotaCharge.charged_at <= now - DAY))
            charges = select(QuotaCharge.charged_at).where(QuotaCharge.guild_id == guild_id)
            for limit in limits:
                query = charges.where(QuotaCharge.charged_at > now - limit.window)
                if limit.is_of_member:
                    query = query.where(QuotaCharge.user_id == user_id)
                made_at = (await session.scalars(query)).all()
                check_limit(limit, made_at, len(job_ids), now)
            session.add_all(
                QuotaCharge(job_id=job_id, guild_id=guild_id, user_id=user_id, charged_at=now)
                for job_id in job_ids
            )

    async def give_back(self, job_ids: Sequence[str]) -> None:
        """Delete the charges of riffs that were not made; ids without a charge are ignored."""
        async with self._database.write() as session:
            await session.execute(delete(QuotaCharge).where(QuotaCharge.job_id.in_(job_ids)))


async def _lock(session: AsyncSession, guild_id: int) -> None:
    """Let no other transaction count for this server until this one ends.

    On SQLite every writing transaction has the whole database to itself.
    """
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(select(func.pg_advisory_xact_lock(guild_id)))
