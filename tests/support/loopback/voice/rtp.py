"""RTP (RFC 3550) as Discord speaks it, sealed with `aead_xchacha20_poly1305_rtpsize`."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import nacl.exceptions
import nacl.secret

MODE = "aead_xchacha20_poly1305_rtpsize"
MODES = ("aead_aes256_gcm_rtpsize", MODE)
"""What a voice server offers; the first needs hardware that not every client has."""

DISCOVERY = struct.Struct(">HHI64sH")
REQUEST, RESPONSE = 1, 2
BODY = 70
OPUS = 0x78
"""Discord's payload type for Opus, 120."""


class BadPacket(Exception):
    """A datagram that a voice server would throw away."""


@dataclass(frozen=True)
class Packet:
    """One 20 ms packet.

    Attributes:
        at: seconds when it arrived, by the kernel's clock where there is one.
        frame: the payload after transport decryption: Opus, or a DAVE frame.
        nonce: the packet's counter, which must never come twice under one key.
    """

    sequence: int
    timestamp: int
    ssrc: int
    frame: bytes
    nonce: int
    at: float


def ssrc_of(datagram: bytes) -> int:
    """Whose packet it is.

    Raises:
        BadPacket: not RTP version 2 with Discord's payload type.
    """
    if len(datagram) < 12 + 16 + 4 or datagram[0] >> 6 != 2 or datagram[1] & 0x7F != OPUS:
        raise BadPacket(f"no RTP packet of Discord's: {datagram[:12].hex()}")
    return int(struct.unpack_from(">I", datagram, 8)[0])


def opened(datagram: bytes, key: bytes, at: float) -> Packet:
    """Decrypt a packet: header in the clear but authenticated, a 32-bit nonce at the end.

    Raises:
        BadPacket: it was not made with this key, or was changed on the way.
    """
    ssrc = ssrc_of(datagram)
    header = 12 + 4 * (datagram[0] & 0x0F)
    if datagram[0] & 0x10:
        header += 4  # "rtpsize": of an extension only the first word stays in the clear
    sealed, nonce = datagram[header:-4], datagram[-4:]
    try:
        frame = nacl.secret.Aead(key).decrypt(sealed, datagram[:header], nonce + bytes(20))
    except nacl.exceptions.CryptoError as error:
        raise BadPacket("a packet that this session's key does not open") from error
    sequence, timestamp = struct.unpack_from(">HI", datagram, 2)
    return Packet(sequence, timestamp, ssrc, frame, int.from_bytes(nonce, "big"), at)


def asked_for(datagram: bytes) -> int | None:
    """The ssrc that wants to know its address, or None: this is no discovery request."""
    if len(datagram) != DISCOVERY.size:
        return None
    kind, length, ssrc, _, _ = DISCOVERY.unpack(datagram)
    return int(ssrc) if (kind, length) == (REQUEST, BODY) else None


def discovered(ssrc: int, address: tuple[str, int]) -> bytes:
    """The answer to a discovery request."""
    return DISCOVERY.pack(RESPONSE, BODY, ssrc, address[0].encode(), address[1])
