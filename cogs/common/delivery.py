"""Where an answer goes: through the interaction while its token lives, by other doors after.

An interaction's token dies 15 minutes after the click, a message can be deleted while its clip is
being made, a channel can vanish or be closed to the bot, and Discord has bad days. A `Place` knows
the doors in the order in which a person would look for the answer, tries each, and never raises:
what could not be delivered is logged and reported by returning None. The clip itself is in the
library long before.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import discord

from cogs.common.markdown import clipped
from cogs.common.mentions import linked_content, linked_embed
from cogs.common.visibility import audience_of, common_sight
from riffbot.library.types import Author, Origin

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

log = logging.getLogger(__name__)

DEFAULT_FILESIZE_LIMIT = 10 * 1024 * 1024
"""Bytes; what a server without boosts may upload. Interactions and boosted servers know better."""

TOO_LARGE = 40005
"""Discord's code for "request entity too large"."""

MESSAGE_LIMIT = 2000
"""Characters of a message."""

UNDELIVERED = (discord.HTTPException, aiohttp.ClientError, OSError)
"""Discord refused, or the line to it broke: discord.py lets a broken connection through."""


@dataclass(frozen=True)
class Upload:
    """A file of a card: name (ASCII, as `attachment://` demands), bytes, and words for it."""

    name: str
    data: bytes
    description: str = ""

    def file(self) -> discord.File:
        """A fresh discord.File: each can be sent only once."""
        text = self.description[:1024] or None
        return discord.File(io.BytesIO(self.data), filename=self.name, description=text)


@dataclass(frozen=True)
class Card:
    """A message to be, which can be sent any number of times.

    Attributes:
        keeps_files: an edit leaves the files that stand there (`uploads` is then for sending).
    """

    embed: discord.Embed | None = None
    content: str | None = None
    uploads: tuple[Upload, ...] = ()
    buttons: Callable[[], discord.ui.View] | None = None
    keeps_files: bool = False

    def linked(self, bot: RiffBot) -> Card:
        """The same card, its commands as mentions that can be clicked."""
        return replace(
            self,
            embed=linked_embed(bot, self.embed) if self.embed is not None else None,
            content=linked_content(bot, self.content) if self.content is not None else None,
        )

    def to_send(self) -> dict[str, Any]:
        """Arguments for a `send`."""
        arguments: dict[str, Any] = {"allowed_mentions": discord.AllowedMentions.none()}
        if self.embed is not None:
            arguments["embed"] = self.embed
        if self.content is not None:
            arguments["content"] = self.content
        if self.uploads:
            arguments["files"] = [upload.file() for upload in self.uploads]
        if self.buttons is not None:
            arguments["view"] = self.buttons()
        return arguments

    def to_edit(self) -> dict[str, Any]:
        """Arguments for an `edit` that leaves nothing of what stood there (see `keeps_files`)."""
        arguments: dict[str, Any] = {
            "embed": self.embed,
            "content": self.content,
            "view": self.buttons() if self.buttons is not None else None,
            "allowed_mentions": discord.AllowedMentions.none(),
        }
        if not self.keeps_files:
            arguments["attachments"] = [upload.file() for upload in self.uploads]
        return arguments


Door = Callable[[Card], Awaitable[int]]
"""Sends a card somewhere and returns the message's id."""


