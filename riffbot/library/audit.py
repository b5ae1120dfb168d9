"""The audit log: who made, deleted, blocked and changed what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from sqlalchemy import delete, select

from riffbot.library.database import Database
from riffbot.library.tables import AuditEntry

AuditAction = Literal[
    "made", "deleted", "refused", "warned", "settings", "blocked", "unblocked", "drain", "announced"
]
"""What can be done. `refused` and `warned`: a word of a server's list was in a text."""

RETENTION = timedelta(days=90)
"""How long entries are stored."""

OWNER = 0
"""The actor of what is done at the command line."""


class AuditRepository:
    """Writes and reads the audit log. Riffs that are made enter it as they are stored."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        action: AuditAction,
        *,
        actor_id: int | None,
        guild_id: int | None = None,
        subject: str = "",
        detail: str = "",
    ) -> None:
        """Write an entry; the arguments are those of `AuditEntry`."""
        async with self._database.write() as session:
            session.add(build_entry(action, actor_id, guild_id, subject, detail))

    async def recent(
        self, *, guild_id: int | None = None, actor_id: int | None = None, limit: int = 50
    ) -> Sequence[AuditEntry]:
        """Return entries, newest first: of a server or of a member, if given."""
        query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
        if guild_id is not None:
            query = query.where(AuditEntry.guild_id == guild_id)
        if actor_id is not None:
            query = query.where(AuditEntry.actor_id == actor_id)
        async with self._database.read() as session:
            return (await session.scalars(query)).all()

    async def prune(self) -> None:
        """Delete the entries that are older than the retention period."""
        async with self._database.write() as session:
            old = AuditEntry.created_at < datetime.now(UTC) - RETENTION
            await session.execute(delete(AuditEntry).where(old))


def build_entry(
    action: AuditAction, actor_id: int | None, guild_id: int | None, subject: str, detail: str = ""
) -> AuditEntry:
    """Build the row of an entry."""
    return AuditEntry(
        created_at=datetime.now(UTC),
        guild_id=guild_id,
        actor_id=actor_id,
        action=action,
        subject=subject[:64],
        detail=detail,
    )
