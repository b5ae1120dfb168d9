"""Content-addressed files."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from riffbot.errors import NotFound, StorageError
from riffbot.library.files import Files


def test_a_file_is_found_by_its_content(tmp_path: Path) -> None:
    files = Files(tmp_path)
    digest = files.put(b"sound", ".mp3")
    assert digest == hashlib.sha256(b"sound").hexdigest()
    assert files.path(digest) == tmp_path / digest[:2] / digest[2:4] / f"{digest}.mp3"
    assert files.read(digest) == b"sound"


def test_equal_bytes_are_kept_once(tmp_path: Path) -> None:
    files = Files(tmp_path)
    assert files.put(b"same", ".png") == files.put(b"same", ".png")
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_what_is_not_here_is_not_found(tmp_path: Path) -> None:
    assert Files(tmp_path).path("0" * 64) is None
    with pytest.raises(NotFound):
        Files(tmp_path).read("0" * 64)


def test_a_damaged_file_is_told_and_not_served(tmp_path: Path) -> None:
    files = Files(tmp_path)
    digest = files.put(b"whole", ".png")
    path = files.path(digest)
    assert path is not None
    path.write_bytes(b"half")
    with pytest.raises(StorageError, match="damaged"):
        files.read(digest)


def test_damage_without_a_new_date_is_found_when_the_check_is_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("riffbot.library.files.time.monotonic", lambda: now[0])
    files = Files(tmp_path)
    digest = files.put(b"whole", ".png")
    path = files.path(digest)
    assert path is not None
    before = path.stat()
    with path.open("r+b") as file:
        file.write(b"W")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    now[0] += 599
    assert files.path(digest) == path, "as the docstring says"
    now[0] += 2
    assert files.path(digest) is None
    assert files.is_damaged(digest)
    files.put(b"whole", ".png")
    assert files.path(digest) == path


def test_a_full_disk_is_a_sentence_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="disk is full"):
        Files(tmp_path).put(b"sound", ".mp3")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_in_the_way_is_a_sentence(tmp_path: Path) -> None:
    blocked = tmp_path / "files"
    blocked.write_text("not a folder")
    with pytest.raises(StorageError):
        Files(blocked).put(b"sound", ".mp3")


def test_collection_takes_what_nothing_refers_to_and_interrupted_writes(tmp_path: Path) -> None:
    files = Files(tmp_path)
    kept, dropped = files.put(b"kept", ".png"), files.put(b"dropped", ".png")
    half = tmp_path / kept[:2] / kept[2:4] / ".half-x"
    half.write_bytes(b"ha")
    assert files.collect({kept}) == 0, "young files may belong to a job that is being stored"
    assert files.collect({kept}, older_than_s=-1) == 2
    assert files.path(kept)
    assert files.path(dropped) is None
    assert not half.exists()


def test_a_collection_that_would_take_too_much_takes_nothing(tmp_path: Path) -> None:
    files = Files(tmp_path)
    kept, *others = (files.put(bytes([number]), ".png") for number in range(3))
    assert files.collect({kept}, older_than_s=-1, at_most=1) == 0, "another library's files?"
    assert all(files.path(other) for other in others)
    assert files.collect({kept, others[0]}, older_than_s=-1, at_most=1) == 1


def test_what_is_put_again_is_young_again(tmp_path: Path) -> None:
    files = Files(tmp_path)
    digest = files.put(b"sound", ".mp3")
    path = files.path(digest)
    assert path is not None
    os.utime(path, (0, 0))
    files.put(b"sound", ".mp3")
    assert files.collect(set()) == 0
