"""discord.py's voice client with health checks: close code, age of the last message, encryption.

discord.py 2.7 reports neither why a connection ended nor that it has gone quiet. Everything that
is taken from its private attributes is taken here: the state's message hook, its websocket, its
polling task, and whether it expects to be disconnected.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import discord
from discord.voice_state import VoiceConnectionState

# It logs a traceback for every attempt that fails; `connection` logs each loss in one line.
logging.getLogger("discord.voice_state").setLevel(logging.CRITICAL)

LEAVE_TIMEOUT_S = 5.0
ENCRYPTION_WAIT_S = 1.0
"""How long playback waits for the encryption group to form."""


class JamVoiceClient(discord.VoiceClient):
    """Connect with `reconnect=False`: every loss then sets `disconnected`, and the caller retries.

    Attributes:
        disconnected: set when the connection is over for good, whatever the reason.
        was_removed: somebody took the bot out of the channel, or deleted the channel.
        is_leaving: `leave` was called.
    """

    def __init__(self, client: discord.Client, channel: discord.abc.Connectable) -> None:
        self.disconnected = asyncio.Event()
        self.was_removed = False
        self.is_leaving = False
        self._last_message_at = time.monotonic()
        self._websocket_closed_at: float | None = None
        self._unencrypted_since: float | None = None
        super().__init__(client, channel)

    def create_connection_state(self) -> VoiceConnectionState:
        """discord.py's connection state with a hook on every message of the voice server."""
        return VoiceConnectionState(self, hook=self._on_message)

    async def _on_message(self, *_: Any) -> None:
        self._last_message_at = time.monotonic()

    @property
    def last_message_age_s(self) -> float:
        """Seconds since the voice server's last message; it answers a heartbeat every 5 s."""
        return time.monotonic() - self._last_message_at

    @property
    def websocket_closed_s(self) -> float:
        """Seconds since the websocket to the voice server closed; 0 while it is open."""
        gateway = self._connection.ws
        if gateway and gateway.ws.close_code is None and not gateway.ws.closed:
            self._websocket_closed_at = None
            return 0.0
        if self._websocket_closed_at is None:
            self._websocket_closed_at = time.monotonic()
        return time.monotonic() - self._websocket_closed_at

    def can_send(self) -> bool:
        """Whether packets reach listeners; discord.py's `is_connected` stays True for longer."""
        return self.is_connected() and self.websocket_closed_s == 0 and self.is_encryption_settled()

    def is_encryption_settled(self) -> bool:
        """Whether frames are end-to-end encrypted (DAVE), or `ENCRYPTION_WAIT_S` has passed.

        Until its group has formed discord.py sends plain frames, which the listeners' clients may
        drop; alone in a channel there is no group to form.
        """
        if self._connection.dave_protocol_version == 0 or self._connection.can_encrypt:
            self._unencrypted_since = None
            return True
        if self._unencrypted_since is None:
            self._unencrypted_since = time.monotonic()
        return time.monotonic() - self._unencrypted_since > ENCRYPTION_WAIT_S

    @property
    def close_code(self) -> int | None:
        """The voice server's close code; None while open, after a normal close or a broken line."""
        gateway = self._connection.ws
        code = gateway.ws.close_code if gateway else None
        return None if code in {None, 1000, 1006} else code

    async def on_voice_state_update(self, data: Any) -> None:
        """Handle a change of the bot's own voice state."""
        # discord.py leaves the channel by itself when it gives a connection up, and expects this.
        by_us = self.is_leaving or self._connection._expecting_disconnect
        if data["channel_id"] is None and not by_us:
            self.was_removed = True
        await super().on_voice_state_update(data)

    def cleanup(self) -> None:
        """Called by discord.py when it has given up the connection."""
        super().cleanup()
        runner = self._connection._runner
        if runner is not None:
            runner.add_done_callback(_retrieve_exception)
        self.disconnected.set()

    async def leave(self) -> None:
        """Leave the channel; never raises, and takes at most `LEAVE_TIMEOUT_S`."""
        self.is_leaving = True
        # An attempt of discord.py's own to reconnect would leave the channel when it fails, and
        # take a newer client with it.
        for task in (self._connection._runner, self._connection._connector):
            if task is not None:
                task.cancel()
        try:
            # Once disconnected discord.py has left already, and would wait for an event in vain.
            if not self.disconnected.is_set():
                async with asyncio.timeout(LEAVE_TIMEOUT_S):
                    await self.disconnect(force=True)
        except (TimeoutError, discord.DiscordException, OSError):
            pass
        finally:
            self.stop()
            self.cleanup()


def _retrieve_exception(task: asyncio.Task[None]) -> None:
    """Stop asyncio from logging the polling task's exception: `close_code` reports it."""
    if not task.cancelled():
        task.exception()
