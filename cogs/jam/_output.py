"""Where a jam is heard: in a voice channel and on the page, or on the page alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import discord

from cogs.jam._listeners import count_hearing
from riffbot.jam.session import JamSession
from riffbot.voice.connection import (
    ConnectionState,
    EndReason,
    ReconnectPolicy,
    VoiceConnection,
)

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

RECONNECT_POLICY = ReconnectPolicy()


@dataclass(eq=False)
class JamOutput:
    """The voice connection of a jam, and who is there.

    Attributes:
        connection: None where Discord carries no sound, so that the jam is heard on the page alone.
    """

    bot: RiffBot
    session: JamSession
    connection: VoiceConnection | None = field(default=None, init=False)

    async def join(self, channel: discord.VoiceChannel, on_end: Callable[[], None]) -> None:
        """Play in a voice channel.

        Args:
            on_end: called when the channel is lost for good, or the jam has ended.

        Raises:
            VoiceError: it cannot be joined.
        """
        self.connection = VoiceConnection(
            channel, self.session.ring, RECONNECT_POLICY, on_end=lambda _: on_end()
        )
        await self.connection.open()

    async def leave(self) -> None:
        """Leave the voice channel, if there is one."""
        if self.connection is not None:
            await self.connection.leave()

    @property
    def channel(self) -> discord.VoiceChannel | None:
        """The voice channel; it changes when a moderator drags the bot elsewhere.

        Looked up each time: a new gateway session brings new channels and members, and the old
        ones never change again.
        """
        if self.connection is None:
            return None
        known = self.bot.get_channel(self.connection.channel.id)
        return known if isinstance(known, discord.VoiceChannel) else self.connection.channel

    @property
    def is_lost(self) -> bool:
        """Whether the voice connection has ended."""
        return self.connection is not None and self.connection.state is ConnectionState.ENDED

    @property
    def has_failed(self) -> bool:
        """Whether the voice connection could not be restored."""
        return self.connection is not None and self.connection.end_reason is EndReason.FAILED

    @property
    def notice(self) -> str:
        """A sentence about the voice connection; empty while all is well."""
        return self.connection.notice if self.connection is not None else ""

    @property
    def mention(self) -> str:
        """The channel, for a sentence."""
        return self.channel.mention if self.channel is not None else "the jam"

    def has(self, user: discord.User | discord.Member) -> bool:
        """Whether somebody is in the jam's channel; without a channel everybody is."""
        channel = self.channel
        return channel is None or user.id in {member.id for member in channel.members}

    def count_listeners(self) -> int:
        """Count the people who can hear it: in the channel and not deafened, or on the page."""
        channel = self.channel
        members = channel.members if channel is not None else ()
        return self.session.ring.stats().listeners + count_hearing(members)
