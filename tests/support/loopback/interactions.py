"""One interaction from the click to its last follow-up, as Discord keeps the books on it."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from enum import IntEnum

from tests.support.loopback.clock import born
from tests.support.loopback.errors import Json
from tests.support.loopback.messages import Message
from tests.support.loopback.pulse import Pulse
from tests.support.loopback.world import JOINED, MIB, Channel, User

TOKEN_LIFE_S = 900.0


class Kind(IntEnum):
    """What a person did."""

    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL = 5


class Answer(IntEnum):
    """Types of a first answer."""

    REPLY = 4
    DEFER_REPLY = 5
    DEFER_UPDATE = 6
    UPDATE = 7
    SUGGEST = 8
    ASK = 9


@dataclass(eq=False)
class Interaction:
    """What a person did, and what came of it.

    Attributes:
        source: the message whose component was used (also: that led to the modal).
        sent: when the person pressed, by the monotonic clock.
        acknowledged: when the first answer arrived, by the same clock.
        original: the message behind `@original`.
    """

    id: int
    kind: Kind
    user: User
    channel: Channel
    data: Json
    source: Message | None = None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    sent: float = field(default_factory=time.monotonic)
    acknowledged: float | None = None
    answer: Answer | None = None
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)
    modal: Json | None = None
    suggestions: list[Json] | None = None
    pulse: Pulse = field(default_factory=Pulse)

    @property
    def expires(self) -> float:
        """When its token dies, in Unix seconds at Discord."""
        return born(self.id) + TOKEN_LIFE_S

    @property
    def messages(self) -> list[Message]:
        """What came of it and still stands, in order."""
        own = [] if self.original is None else [self.original]
        return [message for message in own + self.followups if not message.deleted]

    def mark(self, application_id: int) -> Json:
        """The metadata that messages of this interaction carry."""
        return {
            "id": str(self.id),
            "type": self.kind,
            "name": self.data.get("name", ""),
            "user": self.user.payload(),
            "authorizing_integration_owners": {},
            "application_id": str(application_id),
        }

    def payload(self, application_id: int) -> Json:
        """What INTERACTION_CREATE brings."""
        guild = self.channel.guild
        data: Json = {
            "id": str(self.id),
            "application_id": str(application_id),
            "type": self.kind,
            "data": self.data,
            "token": self.token,
            "version": 1,
            "channel_id": str(self.channel.id),
            "channel": self.channel.payload(),
            "app_permissions": str(self.channel.bot_permissions.value),
            "locale": self.user.locale,
            "entitlements": [],
            "attachment_size_limit": guild.file_limit if guild else 10 * MIB,
        }
        if self.source is not None:
            data["message"] = self.source.payload()
        if guild is None:
            owners = {"1": str(self.user.id)}
            person: Json = {"user": self.user.payload(), "context": 1}
        else:
            owners = {"0": str(guild.id)}
            member = guild.member_payload(self.user)
            person = {
                "member": {**member, "joined_at": JOINED, "permissions": str(1 << 11 | 1 << 10)},
                "guild_id": str(guild.id),
                "guild": {"id": str(guild.id), "locale": guild.locale, "features": []},
                "guild_locale": guild.locale,
                "context": 0,
            }
        return {**data, **person, "authorizing_integration_owners": owners}
