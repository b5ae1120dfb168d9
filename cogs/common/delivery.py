"""Delivers a response: interaction webhook until its token expires (15 min), then channel, then DM.

While a clip is generated, the token can expire, the progress message can be deleted, the channel
can vanish or be closed to the bot, and Discord can fail. A `ReplyTarget` tries the ways that are
left in the order in which a member would look for the answer. It never raises: what could not be
delivered is logged and reported by returning None. The clip itself is in the library by then.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import discord

from cogs.common.cards import Card
from cogs.common.markdown import truncate
from cogs.common.mentions import mention_commands_in_text
from cogs.common.visibility import audience_id_of, visible_to_all
from riffbot.library.types import Author, Origin

if TYPE_CHECKING:
    from riffbot.bot import RiffBot

log = logging.getLogger(__name__)

DEFAULT_FILESIZE_LIMIT = 10 * 1024 * 1024
"""Bytes that may be uploaded in a server without boosts; interactions carry the exact limit."""

TOO_LARGE = 40005
"""Discord's error code for "request entity too large"."""

MESSAGE_LIMIT = 2000
"""Characters of a message's content."""

DELIVERY_ERRORS = (discord.HTTPException, aiohttp.ClientError, OSError)
"""Discord refused, or the connection to it broke: discord.py does not wrap connection errors."""

Sender = Callable[[Card], Awaitable[int]]
"""Sends a card one way and returns the message's id."""


