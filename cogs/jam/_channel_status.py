"""The status text under a voice channel's name: what plays there."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field

import discord

from cogs.common.delivery import DELIVERY_ERRORS
from riffbot.clock import monotonic

log = logging.getLogger(__name__)

STATUS_INTERVAL_S = 30.0
"""The status is written at most so often."""
STATUS_LENGTH = 500
CLEAR_TIMEOUT_S = 5.0


@dataclass(eq=False)
class ChannelStatus:
    """Writes the status of the channel that a jam plays in, and clears it when the jam leaves."""

    _text: str | None = field(default=None, init=False)
    _channel: discord.VoiceChannel | None = field(default=None, init=False)
    _written_at: float | None = field(default=None, init=False)
    _writing: asyncio.Task[None] | None = field(default=None, init=False)

    async def update(self, channel: discord.VoiceChannel, prompt: str) -> None:
        """Show a prompt as the channel's status, where the bot may and not too often.

        Where the jam has moved from another channel, the old one's status is cleared first.
        """
        if self._channel not in (None, channel):
            await self.clear()
            self._written_at = None
        if self._is_throttled():
            return
        text = f"🎶 {prompt}"[:STATUS_LENGTH]
        if text == self._text:
            return
        if channel.permissions_for(channel.guild.me).set_voice_channel_status:
            self._written_at, self._text, self._channel = monotonic(), text, channel
            # As a task: discord.py sleeps on a rate limit, and a stop must not wait for that.
            self._writing = asyncio.create_task(_write_status(channel, text))

    async def clear(self) -> None:
        """Remove the status, if one was written; gives up after `CLEAR_TIMEOUT_S`."""
        channel, self._channel = self._channel, None
        if self._writing is not None:
            self._writing.cancel()
        if channel is not None and self._text is not None:
            self._text = None
            with suppress(TimeoutError):
                async with asyncio.timeout(CLEAR_TIMEOUT_S):
                    await _write_status(channel, None)

    def _is_throttled(self) -> bool:
        if self._writing is not None and not self._writing.done():
            return True
        return self._written_at is not None and monotonic() - self._written_at < STATUS_INTERVAL_S


async def _write_status(channel: discord.VoiceChannel, text: str | None) -> None:
    try:
        await channel.edit(status=text)
    except DELIVERY_ERRORS as error:
        log.info("the status of voice channel %s stays: %s", channel.id, error)
