"""As much of MLS (RFC 9420) as a DAVE voice server writes and reads.

Such a server is an *external sender*: it signs proposals to add members to a group that it is no
part of, and passes on commits and welcomes that it cannot open.
"""

from __future__ import annotations

import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MLS_10 = 1
PUBLIC_MESSAGE = 1
EXTERNAL, MEMBER = 2, 1
PROPOSAL, COMMIT = 2, 3
ADD = 1
BASIC_CREDENTIAL = 1
LEAF_FROM_COMMIT = 3
SERVER_IDENTITY = struct.pack(">Q", 0)


def vector(data: bytes) -> bytes:
    """Bytes behind their length, `<V>` in the RFC (section 2.1.2)."""
    size = len(data)
    if size < 1 << 6:
        return bytes([size]) + data
    if size < 1 << 14:
        return struct.pack(">H", 1 << 14 | size) + data
    return struct.pack(">I", 1 << 31 | size) + data


class ExternalSender:
    """The server's signature key, on P-256 as DAVE's ciphersuite 2 asks."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    def package(self) -> bytes:
        """The ExternalSender structure, which groups carry as an extension (section 12.1.8.1)."""
        public = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return vector(public) + struct.pack(">H", BASIC_CREDENTIAL) + vector(SERVER_IDENTITY)

    def add(self, key_package: bytes, *, group: int, epoch: int = 0) -> bytes:
        """A signed MLSMessage that proposes to add whoever made the key package (section 6)."""
        content = vector(struct.pack(">Q", group))
        content += struct.pack(">QBI", epoch, EXTERNAL, 0)
        content += vector(b"") + struct.pack(">BH", PROPOSAL, ADD) + key_package
        head = struct.pack(">HH", MLS_10, PUBLIC_MESSAGE)
        signed = vector(b"MLS 1.0 FramedContentTBS") + vector(head + content)
        return head + content + vector(self._key.sign(signed, ec.ECDSA(hashes.SHA256())))


def split_commit(data: bytes) -> tuple[bytes, bytes]:
    """A commit (MLSMessage) and the Welcome that may follow it, as opcode 28 carries them."""
    reader = _Reader(data)
    reader.skip(4)  # version, wire format
    reader.vector()  # group
    reader.skip(8)  # epoch
    if reader.byte() != MEMBER:
        raise ValueError("only a member commits")
    reader.skip(4)  # its leaf
    reader.vector()  # authenticated data
    if reader.byte() != COMMIT:
        raise ValueError("this is no commit")
    reader.vector()  # proposals
    if reader.byte():
        reader.path()
    reader.vector()  # signature
    reader.vector()  # confirmation tag
    reader.vector()  # membership tag
    return data[: reader.at], data[reader.at :]


class _Reader:
    """Walks over a structure."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def skip(self, size: int) -> None:
        self.at += size
        if self.at > len(self._data):
            raise ValueError("the message ends too early")

    def byte(self) -> int:
        self.skip(1)
        return self._data[self.at - 1]

    def vector(self) -> None:
        first = self.byte()
        width = 1 << (first >> 6)
        size = first & 0x3F
        for _ in range(width - 1):
            size = size << 8 | self.byte()
        self.skip(size)

    def path(self) -> None:
        """An UpdatePath: a leaf node made for a commit, then the nodes above it (section 7.2)."""
        self.vector()  # encryption key
        self.vector()  # signature key
        self.skip(2)  # credential type
        self.vector()  # identity
        for _ in range(5):
            self.vector()  # capabilities
        if self.byte() != LEAF_FROM_COMMIT:
            raise ValueError("a leaf in a commit comes from a commit")
        self.vector()  # parent hash
        self.vector()  # extensions
        self.vector()  # signature
        self.vector()  # nodes
