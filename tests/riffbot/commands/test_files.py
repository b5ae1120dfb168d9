"""Files that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from riffbot.commands.files import write_file
from riffbot.errors import StorageError


def test_a_file_is_whole_or_absent(home: Path) -> None:
    target = home / "file"
    write_file(target, b"old")
    write_file(target, b"new")
    assert target.read_bytes() == b"new"
    with pytest.raises(StorageError):
        write_file(home / "nowhere" / "file", b"x")
    assert [path.name for path in home.glob(".riffbot-*")] == []
