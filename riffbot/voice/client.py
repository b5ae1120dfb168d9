"""discord.py's voice client with ears: what the server closed with, when it last said anything.

discord.py 2.7 tells nobody why a connection ended. All that is taken from its inside is taken
here: the state's message hook, its websocket, its polling task, and whether it expects to be gone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import discord
from discord.voice_state import VoiceConnectionState

# It logs a traceback for every attempt that fails; the link tells each loss in one line.
logging.getLogger("discord.voice_state").setLevel(logging.CRITICAL)

LEAVE_S = 5.0
SEAL_S = 1.0
"""How long the jam is held back for the sake of encryption."""


class JamVoiceClient(discord.VoiceClient):
    """Connect with `reconnect=False`: then every loss ends in `gone`, and trying again is ours.

    Attributes:
        gone: set when the connection is over for good, whatever the reason.
        removed: somebody took the bot out of the channel, or deleted it.
        leaving: we go by ourselves.
    """

    def __init__(self, client: discord.Client, channel: discord.abc.Connectable) -> None:
        self.gone = asyncio.Event()
        self.removed = False
        self.leaving = False
        self._heard_at = time.monotonic()
        self._closed_at: float | None = None
        self._bare_at: float | None = None
        super().__init__(client, channel)

    def create_connection_state(self) -> VoiceConnectionState:
        """As discord.py's, with our ear on every message."""
        return VoiceConnectionState(self, hook=self._hear)

    async def _hear(self, *_: Any) -> None:
        self._heard_at = time.monotonic()

    @property
    def silent_s(self) -> float:
        """Seconds since the voice server last said anything; it answers a heartbeat every 5 s."""
        return time.monotonic() - self._heard_at

    @property
    def closed_s(self) -> float:
        """Seconds that the line to the voice server has been closed; 0 while it is open."""
        gateway = self._connection.ws
        if gateway and gateway.ws.close_code is None and not gateway.ws.closed:
            self._closed_at = None
            return 0.0
        if self._closed_at is None:
            self._closed_at = time.monotonic()
        return time.monotonic() - self._closed_at

    def is_live(self) -> bool:
        """Whether packets are heard anywhere; discord.py calls itself connected for longer."""
        return self.is_connected() and self.closed_s == 0 and self.is_sealed()

    def is_sealed(self) -> bool:
        """Whether what is sent is end-to-end encrypted (DAVE), or has waited long enough for it.

        Until its group has formed discord.py sends plain frames, which the listeners' clients may
        drop; alone in a channel there is no group to form.
        """
        if self._connection.dave_protocol_version == 0 or self._connection.can_encrypt:
            self._bare_at = None
            return True
        if self._bare_at is None:
            self._bare_at = time.monotonic()
        return time.monotonic() - self._bare_at > SEAL_S

    @property
    def close_code(self) -> int | None:
        """What the voice server closed the line with; None while it is open, or was cut."""
        gateway = self._connection.ws
        code = gateway.ws.close_code if gateway else None
        return None if code in {None, 1000, 1006} else code

    async def on_voice_state_update(self, data: Any) -> None:
        """The bot's own voice state changed."""
        # discord.py leaves the channel by itself when it gives a connection up, and expects this.
        by_us = self.leaving or self._connection._expecting_disconnect
        if data["channel_id"] is None and not by_us:
            self.removed = True
        await super().on_voice_state_update(data)

    def cleanup(self) -> None:
        """Called by discord.py when it has given up the connection."""
        super().cleanup()
        runner = self._connection._runner
        if runner is not None:
            runner.add_done_callback(_look_at)
        self.gone.set()

    async def leave(self) -> None:
        """Leave the channel; never raises, and takes at most a few seconds."""
        self.leaving = True
        # An attempt of discord.py's own to come back would leave the channel when it fails, with
        # whatever has taken its place there by then.
        for task in (self._connection._runner, self._connection._connector):
            if task is not None:
                task.cancel()
        try:
            if not self.gone.is_set():  # else discord.py has left, and would wait to hear of it
                async with asyncio.timeout(LEAVE_S):
                    await self.disconnect(force=True)
        except (TimeoutError, discord.DiscordException, OSError):
            pass
        finally:
            self.stop()
            self.cleanup()


def _look_at(task: asyncio.Task[None]) -> None:
    """The polling task dies of the close code that `close_code` tells; asyncio need not log it."""
    if not task.cancelled():
        task.exception()
