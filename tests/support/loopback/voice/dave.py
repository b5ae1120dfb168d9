"""DAVE, Discord's end-to-end encryption, from the server's side: it arranges, and cannot listen.

The server is the external sender and the delivery service of the MLS group (see daveprotocol.com);
the person who listens in the channel holds the other end, a real davey session like the bot's.
"""

from __future__ import annotations

import struct

import davey

from tests.support.loopback.voice.mls import ExternalSender, split_commit, vector

VERSION = 1
EXTERNAL_SENDER, KEY_PACKAGE, PROPOSALS, COMMIT_WELCOME, ANNOUNCE, WELCOME = 25, 26, 27, 28, 29, 30
APPEND = b"\x00"
PATIENCE_S = 10
"""How long after a transition clients still take what was sent before it (the protocol's own)."""


class Conversation:
    """The encrypted group of a voice channel: the bot and one listener.

    Args:
        sender: the server's key.
        channel_id, listener_id, bot_id: of Discord.
        listener_leads: the listener was there first, so the bot is welcomed into the group;
            otherwise the bot makes the group and lets the listener in.
    """

    def __init__(
        self,
        sender: ExternalSender,
        channel_id: int,
        listener_id: int,
        bot_id: int,
        *,
        listener_leads: bool,
    ) -> None:
        self._sender = sender
        self._channel_id, self._bot_id = channel_id, bot_id
        self._listener_leads = listener_leads
        self._ear = davey.DaveSession(VERSION, listener_id, channel_id)
        self._ear.set_external_sender(self._sender.package())

    def introduced(self, key_package: bytes, transition: int) -> tuple[int, bytes]:
        """The bot sent its key package (26): the opcode and body to answer with."""
        if not self._listener_leads:
            mine = self._ear.get_serialized_key_package()
            return PROPOSALS, APPEND + vector(self._sender.add(mine, group=self._channel_id))
        proposal = vector(self._sender.add(key_package, group=self._channel_id))
        made = self._ear.process_proposals(davey.ProposalsOperationType.append, proposal)
        assert made is not None
        assert made.welcome is not None
        self._ear.process_commit(made.commit)
        self._ear.set_passthrough_mode(True, PATIENCE_S)
        return WELCOME, struct.pack(">H", transition) + made.welcome

    def committed(self, data: bytes, transition: int) -> tuple[int, bytes]:
        """The bot sent commit and welcome (28): the opcode and body to answer with."""
        commit, welcome = split_commit(data)
        self._ear.process_welcome(welcome)
        self._ear.set_passthrough_mode(True, PATIENCE_S)
        return ANNOUNCE, struct.pack(">H", transition) + commit

    @property
    def privacy_code(self) -> str | None:
        """What the listener could compare with the bot's."""
        return self._ear.voice_privacy_code

    def hear(self, frame: bytes) -> bytes:
        """Decrypt one frame of the bot's, as the listener's client does."""
        opened: bytes = self._ear.decrypt(self._bot_id, davey.MediaType.audio, frame)
        return opened

    @property
    def sealed(self) -> int:
        """Frames that were really encrypted, not passed through."""
        stats = self._ear.get_decryption_stats(self._bot_id)
        return 0 if stats is None else stats.successes - stats.passthroughs
