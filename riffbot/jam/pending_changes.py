"""Changes that members asked for, from the request until the beat at which they are heard.

Changes that come together are one. While one is being generated the next ones are queued, and one
that failed is merged back into the queue, where later changes win.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from riffbot.clock import monotonic
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.types import Participant


@dataclass
class PendingChange:
    """The values that the next chunk should have.

    Attributes:
        changes: arguments of `PromptPath.steer`.
        authors: who asked for each change last; a forgotten member is not in it.
        last_author: who asked for the newest change; None for a forgotten member.
        requested_at: when the first of them was asked for, in seconds of `time.monotonic`.
        merged_changes: `changes`, and those of an earlier change whose chunk this one replaces.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    authors: dict[str, Participant] = field(default_factory=dict)
    last_author: Participant | None = None
    requested_at: float = 0.0
    merged_changes: dict[str, Any] = field(default_factory=dict)

    def drop(self, name: str) -> None:
        """Remove one of the changes."""
        self.changes.pop(name, None)
        self.authors.pop(name, None)


class PendingChanges:
    """The pending changes of one jam.

    Attributes:
        queued: the change that is generated next; empty while there is none.
        in_progress: the change whose chunk is being generated.
    """

    def __init__(self) -> None:
        self.queued = PendingChange()
        self.in_progress: PendingChange | None = None
        self._placed: tuple[int, dict[str, Any]] | None = None

    def add(self, author: Participant, changes: dict[str, Any]) -> None:
        """Queue changes; of two changes of the same value the later one counts."""
        if not self.queued.changes:
            self.queued = PendingChange(requested_at=monotonic())
        self.queued.changes |= changes
        self.queued.authors |= dict.fromkeys(changes, author)
        self.queued.last_author = author

    def take(self) -> PendingChange | None:
        """Take the queued change, to generate it now; None if there is none."""
        if not self.queued.changes:
            return None
        self.in_progress, self.queued = self.queued, PendingChange()
        return self.in_progress

    def requeue(self, change: PendingChange) -> None:
        """Queue a change again that could not be generated; later changes win over it."""
        later = self.queued
        # A forgotten member is in neither, so no earlier name may stand for a later change.
        earlier = {n: who for n, who in change.authors.items() if n not in later.changes}
        change.authors = earlier | later.authors
        change.changes |= later.changes
        change.last_author = later.last_author if later.changes else change.last_author
        self.queued = change

    def mark_placed(self, change: PendingChange, column: int) -> None:
        """Record that the chunk of a change starts at a column."""
        self._placed = (column, change.merged_changes)

    def replace_prompt(self, prompt: str | None) -> None:
        """Replace the queued prompt by the blend of the remaining votes; None: there are none."""
        if "prompt" not in self.queued.changes:
            return
        if prompt is None:
            self.queued.drop("prompt")
        else:
            self.queued.changes["prompt"] = prompt

    def apply(self, change: PendingChange, path: PromptPath, started: int | None) -> PromptPath:
        """The path after a change.

        Args:
            started: the column at which the chunk started that is playing; None while none is.
        """
        change.merged_changes = dict(change.changes)
        if self._placed is not None and (started is None or started < self._placed[0]):
            # The chunk of an earlier change is not heard yet: this one may take its place.
            change.merged_changes = {**self._placed[1], **change.changes}
        return path.steer(**change.merged_changes)

    @property
    def has_any(self) -> bool:
        """Whether somebody waits for a change."""
        return self.in_progress is not None or bool(self.queued.changes)

    def find(self, name: str) -> Any:
        """The pending value of `prompt`, `seed` or `denoising`, the latest first, or None."""
        for change in (self.queued, self.in_progress):
            if change is not None and name in change.changes:
                return change.changes[name]
        return None

    def forget_member(self, user_id: int) -> None:
        """Remove a member's name; their changes are heard all the same."""
        for change in (self.queued, self.in_progress):
            if change is None:
                continue
            if change.last_author is not None and change.last_author.user_id == user_id:
                change.last_author = None
            change.authors = {
                name: who for name, who in change.authors.items() if who.user_id != user_id
            }
