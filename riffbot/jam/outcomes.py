"""What can come of planning a chunk; the session handles each outcome."""

from __future__ import annotations

from dataclasses import dataclass

from riffbot.jam.pending_changes import PendingChange
from riffbot.jam.types import Participant


@dataclass(frozen=True)
class ChunkPlaced:
    """A chunk was placed on the timeline; `change` is the change that it applies, if any."""

    change: PendingChange | None


@dataclass(frozen=True)
class PromptRefused:
    """The model cannot take a prompt; `author` voted for it, None for a forgotten member."""

    author: Participant | None


@dataclass(frozen=True)
class PlanningFailed:
    """No chunk can be generated any more; `reason` is a message for the panel."""

    reason: str


Outcome = ChunkPlaced | PromptRefused | PlanningFailed
