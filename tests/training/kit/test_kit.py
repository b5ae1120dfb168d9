"""A kit is packed, opened in an empty folder, and trains there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from riffbot.bench.held_out_prompts import PROMPTS
from riffbot.locations import ROOT
from training import pack, unpack
from training.kit import latents, open_parts, results, self_check, text_encoder
from training.kit.folders import Kit
from training.text import CaptionEncoder


@pytest.fixture(scope="module")
def parts(model: Path, shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kit without wheels and sounds, which this machine has."""
    out = tmp_path_factory.mktemp("parts")
    options = ["--shards", str(shards), "--model", str(model), "--part-mib", "32"]
    few = ["--without-wheels", "--without-sounds", "--pieces", "50"]
    assert pack.main(["--out", str(out), *options, *few]) == 0
    return out


@pytest.fixture(scope="module")
def kit(parts: Path, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """The first part, opened and prepared."""
    kit = Kit(tmp_path_factory.mktemp("borrowed") / "kit")
    assert open_parts.main([str(kit.root), str(parts / "part-1.tar")]) == 0
    text_encoder.unpack(kit.root / "encoder", kit.text_encoder)
    assert unpack.main(["--model", str(kit.model), "--out", str(kit.run)]) == 0
    kit.shards.mkdir()
    assert latents.unpack_all(kit.packed, kit.shards, kit.run / "autoencoder.pt", 1) == 20
    return kit


def test_what_lies_beside_the_parts(parts: Path) -> None:
    names = {path.name for path in parts.iterdir()}
    assert names == {
        *("part-1.tar", "bench.tar", "SHA256SUMS", "gpu.sh", "gpu_bench.sh", "open_parts.py")
    }
    for path in parts.glob("*.tar"):
        assert path.stat().st_size <= 32 << 20
    done = subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=parts, check=False)
    assert done.returncode == 0


def test_the_self_check_passes(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIFFBOT_TEXT_ENCODER", str(kit.text_encoder))
    found = self_check.check(kit)
    assert "failed" not in found, found
    assert found["step"]["new_layers"] == []
    assert found["step"]["unknown_words"] < 0.02
    assert all(loss > 0 for loss in found["step"]["losses"])


def test_the_self_check_says_what_is_missing(kit: Kit, tmp_path: Path) -> None:
    found = self_check.check(Kit(tmp_path))
    assert found["failed"][0].startswith("step: FileNotFoundError")


def test_words_are_read_as_the_whole_encoder_reads_them(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [prompt.prompt for prompt in PROMPTS[:24]]
    device = torch.device("cpu")
    whole, _ = CaptionEncoder(device).states(texts)
    monkeypatch.setenv("RIFFBOT_TEXT_ENCODER", str(kit.text_encoder))
    packed, mask = CaptionEncoder(device).states(texts)
    shown = mask.bool()
    error = (packed.float() - whole.float())[shown].norm() / whole.float()[shown].norm()
    assert error < 0.05


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_whole_training_from_an_empty_folder(parts: Path, tmp_path: Path) -> None:
    """`gpu.sh train` on the CPU, with the network's time cut to a minute and a half."""
    out = tmp_path / "out"
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "KIT": str(tmp_path / "kit"),
        "OUT": str(out),
        "PYTHON": sys.executable,
        "OMP_NUM_THREADS": "1",
        "MARGIN": "60",
    }
    command = ["bash", str(parts / "gpu.sh"), "train", "200", "--", "--batch", "1"]
    command += ["--every", "2", "--save-every", "5"]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((out / "report.json").read_text("utf-8"))
    stages = [row["stage"] for row in report["stages"]]
    assert stages[:2] == ["unpack", "begin"]
    assert stages[-2:] == ["training", "last export"]
    assert report["training"][-1]["final"]["all"] > 0
    assert results.main(["--folder", str(out), "--out", str(tmp_path / "back.pt")]) == 0
    assert len(list(out.iterdir())) <= 8


def test_what_is_missing_is_one_sentence(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--out", str(tmp_path / "out"), "--shards", str(tmp_path), "--model", str(model)]
    assert pack.main(options) == 1
    assert "run training.render" in capsys.readouterr().err


def test_the_scripts_say_what_is_missing(tmp_path: Path) -> None:
    for name in ("gpu.sh", "gpu_bench.sh"):
        script = tmp_path / name
        script.write_bytes((ROOT / "training" / name).read_bytes())
        environment = {**os.environ, "KIT": str(tmp_path / "kit"), "OUT": str(tmp_path / "out")}
        done = subprocess.run(
            ["bash", str(script)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "part" in done.stdout
