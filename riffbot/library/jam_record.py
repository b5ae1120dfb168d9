"""A stored jam as a value, and the key that says which jam is meant."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum


@dataclass(frozen=True)
class GuildJam:
    """The key of a Discord server's jam."""

    guild_id: int


@dataclass(frozen=True)
class PageJam:
    """The key of a jam that no server has.

    Attributes:
        slot: from 1, for private jams of the page; 0 for the one jam outside of their slots.
    """

    slot: int = 0


JamKey = GuildJam | PageJam


def key_to_number(key: JamKey) -> int | None:
    """Return a key's value in the column `jams.guild_id`: negative for a page's slot."""
    if isinstance(key, GuildJam):
        return key.guild_id
    return -key.slot if key.slot else None


def key_from_number(number: int | None) -> JamKey:
    """Return the key of a value of `key_to_number`."""
    if number is None:
        return PageJam()
    return GuildJam(number) if number > 0 else PageJam(-number)


class StoredJamStatus(StrEnum):
    """The values of the column `jams.status`. A restart resumes jams that were running."""

    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"


@dataclass(frozen=True)
class JamRecord:
    """A jam as the library stores it.

    Attributes:
        id: part of the page's address.
        key: which jam it is. Of a key, the newest record is resumed.
        bitrate: of its packets, in bits a second.
        seed_image: as in the snapshot; its file is not collected.
        status: `paused` is also a jam that is parked or was stopped by an error.
        snapshot: JSON, which the library does not interpret.
        voice_channel_id, text_channel_id, message_id: where it plays, and where its panel is.
        starter_id, starter_name: the member who started it; None for a former member.
        updated_at: when it was stored.
    """

    id: str
    key: JamKey
    bitrate: int
    seed_image: str
    status: StoredJamStatus
    snapshot: str
    voice_channel_id: int | None = None
    text_channel_id: int | None = None
    message_id: int | None = None
    starter_id: int | None = None
    starter_name: str | None = None
    updated_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def guild_id(self) -> int | None:
        """The server; None for a jam that no server has."""
        return self.key.guild_id if isinstance(self.key, GuildJam) else None
