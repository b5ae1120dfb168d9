"""What earlier versions let other accounts read is closed, and only that is said."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest

from riffbot.library.file_modes import restrict_to_owner

WORD = "closed to other accounts"


@pytest.fixture
def readable(tmp_path: Path) -> Path:
    path = tmp_path / "owner.lock"
    path.touch()
    path.chmod(0o644)
    return path


@pytest.mark.skipif(os.name != "posix", reason="no rights of other accounts in a file's mode")
def test_what_others_may_read_is_closed_once(
    readable: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    restrict_to_owner(None, readable)
    restrict_to_owner(None, readable)
    assert stat.S_IMODE(readable.stat().st_mode) == 0o600
    assert caplog.text.count(WORD) == 1


def test_a_disk_that_takes_no_rights_away_is_not_said_to(
    readable: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    # As on Windows, which only knows read-only files.
    monkeypatch.setattr(Path, "chmod", lambda *_: None)
    restrict_to_owner(None, readable)
    assert WORD not in caplog.text
