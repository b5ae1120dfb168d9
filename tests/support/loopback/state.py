"""Everything this Discord knows, in one place; the rooms around it read and change it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.loopback.clock import Clock, Snowflakes
from tests.support.loopback.errors import ApiError, Json, unknown_channel
from tests.support.loopback.interactions import Interaction
from tests.support.loopback.messages import Attachment, Message
from tests.support.loopback.pulse import Pulse
from tests.support.loopback.world import Channel, Guild, User

TOKEN = "loopback.bot.token"
GLOBAL = 0
"""The scope of commands that are registered for all servers."""


@dataclass
class State:
    """The data.

    Attributes:
        base_url: where the server listens, `http://127.0.0.1:PORT`.
        commands: scope (`GLOBAL` or a guild id) → registered commands.
        token_life_s: how long an interaction can be answered; 15 minutes at Discord. A shorter
            life is made by dating the interaction back, so that the bot sees the same end.
        breaches: rules of Discord that the bot broke (and was refused for).
        failures: what the loopback could not model; fails the test.
    """

    clock: Clock = field(default_factory=Clock)
    base_url: str = ""
    token_life_s: float = 900.0
    acknowledge_s: float = 3.0
    guilds: dict[int, Guild] = field(default_factory=dict)
    users: dict[int, User] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    files: dict[int, Attachment] = field(default_factory=dict)
    interactions: dict[int, Interaction] = field(default_factory=dict)
    by_token: dict[str, Interaction] = field(default_factory=dict)
    commands: dict[int, list[Json]] = field(default_factory=dict)
    syncs: int = 0
    breaches: list[ApiError] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)
    pulse: Pulse = field(default_factory=Pulse)

    def __post_init__(self) -> None:
        self.ids = Snowflakes(self.clock)
        self.bot = self.add_user("riffbot", bot=True)
        self.owner = self.add_user("owner")

    @property
    def application_id(self) -> int:
        """The application is its bot."""
        return self.bot.id

    def add_user(self, name: str, *, bot: bool = False, locale: str = "en-US") -> User:
        """A new account."""
        user = User(self.ids.mint(), name, bot, locale)
        self.users[user.id] = user
        return user

    def channel(self, channel_id: int) -> Channel:
        """A channel that exists; raises ApiError 404 / 10003."""
        channel = self.channels.get(channel_id)
        if channel is None or channel.deleted:
            raise unknown_channel()
        return channel

    def direct_channel(self, user: User) -> Channel:
        """The direct conversation with a user, made when first asked for."""
        for channel in self.channels.values():
            if channel.guild is None and channel.recipient is user:
                return channel
        channel = Channel(self.ids.mint(), f"@{user.name}", recipient=user)
        self.channels[channel.id] = channel
        return channel

    def registered(self, guild: Guild | None) -> list[Json]:
        """The commands that a member sees there."""
        local = self.commands.get(guild.id, []) if guild else []
        return [*local, *self.commands.get(GLOBAL, [])]

    def raise_failures(self) -> None:
        """Raise the first failure, if there is one."""
        if self.failures:
            raise self.failures[0]

    def note(self, error: ApiError) -> None:
        """Keep the books on an error that the bot is answered with."""
        if error.breach:
            self.breaches.append(error)
            self.pulse.beat()

    def fail(self, failure: BaseException) -> None:
        """Remember a failure and wake everybody who waits, so that the test ends now."""
        self.failures.append(failure)
        self.pulse.beat()
        for interaction in self.interactions.values():
            interaction.pulse.beat()
        for channel in self.channels.values():
            channel.pulse.beat()
