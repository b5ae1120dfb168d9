"""Weights come back from their pieces, and pieces that do not belong together are noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from training.kit import results


@pytest.fixture
def checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(results, "PIECE", 3000)
    path = tmp_path / "denoiser.pt"
    held = {
        "average": {"layer.weight": torch.randn(64, 100), "layer.bias": torch.randn(64)},
        "channels": [16, 16, 16],
        "latent_channels": 8,
        "step": 7,
        "samples": 28,
        "spent": 1.5,
    }
    torch.save(held, path)
    return path


def test_a_checkpoint_goes_through_pieces(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    results.deliver(checkpoint, out)
    assert {path.name for path in out.iterdir()} == {
        "weights.json",
        *(f"weights-{number}.bin" for number in (1, 2, 3)),
    }
    assert all(path.stat().st_size <= 3000 for path in out.glob("*.bin"))
    again = tmp_path / "again.pt"
    assert results.main(["--folder", str(out), "--out", str(again)]) == 0
    assert "28 samples in 7 steps" in capsys.readouterr().out
    held, given = (torch.load(path, weights_only=True) for path in (again, checkpoint))
    assert held["channels"] == given["channels"]
    for name, tensor in given["average"].items():
        assert torch.allclose(held["average"][name], tensor, atol=0.02)


def test_pieces_of_two_minutes_are_not_mixed(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    results.deliver(checkpoint, out)
    old = (out / "weights-2.bin").read_bytes()
    held = torch.load(checkpoint, weights_only=True)
    held["average"]["layer.weight"] += 1
    torch.save(held, checkpoint)
    results.deliver(checkpoint, out)
    (out / "weights-2.bin").write_bytes(old)
    assert results.main(["--folder", str(out), "--out", str(tmp_path / "again.pt")]) == 1
    assert "fetch them again" in capsys.readouterr().err
    (out / "weights-2.bin").unlink()
    assert results.main(["--folder", str(out), "--out", str(tmp_path / "again.pt")]) == 1
    assert "weights-2.bin is missing" in capsys.readouterr().err
