"""Family trees: what a riff was made from, and what was made from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from riffbot.library.tables import StoredRiff
from riffbot.library.types import Credit, Viewer

MAX_MEMBERS = 60
"""The most riffs of a drawn family tree; a family may have thousands."""

_MAX_ANCESTORS, _MAX_COUNTED = 50, 1000


# UNION rather than UNION ALL, so that the recursion ends on a cycle in a damaged library.
_UP = """
    up(id) AS (
        SELECT CAST(:riff_id AS VARCHAR(12))
        UNION
        SELECT parent.id FROM up
        JOIN riffs AS child ON child.id = up.id
        JOIN riffs AS parent ON parent.id IN (child.parent_id, child.second_parent_id)
    ),
    old(id) AS (SELECT id FROM up LIMIT :deepest)
"""
_ANCESTORS = text(f"WITH RECURSIVE {_UP} SELECT id FROM old")
_FAMILY = text(f"""
    WITH RECURSIVE {_UP},
    down(id) AS (
        SELECT id FROM old
        UNION
        SELECT child.id FROM down
        JOIN riffs AS child ON child.parent_id = down.id OR child.second_parent_id = down.id
    )
    SELECT id FROM down LIMIT :counted
""")


@dataclass(frozen=True)
class Family:
    """A riff among its ancestors and descendants.

    Attributes:
        riff: the riff that was asked for.
        members: oldest first, with the cleared rows of deleted riffs.
        left_out: how many more riffs the family has, counted up to a thousand.
        hidden: ids of the members of which only their place in the tree is shown.
    """

    riff: StoredRiff
    members: tuple[StoredRiff, ...]
    left_out: int = 0
    hidden: frozenset[str] = frozenset()

    def redact_for(
        self, viewer: Viewer, *, is_hidden: Callable[[StoredRiff], bool] | None = None
    ) -> Family:
        """Return the family with the riffs hidden that the viewer may not see.

        Only the place in the tree is shown of riffs from other servers or private channels.

        Args:
            is_hidden: which others to hide, although the viewer may see them.
        """
        hidden = {
            member.id
            for member in self.members
            if not member.is_visible_to(viewer) or (is_hidden is not None and is_hidden(member))
        }
        return replace(self, hidden=frozenset(hidden))

    def children_of(self, riff_id: str) -> list[StoredRiff]:
        """Return the members whose first parent is this riff, oldest first."""
        return [member for member in self.members if member.parent_id == riff_id]

    @property
    def roots(self) -> list[StoredRiff]:
        """The members whose first parent is not in the tree.

        Of a cycle, which only a damaged library contains, the oldest member.
        """
        ids = {member.id for member in self.members}
        found = [member for member in self.members if member.parent_id not in ids]
        reached = self._descendants(found)
        for member in self.members:
            if member.id not in reached:
                found.append(member)
                reached |= self._descendants([member])
        return found

    def _descendants(self, riffs: list[StoredRiff]) -> set[str]:
        """Return the ids of these riffs and of all that descend from them."""
        reached = {riff.id for riff in riffs}
        while riffs:
            riff, *riffs = riffs
            children = [child for child in self.children_of(riff.id) if child.id not in reached]
            reached |= {child.id for child in children}
            riffs += children
        return reached


def load_family(session: Session, riff: StoredRiff, most: int) -> Family:
    """Read a family; see `RiffRepository.family`."""
    known = {"riff_id": riff.id, "deepest": _MAX_ANCESTORS}
    wanted = list(dict.fromkeys([*session.scalars(_ANCESTORS, known), riff.id]))
    known |= {"counted": _MAX_COUNTED}
    descendants = [i for i in session.scalars(_FAMILY, known) if i not in wanted]
    shown = [*wanted, *descendants[: max(0, most - len(wanted))]]
    members = session.scalars(select(StoredRiff).where(StoredRiff.id.in_(shown)))
    rank = {member_id: number for number, member_id in enumerate(shown)}
    ordered = sorted(members, key=lambda member: (member.created_at, rank[member.id]))
    return Family(riff, tuple(ordered), len(wanted) + len(descendants) - len(shown))


def load_credits(session: Session, riff: StoredRiff) -> tuple[Credit, ...]:
    """Read the credits of a riff; see `RiffRepository.credits`."""
    ids = [parent for parent in (riff.parent_id, riff.second_parent_id) if parent]
    parents = [session.get(StoredRiff, parent_id) for parent_id in ids]
    return tuple(
        Credit(
            parent.id if parent.gone is None else None,
            parent.author,
            parent.prompt,
            parent.audience_id,
        )
        for parent in parents
        if parent is not None
    )
