"""The ballot of a running jam, and the member whose change was heard last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from riffbot.jam.ballot import Ballot
from riffbot.jam.snapshot import JamSnapshot
from riffbot.jam.types import Participant


@dataclass
class Steering:
    """The votes of a jam and the author of the last change that was heard.

    Only the jam thread writes it; its values are immutable, so any thread may read them.

    Attributes:
        ballot: the votes.
        steered_by: whose change was heard last; None for nobody or a forgotten member.
    """

    ballot: Ballot
    steered_by: Participant | None

    @classmethod
    def of(cls, snapshot: JamSnapshot) -> Self:
        """The votes of a stored jam."""
        steered_by = snapshot.steered_by
        return cls(snapshot.ballot, Participant(*steered_by) if steered_by else None)

    @property
    def stored_steered_by(self) -> tuple[int, str] | None:
        """User id and name of `steered_by`, as a snapshot has them."""
        who = self.steered_by
        return (who.user_id, who.name) if who else None

    def cast(self, participant: Participant, prompt: str, now_s: float, *, listed: bool) -> None:
        """Count a vote; `listed` prompts must be on the ballot. Raises BadRequest, NotFound."""
        who = participant
        cast = self.ballot.cast_for_listed if listed else self.ballot.cast
        self.ballot = cast(who.user_id, who.name, prompt, now_s)

    def remove_vote(self, user_id: int) -> None:
        """Remove a member's vote."""
        self.ballot = self.ballot.without_member(user_id)

    def forget_member(self, user_id: int) -> None:
        """Remove a member's vote and name."""
        self.remove_vote(user_id)
        if self.steered_by is not None and self.steered_by.user_id == user_id:
            self.steered_by = None
