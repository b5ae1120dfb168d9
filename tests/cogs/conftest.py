from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio.image import encode_png
from riffbot.settings import Settings

SEEDS = """
[steady]
title = "Steady beat"
bpm = 120.0
beats = 4
width = 200
mood = "dry"

[swing]
title = "Slow swing"
bpm = 75.0
beats = 4
width = 320
mood = "lazy, brushed"
"""


@pytest.fixture(scope="session")
def seed_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seed_images")
    (folder / "seeds.toml").write_text(SEEDS)
    for name, width in (("steady", 208), ("swing", 320)):
        pixels = np.random.default_rng(width).integers(0, 255, (512, width), dtype=np.uint8)
        (folder / f"{name}.png").write_bytes(encode_png(pixels))
    return folder


@pytest.fixture
def settings(tmp_path: Path, tiny_model: Path, seed_images: Path) -> Settings:
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        data_dir=tmp_path / "data",
        model=str(tiny_model),
        seed_images=seed_images,
        device="cpu",
        open_browser=False,
    )
