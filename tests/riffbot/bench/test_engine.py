"""The engine's bench runs both sides, on models with and without a gist and a beat grid."""

from __future__ import annotations

from pathlib import Path

import pytest

from riffbot.bench import engine
from riffbot.settings import Settings
from tests.support.tiny_models import tiny_embedded_model


@pytest.mark.slow  # the other side takes librosa's Griffin-Lim a quarter of a minute a clip
@pytest.mark.timeout(600)
@pytest.mark.parametrize("conditioned", [True, False])
def test_both_sides_make_a_clip(tmp_path: Path, conditioned: bool) -> None:
    folder = tiny_embedded_model(tmp_path / "model", conditioned=conditioned)
    settings = Settings(model=str(folder), seed_images=tmp_path, device="cpu")
    result = engine.run(settings, clips=1)
    for side in (result.ours, result.stock):
        assert all(side[stage] > 0 for stage in ("denoise", "decode", "codec", "encode"))
    assert "real-time factor" in result.table()