@dataclass
class ReplyTarget:
    """Where one member's answer goes: a channel, and the interaction's webhook while it lives.

    Attributes:
        channel_id, user_id: the channel, and the member who asked.
        guild_id: None in a direct message.
        filesize_limit: bytes that one file may have here.
        webhook: the interaction's webhook; None where there was no interaction.
        expires_at: when the webhook's token expires, UTC.
        message_id: the first message, which shows progress and becomes the result.
        audience_id: the channel whose readers may see what is made here (`Origin.audience_id`).
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
    _edits_stopped: bool = field(default=False, init=False)  # message deleted, or access lost

    @classmethod
    async def respond(cls, interaction: discord.Interaction[RiffBot], card: Card) -> ReplyTarget:
        """Respond to a command or click with the first message, which also acknowledges it.

        Raises:
            discord.HTTPException: the interaction can no longer be answered.
        """
        assert interaction.channel_id is not None, "commands and buttons have a channel"
        card = card.with_command_mentions(interaction.client)
        if interaction.response.is_done():  # acknowledged by `sources.acknowledging`
            edited = await interaction.edit_original_response(**card.edit_arguments())
            message_id: int | None = edited.id
        else:
            sent = await interaction.response.send_message(**card.send_arguments())
            message_id = sent.message_id
        return cls(
            bot=interaction.client,
            channel_id=interaction.channel_id,
            user_id=interaction.user.id,
            guild_id=interaction.guild_id,
            filesize_limit=interaction.filesize_limit,
            webhook=interaction.followup,
            expires_at=interaction.expires_at,
            message_id=message_id,
            audience_id=audience_id_of(interaction.channel, interaction.channel_id),
        )

    @classmethod
    def from_origin(cls, bot: RiffBot, author: Author, origin: Origin) -> ReplyTarget:
        """The target of a job from before a restart, from what the library stored."""
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
        """What the library stores, so that `from_origin` finds the way back."""
        return Origin(
            channel_id=self.channel_id,
            audience_id=self.audience_id,
            message_id=self.message_id,
            token=self.webhook.token if self.webhook is not None else None,
            token_expires_at=self.expires_at,
        )

    def is_visible_to_readers(self, audience_id: int) -> bool:
        """Whether everyone who reads this channel may see another one: see `visible_to_all`."""
        guild = self.bot.get_guild(self.guild_id) if self.guild_id is not None else None
        return visible_to_all(guild, self.audience_id)(audience_id)

    async def edit(self, card: Card) -> None:
        """Edit the first message, to show progress. A failure is logged."""
        if self.message_id is None or self._edits_stopped:
            return
        try:
            await self._edit_first_message(card)
        except (discord.NotFound, discord.Forbidden) as error:
            # Discord bans a host for ten thousand invalid requests in ten minutes: stop for good.
            self._edits_stopped = True
            log.info("no more progress in channel %s: %s", self.channel_id, error)
        except DELIVERY_ERRORS as error:
            log.info("a progress edit in channel %s was lost: %s", self.channel_id, error)

    async def finish(self, *cards: Card) -> int | None:
        """Turn the first message into the result, or `post` it where that is not possible.

        Args:
            cards: versions of the result, richest first; the next is for where one is too large.

        Returns:
            the id of the message with the result, None where it could not be delivered.
        """
        can_edit = self.message_id is not None and not self._edits_stopped
        if can_edit and self._live_webhook is not None:
            edited = await self._send_first_accepted(self._edit_first_message, cards)
            if edited is not None:
                return edited
        delivered = await self.post(*cards)
        if delivered is not None:
            await self.delete()
        return delivered

    async def post(self, *cards: Card) -> int | None:
        """Send another message: webhook, channel, then DM. Arguments and result as `finish`."""
        linked = [card.with_command_mentions(self.bot) for card in cards]
        for sender, accepted in self._senders(linked):
            sent = await self._send_first_accepted(sender, accepted)
            if sent is not None:
                return sent
        log.warning(
            "nothing could be delivered to member %s in channel %s", self.user_id, self.channel_id
        )
        return None

    async def delete(self) -> None:
        """Delete the first message, if it can still be reached. A failure is logged."""
        if self.message_id is None:
            return
        message_id, self.message_id = self.message_id, None
        try:
            if self._live_webhook is not None:
                await self._live_webhook.delete_message(message_id)
            else:
                await self._channel.get_partial_message(message_id).delete()
        except DELIVERY_ERRORS as error:
            log.debug("the progress message stays: %s", error)

    async def send_ephemeral(self, text: str) -> None:
        """Send a text that only the asker sees; without a live token, `post` it instead.

        Only an interaction's webhook can send ephemeral messages, and the asker must be told.

        Args:
            text: in Discord's markdown; members' words in it are escaped already.
        """
        # Leaves room for the mention that `post` adds.
        text = truncate(mention_commands_in_text(self.bot, text), MESSAGE_LIMIT - 100)
        if self._live_webhook is not None:
            try:
                await self._live_webhook.send(text, ephemeral=True)
            except DELIVERY_ERRORS as error:
                log.info("no ephemeral message to %s: %s", self.user_id, error)
            else:
                return
        await self.post(Card(content=text))

    @property
    def _live_webhook(self) -> discord.Webhook | None:
        """The interaction's webhook until its token expires."""
        if self.expires_at is None or discord.utils.utcnow() >= self.expires_at:
            return None
        return self.webhook

    @property
    def _channel(self) -> discord.PartialMessageable:
        return self.bot.get_partial_messageable(self.channel_id, guild_id=self.guild_id)

    async def _send_first_accepted(self, sender: Sender, cards: Sequence[Card]) -> int | None:
        """Send the first card that is not too large; None where none was accepted."""
        for card in cards:
            try:
                return await sender(card)
            except DELIVERY_ERRORS as error:
                log.info("channel %s: %r", self.channel_id, error)
                if not is_too_large(error):
                    return None
        return None

    def _senders(self, cards: Sequence[Card]) -> Iterator[tuple[Sender, Sequence[Card]]]:
        """The ways to send that are left, best first, each with the cards that it can carry."""
        if self._live_webhook is not None:
            yield self._send_by_webhook, cards
        addressed = [self._with_mention(card) for card in cards]
        allowed = self._bot_permissions()
        if allowed.send_messages:
            yield (
                self._send_to_channel,
                [card for card in addressed if allowed.attach_files or not card.files],
            )
        yield self._send_direct_message, addressed

    def _with_mention(self, card: Card) -> Card:
        """The card with the asker's name: without an interaction nothing shows who asked.

        `allowed_mentions` keeps it from pinging.
        """
        mention = f"<@{self.user_id}>"
        return replace(card, content=f"{mention} {card.content}" if card.content else mention)

    def _bot_permissions(self) -> discord.Permissions:
        """What the bot may do in the channel without a token."""
        if self.guild_id is None:
            return discord.Permissions.all()  # a direct message
        guild = self.bot.get_guild(self.guild_id)
        if guild is None:
            return discord.Permissions.none()  # installed for the member, not for the server
        channel = guild.get_channel_or_thread(self.channel_id)
        if channel is None:
            return discord.Permissions.all()  # a thread outside the cache: let Discord decide
        allowed = channel.permissions_for(guild.me)
        if isinstance(channel, discord.Thread):
            allowed.send_messages = allowed.send_messages_in_threads
        return allowed

    async def _edit_first_message(self, card: Card) -> int:
        assert self.message_id is not None
        card = card.with_command_mentions(self.bot)
        if self._live_webhook is not None:
            await self._live_webhook.edit_message(self.message_id, **card.edit_arguments())
        else:
            message = self._channel.get_partial_message(self.message_id)
            await message.edit(**card.edit_arguments())
        return self.message_id

    async def _send_by_webhook(self, card: Card) -> int:
        assert self.webhook is not None
        return (await self.webhook.send(wait=True, **card.send_arguments())).id

    async def _send_to_channel(self, card: Card) -> int:
        return (await self._channel.send(**card.send_arguments())).id

    async def _send_direct_message(self, card: Card) -> int:
        user = self.bot.get_user(self.user_id) or await self.bot.fetch_user(self.user_id)
        return (await user.send(**card.send_arguments())).id


async def send_ephemeral(interaction: discord.Interaction[Any], text: str) -> None:
    """Answer an interaction with a text that only the asker sees.

    Sends the first response or a follow-up, whichever is still possible. Never raises: reporting a
    failure must not fail over it.

    Args:
        text: in Discord's markdown; members' words in it are escaped already.
    """
    # It may quote what a member typed, of any length.
    text = truncate(mention_commands_in_text(interaction.client, text), MESSAGE_LIMIT)
    try:
        if not interaction.response.is_done():
            await interaction.response.send_message(text, ephemeral=True)
        elif not interaction.is_expired():
            await interaction.followup.send(text, ephemeral=True)
        else:
            log.info("too late to answer member %s", interaction.user.id)
    except DELIVERY_ERRORS as error:
        log.info("could not answer member %s: %s", interaction.user.id, error)


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
