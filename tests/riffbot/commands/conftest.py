"""A folder to call the command line in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio.image import encode_png


@pytest.fixture(autouse=True)
def home(tmp_path: Path, two_step_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, the tiny model, one bundled seed image."""
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    (seeds / "beat.png").write_bytes(encode_png(np.full((512, 128), 180, np.uint8)))
    (seeds / "seeds.toml").write_text(
        '[beat]\ntitle = "Plain beat"\nbpm = 93.75\nbeats = 2\nwidth = 128\nmood = "dry"\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISCORD_TOKEN", raising=False)
    monkeypatch.setenv("RIFFBOT_MODEL", str(two_step_model))
    monkeypatch.setenv("RIFFBOT_SEED_IMAGES", str(seeds))
    monkeypatch.setenv("RIFFBOT_DATA_DIR", str(tmp_path / "data"))
    return tmp_path
