"""A kit's parts: tar files of a limited size, the most useful first, each with its checksums.

A part is a plain tar whose first member is `MANIFEST.json`: name, bytes and sha256 of every other.
Which part holds what follows from the groups: a group is what belongs together, and begins a part
of its own. Prepared shards fill what room is left, in order, so that the first part alone trains.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MANIFEST = "MANIFEST.json"
_BLOCK, _END = 512, 10_240
"""A tar's header and padding, and what it ends with."""


class TooLarge(ValueError):
    """A file, or a group's first part, does not fit."""


@dataclass(frozen=True)
class Item:
    """A file of the kit: its name there, with slashes, and its bytes."""

    name: str
    content: bytes

    @classmethod
    def of(cls, name: str, path: Path) -> Item:
        """A file of this disk."""
        return cls(name, path.read_bytes())

    @property
    def room(self) -> int:
        """Bytes that it takes in a tar, its line in the manifest included."""
        return _BLOCK + -(-len(self.content) // _BLOCK) * _BLOCK + 160


@dataclass
class Part:
    """What travels together."""

    name: str
    limit: int
    items: list[Item] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of the tar, at most."""
        return 2 * _BLOCK + _END + sum(item.room for item in self.items)

    def takes(self, item: Item) -> bool:
        """Add an item if there is room for it."""
        if self.size + item.room > self.limit:
            return False
        self.items.append(item)
        return True

    def write(self, folder: Path) -> Path:
        """Write the tar: the same items give the same bytes."""
        rows = {
            item.name: {
                "bytes": len(item.content),
                "sha256": hashlib.sha256(item.content).hexdigest(),
            }
            for item in self.items
        }
        path = folder / f"{self.name}.tar"
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            _add(tar, MANIFEST, json.dumps(rows).encode())
            for item in self.items:
                _add(tar, item.name, item.content)
        return path


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def share_out(groups: Sequence[tuple[str, Sequence[Item]]], limit: int) -> list[Part]:
    """Put each group into parts of at most `limit` bytes.

    Args:
        groups: name and items each; a group that does not fit into one part goes on in `name-2` ….

    Raises:
        TooLarge: an item alone exceeds the limit.
    """
    parts = list[Part]()
    for name, items in groups:
        part = Part(name, limit)
        parts.append(part)
        count = 1
        for item in items:
            if part.takes(item):
                continue
            count += 1
            part = Part(f"{name}-{count}", limit)
            parts.append(part)
            if not part.takes(item):
                size = len(item.content) / (1 << 20)
                raise TooLarge(f"{item.name} is {size:.1f} MiB and does not fit into a part")
    return parts


def fill(parts: Sequence[Part], fillers: Iterable[Item]) -> None:
    """Put items, in order of importance, where there is room; the first that finds none ends it."""
    for item in fillers:
        if not any(part.takes(item) for part in parts):
            break


def write_checksums(paths: Sequence[Path], folder: Path) -> Path:
    """`SHA256SUMS` of the parts, as sha256sum reads it."""
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in paths]
    target = folder / "SHA256SUMS"
    target.write_text("".join(lines), "utf-8")
    return target


def pack_tree(files: Iterable[tuple[str, Path]]) -> bytes:
    """Files as one tar.xz, smaller than each alone: name in the tar, and where it lies."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:xz", format=tarfile.GNU_FORMAT, preset=6) as tar:
        for name, path in files:
            entry = tarfile.TarInfo(name)
            content = path.read_bytes()
            entry.size = len(content)
            entry.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()
