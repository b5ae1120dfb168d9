"""Messages as values: the contents of a message, to be sent or edited any number of times.

What cards of riffs look like is in `clip_cards` and `progress`; `delivery` sends them.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import discord

from cogs.common.mentions import mention_commands_in_embed, mention_commands_in_text

if TYPE_CHECKING:
    from riffbot.bot import RiffBot


@dataclass(frozen=True)
class CardFile:
    """A file of a card.

    Attributes:
        name: ASCII, as `attachment://` requires.
        data: the file's bytes.
        description: the alternative text; Discord allows 1024 characters.
    """

    name: str
    data: bytes
    description: str = ""

    def to_discord(self) -> discord.File:
        """A new `discord.File`: each of those can be sent only once."""
        text = self.description[:1024] or None
        return discord.File(io.BytesIO(self.data), filename=self.name, description=text)


@dataclass(frozen=True)
class Card:
    """The contents of one message.

    Attributes:
        embed, content: in Discord's markdown; members' words are escaped already.
        files: the attachments.
        build_view: makes the buttons; called at every send, because a view belongs to one message.
        keeps_files: an edit leaves the message's attachments alone, `files` are for sending only.
    """

    embed: discord.Embed | None = None
    content: str | None = None
    files: tuple[CardFile, ...] = ()
    build_view: Callable[[], discord.ui.View] | None = None
    keeps_files: bool = False

    def with_command_mentions(self, bot: RiffBot) -> Card:
        """The same card with its commands as mentions that can be clicked."""
        embed, content = self.embed, self.content
        return replace(
            self,
            embed=mention_commands_in_embed(bot, embed) if embed is not None else None,
            content=mention_commands_in_text(bot, content) if content is not None else None,
        )

    def send_arguments(self) -> dict[str, Any]:
        """Keyword arguments for discord.py's `send` methods."""
        arguments: dict[str, Any] = {"allowed_mentions": discord.AllowedMentions.none()}
        if self.embed is not None:
            arguments["embed"] = self.embed
        if self.content is not None:
            arguments["content"] = self.content
        if self.files:
            arguments["files"] = [file.to_discord() for file in self.files]
        if self.build_view is not None:
            arguments["view"] = self.build_view()
        return arguments

    def edit_arguments(self) -> dict[str, Any]:
        """Keyword arguments for discord.py's `edit` methods.

        What this card lacks is removed from the message; `keeps_files` exempts the attachments.
        """
        arguments: dict[str, Any] = {
            "embed": self.embed,
            "content": self.content,
            "view": self.build_view() if self.build_view is not None else None,
            "allowed_mentions": discord.AllowedMentions.none(),
        }
        if not self.keeps_files:
            arguments["attachments"] = [file.to_discord() for file in self.files]
        return arguments
