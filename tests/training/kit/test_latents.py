"""Prepared shards travel with an error below two grey levels, labels and all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from training.kit import latents


def test_a_shard_comes_back_to_within_its_step(shards: Path, autoencoder: Path) -> None:
    greys = latents.component_greys(autoencoder)
    ready = torch.load(shards / "ready-00001.pt", weights_only=True)
    found = {}
    for step in (latents.STEP, latents.HELD_OUT_STEP):
        packed = latents.pack(ready, greys, step)
        again = latents.unpack(packed, greys)
        found[step] = len(packed), latents.picture_error(ready, again, greys)
        assert list(again) == sorted(ready)
        for width, rows in ready.items():
            kept = {key: value for key, value in rows.items() if key != "latents"}
            assert {key: value for key, value in again[width].items() if key != "latents"} == kept
            assert again[width]["latents"].dtype == torch.float16
            assert again[width]["latents"].shape == rows["latents"].shape
    # As many components as this model has, each uniformly off by a step at most.
    most = latents.STEP * (8 / 12 / 256) ** 0.5
    assert 0.5 * most < found[latents.STEP][1] < 1.02 * most
    assert found[latents.HELD_OUT_STEP][1] < 0.5 * found[latents.STEP][1]
    assert found[latents.STEP][0] < found[latents.HELD_OUT_STEP][0]


def test_a_folder_is_unpacked_once(shards: Path, autoencoder: Path, tmp_path: Path) -> None:
    greys = latents.component_greys(autoencoder)
    packed, out = tmp_path / "packed", tmp_path / "shards"
    packed.mkdir()
    out.mkdir()
    for path in sorted(shards.glob("ready-*.pt")):
        content = latents.pack(torch.load(path, weights_only=True), greys)
        (packed / latents.packed_path(path).name).write_bytes(content)
    assert latents.unpack_all(packed, out, autoencoder, workers=1) == 20
    assert {path.name for path in out.iterdir()} == {"ready-00000.pt", "ready-00001.pt"}
    assert latents.unpack_all(packed, out, autoencoder, workers=1) == 0


def test_a_damaged_shard_is_refused(shards: Path, autoencoder: Path) -> None:
    greys = latents.component_greys(autoencoder)
    packed = latents.pack(torch.load(shards / "ready-00001.pt", weights_only=True), greys)
    with pytest.raises(Exception, match=r".+"):
        latents.unpack(packed[: len(packed) // 2], greys)
