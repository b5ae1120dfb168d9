"""Files that a user names: what is no regular file, or too large, is refused before it is read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from audio.errors import AudioError
from audio.regular_files import open_regular_file, read_regular_file


def test_a_regular_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    path.write_bytes(b"12345")
    assert read_regular_file(path, 5) == b"12345"
    with open_regular_file(path) as file:
        assert file.read() == b"12345"
    with pytest.raises(AudioError, match=r"sound\.wav is too large"):
        read_regular_file(path, 4)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs on this system")
@pytest.mark.parametrize("kind", ["device", "fifo", "folder"])
def test_devices_fifos_and_folders_are_refused_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / kind
    if kind == "device":
        path = Path("/dev/zero")
        assert stat.S_ISCHR(path.stat().st_mode)
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(AudioError, match=r"Cannot read .*\.$"):
        read_regular_file(path, 100)


def test_a_missing_file_and_an_impossible_name_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="Cannot read"):
        read_regular_file(tmp_path / "none", 100)
    with pytest.raises(AudioError, match="not a file's name"):
        read_regular_file(Path("a\0b"), 100)