@dataclass
class Place:
    """One asker's spot in one channel.

    Attributes:
        channel_id, user_id: where and who.
        audience_id: whose visitors may see what is made here (`Origin.audience_id`).
        guild_id: None in a direct message.
        filesize_limit: bytes that one upload may have here.
        webhook: the door with the interaction's token; None where there never was one.
        expires_at: when that door shuts, UTC.
        message_id: the first message, which shows progress and becomes the result.
    """

    bot: RiffBot
    channel_id: int
    user_id: int
    guild_id: int | None = None
    filesize_limit: int = DEFAULT_FILESIZE_LIMIT
    webhook: discord.Webhook | None = None
    expires_at: datetime | None = None
    message_id: int | None = None
    audience_id: int | None = None
    _frozen: bool = field(default=False, init=False)  # the first message is gone or closed to us

    @classmethod
    async def open(cls, interaction: discord.Interaction[RiffBot], card: Card) -> Place:
        """Answer a command or a click with the first message: this is the acknowledgement, too.

        Raises:
            discord.HTTPException: the interaction can no longer be answered.
        """
        assert interaction.channel_id is not None, "commands and buttons have a channel"
        card = card.linked(interaction.client)
        if interaction.response.is_done():  # an upload was read meanwhile, see `_starts.preparing`
            message_id: int | None = (await interaction.edit_original_response(**card.to_edit())).id
        else:
            message_id = (await interaction.response.send_message(**card.to_send())).message_id
        return cls(
            bot=interaction.client,
            channel_id=interaction.channel_id,
            user_id=interaction.user.id,
            guild_id=interaction.guild_id,
            filesize_limit=interaction.filesize_limit,
            webhook=interaction.followup,
            expires_at=interaction.expires_at,
            message_id=message_id,
            audience_id=audience_of(interaction.channel, interaction.channel_id),
        )

    @classmethod
    def again(cls, bot: RiffBot, author: Author, origin: Origin) -> Place:
        """The place of a job from before a restart, as the library remembers it."""
        guild = bot.get_guild(author.guild_id) if author.guild_id is not None else None
        return cls(
            bot=bot,
            channel_id=origin.channel_id,
            user_id=author.user_id,
            guild_id=author.guild_id,
            filesize_limit=guild.filesize_limit if guild else DEFAULT_FILESIZE_LIMIT,
            webhook=_webhook(bot, origin.token) if origin.token is not None else None,
            expires_at=origin.token_expires_at,
            message_id=origin.message_id,
            audience_id=origin.audience_id,
        )

    @property
    def origin(self) -> Origin:
        """What the library has to remember to come back here."""
        return Origin(
            channel_id=self.channel_id,
            audience_id=self.audience_id,
            message_id=self.message_id,
            token=self.webhook.token if self.webhook is not None else None,
            token_expires_at=self.expires_at,
        )

    def seen(self, place: int) -> bool:
        """Whether all who read here see another place, too: see `_viewer.common_sight`."""
        guild = self.bot.get_guild(self.guild_id) if self.guild_id is not None else None
        return common_sight(guild, self.audience_id)(place)

    async def revise(self, card: Card) -> None:
        """Show progress in the first message; a failure costs one picture, nothing more."""
        if self.message_id is None or self._frozen:
            return
        try:
            await self._edit_first(card)
        except (discord.NotFound, discord.Forbidden) as error:
            # Ten thousand of these in ten minutes and Discord bans the host: never again here.
            self._frozen = True
            log.info("no more progress in channel %s: %s", self.channel_id, error)
        except UNDELIVERED as error:
            log.info("a progress edit in channel %s was lost: %s", self.channel_id, error)

    async def finish(self, *cards: Card) -> int | None:
        """Turn the first message into the result, or deliver it by whichever door is open.

        Args:
            cards: the result, the richest first; the next is for where that one is too large.

        Returns:
            the id of the message that carries it, None if no door was open.
        """
        if self.message_id is not None and not self._frozen and self._door is not None:
            edited = await self._through(self._edit_first, cards)
            if edited is not None:
                return edited
        delivered = await self.post(*cards)
        if delivered is not None:
            await self.withdraw()
        return delivered

    async def post(self, *cards: Card) -> int | None:
        """Send another message by the first door that is open; arguments and result as `finish`."""
        for door, fitting in self._doors([card.linked(self.bot) for card in cards]):
            sent = await self._through(door, fitting)
            if sent is not None:
                return sent
        log.warning(
            "nothing could be delivered to member %s in channel %s", self.user_id, self.channel_id
        )
        return None

    async def withdraw(self) -> None:
        """Take the first message away, if it can still be reached."""
        if self.message_id is None:
            return
        message_id, self.message_id = self.message_id, None
        try:
            if self._door is not None:
                await self._door.delete_message(message_id)
            else:
                await self._channel.get_partial_message(message_id).delete()
        except UNDELIVERED as error:
            log.debug("the progress message stays: %s", error)

    async def whisper(self, text: str) -> None:
        """Tell the asker alone; where that is no longer possible, tell the channel.

        Without a token nothing is ephemeral any more, and whoever asked must hear what happened.
        """
        # Room for a name before it.
        text = clipped(linked_content(self.bot, text), MESSAGE_LIMIT - 100)
        if self._door is not None:
            try:
                await self._door.send(text, ephemeral=True)
            except UNDELIVERED as error:
                log.info("could not whisper to %s: %s", self.user_id, error)
            else:
                return
        await self.post(Card(content=text))

    @property
    def _door(self) -> discord.Webhook | None:
        """The interaction's webhook while its token lives."""
        if self.expires_at is None or discord.utils.utcnow() >= self.expires_at:
            return None
        return self.webhook

    @property
    def _channel(self) -> discord.PartialMessageable:
        return self.bot.get_partial_messageable(self.channel_id, guild_id=self.guild_id)

    async def _through(self, door: Door, cards: Sequence[Card]) -> int | None:
        for card in cards:
            try:
                return await door(card)
            except UNDELIVERED as error:
                log.info("channel %s: %r", self.channel_id, error)
                if not is_too_large(error):
                    return None
        return None

    def _doors(self, cards: Sequence[Card]) -> Iterator[tuple[Door, Sequence[Card]]]:
        if self._door is not None:
            yield self._by_token, cards
        addressed = [self._addressed(card) for card in cards]
        allowed = self._permissions()
        if allowed.send_messages:
            yield (
                self._by_channel,
                [card for card in addressed if allowed.attach_files or not card.uploads],
            )
        yield self._by_mail, addressed

    def _addressed(self, card: Card) -> Card:
        """Without an interaction nothing shows who asked: say it, without a ping."""
        who = f"<@{self.user_id}>"
        return replace(card, content=f"{who} {card.content}" if card.content else who)

    def _permissions(self) -> discord.Permissions:
        """What the bot may do here without a token."""
        if self.guild_id is None:
            return discord.Permissions.all()  # a direct message
        guild = self.bot.get_guild(self.guild_id)
        if guild is None:
            return discord.Permissions.none()  # installed for the member, not for the server
        channel = guild.get_channel_or_thread(self.channel_id)
        if channel is None:
            return discord.Permissions.all()  # an uncached thread: Discord will say
        allowed = channel.permissions_for(guild.me)
        if isinstance(channel, discord.Thread):
            allowed.send_messages = allowed.send_messages_in_threads
        return allowed

    async def _edit_first(self, card: Card) -> int:
        assert self.message_id is not None
        card = card.linked(self.bot)
        if self._door is not None:
            await self._door.edit_message(self.message_id, **card.to_edit())
        else:
            message = self._channel.get_partial_message(self.message_id)
            await message.edit(**card.to_edit())
        return self.message_id

    async def _by_token(self, card: Card) -> int:
        assert self.webhook is not None
        return (await self.webhook.send(wait=True, **card.to_send())).id

    async def _by_channel(self, card: Card) -> int:
        return (await self._channel.send(**card.to_send())).id

    async def _by_mail(self, card: Card) -> int:
        user = self.bot.get_user(self.user_id) or await self.bot.fetch_user(self.user_id)
        return (await user.send(**card.to_send())).id


def is_too_large(error: Exception) -> bool:
    """Whether Discord refused a message for the size of its files."""
    return isinstance(error, discord.HTTPException) and (
        error.status == 413 or error.code == TOO_LARGE
    )


def _webhook(bot: RiffBot, token: str) -> discord.Webhook:
    """An interaction's webhook from its token alone.

    discord.py makes these for live interactions only; after a restart there is none.
    """
    data: Any = {
        "id": bot.application_id,
        "type": discord.WebhookType.application.value,
        "token": token,
    }
    return discord.Webhook.from_state(data, bot._connection)
