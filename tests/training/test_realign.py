"""A denoiser that is taught by another gist than before still hears what it heard."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from training import networks, realign
from training.prompt_embedding import Listener
from training.realign import LAYER, explained, fit_map, put_in_front


def test_a_linear_change_of_the_embeddings_is_found() -> None:
    torch.manual_seed(0)
    new = torch.randn(400, 6)
    old = new @ torch.randn(6, 5) + torch.randn(5)
    matrix, offset = fit_map(new, old)
    assert explained(matrix, offset, new, old) > 0.999
    unrelated = torch.randn(400, 5)
    assert explained(*fit_map(new, unrelated), new, unrelated) < 0.2


def test_the_denoiser_answers_as_before() -> None:
    torch.manual_seed(0)
    network = networks.build_denoiser(4, (16, 16, 16))
    size = networks.GIST_SIZE
    new = torch.randn(2, size)
    matrix, offset = torch.randn(size, size) / size**0.5, torch.randn(size)
    before = network.class_embedding(new @ matrix + offset)
    network.load_state_dict(put_in_front(network.state_dict(), matrix, offset))
    assert torch.allclose(network.class_embedding(new), before, atol=1e-4)


def test_the_command_changes_one_layer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    for name in ("old", "new"):
        torch.save({"gist": Listener().gist.state_dict()}, tmp_path / f"{name}.pt")
    before = networks.build_denoiser(4, (16, 16, 16)).state_dict()
    torch.save({"average": before, "latent_channels": 4}, tmp_path / "start.pt")
    argv = ["--old", "old.pt", "--new", "new.pt", "--start", "start.pt", "--out", "realigned.pt"]
    argv = [str(tmp_path / part) if part.endswith(".pt") else part for part in argv]
    assert realign.main([*argv, "--pieces", "40"]) == 0
    assert "of the old embeddings' variance" in capsys.readouterr().out
    held = torch.load(tmp_path / "realigned.pt", weights_only=True)
    changed = {name for name in before if not torch.equal(before[name], held["average"][name])}
    assert changed == {f"{LAYER}.weight", f"{LAYER}.bias"}
    assert held["latent_channels"] == 4
