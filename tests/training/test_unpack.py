"""What is shipped comes back as checkpoints that the trainers go on from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.support.patience import by_steps
from training import autoencoder, networks, prompt_embedding, references, unpack
from training.export import CARD, export
from training.prompt_embedding import Listener


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    vae, unet = networks.build_autoencoder(4), networks.build_denoiser(4, (16, 16, 16))
    folder = tmp_path / "trained"
    folder.mkdir()
    torch.save({"network": vae.state_dict(), "latent_channels": 4}, folder / "vae.pt")
    held = {"average": unet.state_dict(), "latent_channels": 4, "channels": (16, 16, 16)}
    torch.save(held, folder / "unet.pt")
    torch.save({"gist": Listener().gist.state_dict()}, folder / "gist.pt")
    out = tmp_path / "model"
    (out / "unet").mkdir(parents=True)
    export(folder / "vae.pt", folder / "gist.pt", folder / "unet.pt", out, CARD)
    return out


def test_it_is_unpacked_and_exports_to_the_same(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "checkpoints"
    assert unpack.main(["--model", str(model), "--out", str(out)]) == 0
    start = torch.load(out / "start.pt", weights_only=True)
    fresh = networks.build_denoiser(4, (16, 16, 16))
    assert networks.adopt(fresh, start["average"]) == []
    again = tmp_path / "again"
    (again / "unet").mkdir(parents=True)
    start["channels"] = (16, 16, 16)
    torch.save(start, tmp_path / "start.pt")
    export(out / "autoencoder.pt", out / "gist.pt", tmp_path / "start.pt", again, CARD)
    for part in ("vae", "gist"):
        name = "diffusion_pytorch_model.safetensors"
        assert (again / part / name).read_bytes() == (model / part / name).read_bytes()


def test_nothing_is_overwritten(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "checkpoints"
    out.mkdir()
    (out / "gist.pt").write_bytes(b"hours of work")
    assert unpack.main(["--model", str(model), "--out", str(out)]) == 1
    assert "gist.pt exists; name another --out" in capsys.readouterr().err
    assert (out / "gist.pt").read_bytes() == b"hours of work"
    assert not (out / "autoencoder.pt").exists()


def test_the_trainers_say_what_an_unpacked_gist_cannot_do(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "checkpoints"
    unpack.main(["--model", str(model), "--out", str(out)])
    with pytest.raises(SystemExit, match="which has no readers"):
        references.listener(out / "gist.pt")
    with pytest.raises(SystemExit, match="name another --out"):
        prompt_embedding.resume(out / "gist.pt", Listener(), None)


def test_a_gist_goes_on_where_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "gist.pt"
    by_steps(monkeypatch, prompt_embedding, 0.3)

    def train(minutes: float) -> dict[str, float]:
        argv = ["gist", "--out", str(path), "--pieces", "12", "--batch", "4", "--every", "3"]
        monkeypatch.setattr("sys.argv", [*argv, "--minutes", str(minutes)])
        prompt_embedding.main()
        held: dict[str, float] = torch.load(path, weights_only=True)["training"]
        return held

    first = train(0.02)
    assert first["step"] in {3, 4}  # of 0.3 s, in 1.2 s
    assert first["spent"] == pytest.approx(1.2)
    second = train(0.04)
    assert second["step"] - first["step"] in {3, 4}
    assert references.listener(path).training is False
    lines = path.with_suffix(".jsonl").read_text("utf-8").splitlines()
    assert sum("final" in line for line in lines) == 2


def test_a_gist_learns_on_from_an_older_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(5)
    older = Listener().gist.state_dict()
    torch.save({"gist": older}, tmp_path / "older.pt")
    by_steps(monkeypatch, prompt_embedding, 1.0)
    argv = ["gist", "--out", str(tmp_path / "gist.pt"), "--start", str(tmp_path / "older.pt")]
    few = ["--pieces", "12", "--batch", "4", "--lr", "1e-6", "--minutes", "0.03"]
    monkeypatch.setattr("sys.argv", [*argv, *few])
    prompt_embedding.main()
    held = torch.load(tmp_path / "gist.pt", weights_only=True)
    learnt = held["training"]["listener"]["gist.inner.weight"]
    assert torch.allclose(learnt, older["inner.weight"], atol=1e-4)
    assert references.listener(tmp_path / "gist.pt").training is False


def test_the_autoencoder_goes_on_from_what_was_unpacked(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.training.test_evaluate import write_noise

    out, shards = tmp_path / "checkpoints", tmp_path / "shards"
    unpack.main(["--model", str(model), "--out", str(out)])
    write_noise(shards, (0, 3), 2)
    before = torch.load(out / "autoencoder.pt", weights_only=True)["network"]
    by_steps(monkeypatch, autoencoder, 0.6)
    argv = ["autoencoder", "--shards", str(shards), "--out", str(out / "autoencoder.pt")]
    more = ["--latent-channels", "4", "--use", "1", "--batch", "1", "--minutes", "0.03"]
    monkeypatch.setattr("sys.argv", [*argv, *more])
    autoencoder.main()
    held = torch.load(out / "autoencoder.pt", weights_only=True)
    assert held["step"] > 0
    changed = {name for name in before if not torch.equal(before[name], held["network"][name])}
    assert changed
    assert not any(name.startswith(("analysis", "synthesis")) for name in changed)
