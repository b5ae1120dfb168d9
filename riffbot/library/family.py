"""Families: what a riff was made from, and what was made from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select

from riffbot.library.models import StoredRiff
from riffbot.library.records import Credit
from riffbot.library.riffs import RiffStore

MOST = 60
"""Riffs in one drawing; a family may have thousands."""

_DEEPEST = 200


@dataclass(frozen=True)
class Family:
    """A riff among its ancestors and descendants.

    Attributes:
        riff: whose family it is.
        members: the ancestors first, then every generation of descendants; those that are gone
            have their place, too.
        left_out: how many more there are at least, their own descendants not counted.
    """

    riff: StoredRiff
    members: tuple[StoredRiff, ...]
    left_out: int = 0

    def children_of(self, riff_id: str) -> list[StoredRiff]:
        """Those of its members that were made from this one first of all, oldest first."""
        return [member for member in self.members if member.parent_id == riff_id]

    @property
    def roots(self) -> list[StoredRiff]:
        """Those whose first parent is not in the picture."""
        ids = {member.id for member in self.members}
        return [member for member in self.members if member.parent_id not in ids]


class Families(RiffStore):
    """The library's genealogist."""

    async def family(self, riff_id: str, *, most: int = MOST) -> Family:
        """All ancestors of a riff, and everything that descends from the oldest of them.

        Raises:
            NotFound: the riff is not there.
        """
        riff = await self.get(riff_id)
        ancestors = await self._ancestors(riff)
        found = {member.id: member for member in [*ancestors, riff]}
        generation, left_out = list(found), 0
        while generation:
            room = max(0, most - len(found))
            more = await self._children(generation, known=list(found), most=room)
            if len(more) == room:
                left_out = await self._count_children(generation, [*found, *(c.id for c in more)])
            found.update((child.id, child) for child in more)
            generation = [child.id for child in more] if len(more) < room else []
        return Family(riff, tuple(found.values()), left_out)

    async def credits(self, riff: StoredRiff) -> tuple[Credit, ...]:
        """Whom a riff owes its beginning: its parents."""
        found = []
        for parent_id in filter(None, (riff.parent_id, riff.second_parent_id)):
            async with self._read() as session:
                parent = await session.get(StoredRiff, parent_id)
            if parent is not None:
                alive = parent.gone is None
                found.append(Credit(parent.id if alive else None, parent.author, parent.prompt))
        return tuple(found)

    async def _ancestors(self, riff: StoredRiff) -> list[StoredRiff]:
        """The oldest first. A damaged library may have circles, which end here."""
        found: dict[str, StoredRiff] = {}
        waiting = [riff]
        while waiting and len(found) < _DEEPEST:
            ids = {p for r in waiting for p in (r.parent_id, r.second_parent_id) if p}
            parents = await self._some(select(StoredRiff).where(StoredRiff.id.in_(ids)))
            waiting = [p for p in parents if p.id not in found and p.id != riff.id]
            found.update((parent.id, parent) for parent in waiting)
        return sorted(found.values(), key=lambda member: member.created_at)

    async def _children(
        self, ids: Sequence[str], *, known: Sequence[str], most: int
    ) -> Sequence[StoredRiff]:
        if not most:
            return ()
        query = select(StoredRiff).where(_made_from(ids), StoredRiff.id.not_in(known))
        return await self._some(query.order_by(StoredRiff.created_at).limit(most))

    async def _count_children(self, ids: Sequence[str], known: Sequence[str]) -> int:
        query = select(func.count()).select_from(StoredRiff)
        async with self._read() as session:
            query = query.where(_made_from(ids), StoredRiff.id.not_in(known))
            return await session.scalar(query) or 0


def _made_from(ids: Sequence[str]) -> ColumnElement[bool]:
    return or_(StoredRiff.parent_id.in_(ids), StoredRiff.second_parent_id.in_(ids))
