"""Helpers that read what a command wrote and printed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio.image import decode_image


def pixels(path: Path) -> np.ndarray:
    return decode_image(path).pixels


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """What stood on stderr, which was one line."""
    err = capsys.readouterr().err
    assert err.startswith("riffbot: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err
