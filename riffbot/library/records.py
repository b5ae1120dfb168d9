"""Who asked and where: the two small values that go with a job into the library."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Author:
    """Who made a clip.

    Attributes:
        user_id: Discord's id; 0 for the person at this machine (command line, local page).
        name: as shown to others when the clip was made.
        guild_id: the server; None in a direct message or outside of Discord.
    """

    user_id: int
    name: str
    guild_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the answer belongs, so that it finds its way even after a crash.

    Attributes:
        channel_id: where the command was given.
        message_id: the message that shows the progress, once it exists.
        token: the interaction's token. Editing the answer needs it; it is forgotten when the job
            ends.
        token_expires_at: UTC; afterwards only an ordinary message to the channel can answer.
    """

    channel_id: int
    message_id: int | None = None
    token: str | None = None
    token_expires_at: datetime | None = None


FORMER_MEMBER = Author(-1, "a former member")
"""Whose clip it is when its author had everything about them erased."""
