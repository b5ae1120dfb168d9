"""The people and places: users, servers (guilds) and channels, and how Discord describes them.

Payloads follow the API reference (v10) as far as discord.py 2.7 reads them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from discord import Permissions

from tests.support.loopback.errors import Json, missing_permissions, unknown_channel
from tests.support.loopback.pulse import Pulse

if TYPE_CHECKING:
    from tests.support.loopback.messages import Message

TEXT, DIRECT, VOICE = 0, 1, 2
MIB = 1024 * 1024
JOINED = "2026-01-01T00:00:00.000000+00:00"
BOT_PERMISSIONS = Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    embed_links=True,
    attach_files=True,
    read_message_history=True,
    use_external_emojis=True,
    connect=True,
    speak=True,
    set_voice_channel_status=True,
)
"""What the bot's invitation asks for."""


@dataclass(eq=False)
class User:
    """An account; `locale` is the language of that person's client."""

    id: int
    name: str
    bot: bool = False
    locale: str = "en-US"

    def payload(self) -> Json:
        """The user object."""
        return {
            "id": str(self.id),
            "username": self.name,
            "global_name": None if self.bot else self.name.capitalize(),
            "discriminator": "0",
            "avatar": None,
            "bot": self.bot,
            "public_flags": 0,
            "flags": 0,
        }


@dataclass(eq=False)
class Guild:
    """A server. `premium_tier` (boosts, 0 to 3) decides how large a file may be.

    Attributes:
        voices: who is in which voice channel, by user id.
    """

    id: int
    name: str
    owner: User
    bot: User
    locale: str = "en-US"
    premium_tier: int = 0
    channels: list[Channel] = field(default_factory=list)
    voices: dict[int, tuple[User, VoiceChannel]] = field(default_factory=dict)

    @property
    def file_limit(self) -> int:
        """Bytes that one file may have."""
        return {2: 50, 3: 100}.get(self.premium_tier, 10) * MIB

    @property
    def bot_role_id(self) -> int:
        """The role that came with the bot's invitation."""
        return self.id + 1

    def member_payload(self, user: User) -> Json:
        """The member object of a user here; the bot wears its role."""
        return {
            "user": user.payload(),
            "nick": None,
            "avatar": None,
            "roles": [str(self.bot_role_id)] if user is self.bot else [],
            "joined_at": JOINED,
            "premium_since": None,
            "deaf": False,
            "mute": False,
            "pending": False,
            "flags": 0,
        }

    def voice_payload(
        self, user: User, channel: VoiceChannel | None, session_id: str = "0" * 32
    ) -> Json:
        """The voice state of a user, as VOICE_STATE_UPDATE tells it."""
        return {
            "guild_id": str(self.id),
            "channel_id": str(channel.id) if channel else None,
            "user_id": str(user.id),
            "member": self.member_payload(user),
            "session_id": session_id,
            "deaf": False,
            "mute": False,
            "self_deaf": False,
            "self_mute": False,
            "self_video": False,
            "suppress": False,
            "request_to_speak_timestamp": None,
        }

    def payload(self) -> Json:
        """What GUILD_CREATE brings: everything, of members the bot and who is in voice."""
        speaking = [user for user, _ in self.voices.values() if user is not self.bot]
        return {
            "id": str(self.id),
            "name": self.name,
            "owner_id": str(self.owner.id),
            "icon": None,
            "unavailable": False,
            "joined_at": JOINED,
            "large": False,
            "member_count": 2,
            "features": [],
            "premium_tier": self.premium_tier,
            "preferred_locale": self.locale,
            "verification_level": 0,
            "default_message_notifications": 1,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "nsfw_level": 0,
            "afk_timeout": 300,
            "roles": [
                _role(self.id, "@everyone", Permissions.none()),
                _role(self.bot_role_id, self.bot.name, BOT_PERMISSIONS),
            ],
            "channels": [channel.payload() for channel in self.channels],
            "members": [self.member_payload(user) for user in (self.bot, *speaking)],
            "emojis": [],
            "stickers": [],
            "threads": [],
            "voice_states": [
                self.voice_payload(user, channel) for user, channel in self.voices.values()
            ],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }


@dataclass(eq=False)
class Channel:
    """A text channel of a server, or (without a guild) a direct conversation with `recipient`."""

    id: int
    name: str
    guild: Guild | None = None
    recipient: User | None = None
    messages: list[Message] = field(default_factory=list)
    deleted: bool = False
    pulse: Pulse = field(default_factory=Pulse)
    denied: Permissions = field(default_factory=Permissions.none)

    @property
    def bot_permissions(self) -> Permissions:
        """What the bot may do here."""
        return Permissions(BOT_PERMISSIONS.value & ~self.denied.value)

    @property
    def file_limit(self) -> int:
        """Bytes that one file may have here."""
        return self.guild.file_limit if self.guild else 10 * MIB

    def require(self, **wanted: bool) -> None:
        """Refuse as Discord does when the channel is gone or the bot lacks a permission."""
        if self.deleted:
            raise unknown_channel()
        if not Permissions(**wanted).is_subset(self.bot_permissions):
            raise missing_permissions()

    def payload(self) -> Json:
        """The channel object."""
        shared: Json = {"id": str(self.id), "last_message_id": None, "flags": 0}
        if self.guild is None:
            assert self.recipient is not None
            return {**shared, "type": DIRECT, "recipients": [self.recipient.payload()]}
        return {
            **shared,
            "type": TEXT,
            "guild_id": str(self.guild.id),
            "name": self.name,
            "position": self.guild.channels.index(self) if self in self.guild.channels else 0,
            "parent_id": None,
            "topic": None,
            "nsfw": False,
            "rate_limit_per_user": 0,
            "permission_overwrites": [
                {
                    "id": str(self.guild.bot_role_id),
                    "type": 0,
                    "allow": "0",
                    "deny": str(self.denied.value),
                }
            ],
        }


@dataclass(eq=False)
class VoiceChannel(Channel):
    """A voice channel, with the text chat that every one has.

    Attributes:
        bitrate: bits a second that Discord asks clients for.
        status: the line under its name.
    """

    bitrate: int = 64_000
    status: str | None = None
    statuses: list[str | None] = field(default_factory=list)

    def people(self, *, but: int) -> list[User]:
        """Who is in it, without the user `but`."""
        assert self.guild is not None
        voices = self.guild.voices.values()
        return [user for user, channel in voices if channel is self and user.id != but]

    def payload(self) -> Json:
        """The channel object."""
        return {
            **super().payload(),
            "type": VOICE,
            "bitrate": self.bitrate,
            "user_limit": 0,
            "rtc_region": None,
            "video_quality_mode": 1,
        }


def _role(role_id: int, name: str, permissions: Permissions) -> Json:
    return {
        "id": str(role_id),
        "name": name,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "icon": None,
        "unicode_emoji": None,
        "position": 0,
        "permissions": str(permissions.value),
        "managed": False,
        "mentionable": False,
        "flags": 0,
    }
