"""What the owner decides while RiffBot runs: blocks, draining, announcements.

Another process (`riffbot admin`) writes it, so it is read from the database whenever it matters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from riffbot.errors import Disallowed, Refused
from riffbot.library.audit import OWNER, build_entry
from riffbot.library.database import Database
from riffbot.library.tables import Block, OperatorState

BlockKind = Literal["member", "server"]

DRAINING = (
    "I am about to be restarted, so I take nothing new just now; what is under way is finished."
)


@dataclass(frozen=True)
class OperatorStatus:
    """What the owner has told the running RiffBot; see `OperatorState`."""

    is_draining: bool = False
    announcement: str = ""
    announced_at: datetime | None = None

    def check(self) -> None:
        """Check that new riffs and jams are taken. Raises Refused."""
        if self.is_draining:
            raise Refused(" ".join(filter(None, (DRAINING, self.announcement))))


class OperatorRepository:
    """Stores blocks and the state of the running RiffBot. What changes enters the audit log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def check(self, user_id: int, guild_id: int | None, *, is_new: bool = True) -> None:
        """Check that the owner lets a member, in a server, make something now.

        Args:
            is_new: something new is asked for, which draining forbids, not a change of a jam.

        Raises:
            Disallowed: the member or the server is blocked.
            Refused: RiffBot is draining.
        """
        blocks = select(Block.kind).where(
            or_(
                and_(Block.kind == "member", Block.target_id == user_id),
                and_(Block.kind == "server", Block.target_id == guild_id),
            )
        )

        def read(session: Session) -> tuple[Sequence[str], OperatorStatus]:
            return session.scalars(blocks).all(), _read_status(session)

        kinds, status = await self._database.query(read)
        if "member" in kinds:
            raise Disallowed("Whoever runs this RiffBot does not let you use it.")
        if "server" in kinds:
            raise Disallowed("Whoever runs this RiffBot does not let this server use it.")
        if is_new:
            status.check()

    async def get_status(self) -> OperatorStatus:
        """Return what the owner has told the running RiffBot."""
        return await self._database.query(_read_status)

    async def get_blocks(self) -> Sequence[Block]:
        """Return all blocks, the newest first."""
        query = select(Block).order_by(Block.created_at.desc())
        return await self._database.query(lambda session: session.scalars(query).all())

    async def block(self, kind: BlockKind, target_id: int, reason: str = "") -> None:
        """Block a member or a server; blocking twice changes the reason."""
        async with self._database.write() as session:
            await session.merge(
                Block(kind=kind, target_id=target_id, reason=reason, created_at=datetime.now(UTC))
            )
            session.add(build_entry("blocked", OWNER, None, f"{kind} {target_id}", reason))

    async def unblock(self, kind: BlockKind, target_id: int) -> bool:
        """Remove a block; returns whether there was one."""
        async with self._database.write() as session:
            block = await session.get(Block, (kind, target_id))
            if block is None:
                return False
            await session.delete(block)
            session.add(build_entry("unblocked", OWNER, None, f"{kind} {target_id}"))
        return True

    async def set_draining(self, is_draining: bool) -> None:
        """Take nothing new from now on, or take it again."""
        async with self._database.write() as session:
            row = await session.get(OperatorState, 1) or _new_state()
            row.is_draining = is_draining
            session.add(row)
            session.add(build_entry("drain", OWNER, None, "on" if is_draining else "off"))

    async def announce(self, sentence: str) -> None:
        """Announce something to the members; an empty sentence withdraws it."""
        async with self._database.write() as session:
            row = await session.get(OperatorState, 1) or _new_state()
            row.announcement = sentence
            row.announced_at = datetime.now(UTC) if sentence else None
            session.add(row)
            session.add(build_entry("announced", OWNER, None, "", sentence))


def _new_state() -> OperatorState:
    return OperatorState(id=1, is_draining=False, announcement="", announced_at=None)


def _read_status(session: Session) -> OperatorStatus:
    row = session.get(OperatorState, 1)
    if row is None:
        return OperatorStatus()
    return OperatorStatus(row.is_draining, row.announcement, row.announced_at)
