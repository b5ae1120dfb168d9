"""The questions put to a model that has learnt nothing, with a judge that is made up."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from riffbot.images import Images
from riffbot.inference.models.loading import load_model
from riffbot.inference.pipeline.pipeline import Pipeline
from training import evaluate, networks
from training.evaluation import copies, install, questions
from training.evaluation.judge import Judge
from training.evaluation.reconstruction import psnr, reconstruction
from training.export import CARD as SHIPPED
from training.export import export
from training.prompt_embedding import Listener
from training.render import clip_seed, find_piece, write_shard

# What is asked here does not depend on how many steps a picture takes.
CARD = SHIPPED.model_copy(update={"defaults": SHIPPED.defaults.model_copy(update={"steps": 2})})

JUDGE = """
import json, sys
from pathlib import Path
what, *files = [a for a in sys.argv[1:] if not a.startswith("--")]
if what == "tags":
    files = [f for f in files if f.endswith(".mp3")]
    # The drums are louder with every file of a prompt, and silent in the last of each four.
    loud = lambda i: [0.2, 0.5, 0.8, 0.01][i % 4]
    heads = lambda i: {"A": [["drums", loud(i)]]}
    print(json.dumps([{"file": f, "heads": heads(i)} for i, f in enumerate(files)]))
elif what == "loop":
    found = [0.9, None, 0.5] * 4
    print(json.dumps([{"beat_keep": k} for k in found[: sum(f.endswith(".mp3") for f in files)]]))
else:
    rows = json.loads(Path(files[0]).read_text())
    bad = [r["file"] for r in rows if not Path(files[0]).with_name(r["file"]).is_file()]
    assert not bad, bad
    tempo = {"clips": len(rows), "acc1": 1.0}
    print(json.dumps({"tempo": tempo, "raw": {"top3": 0.5}, "norm": {}, "mean_auc": 0.6}))
"""


def write_noise(folder: Path, numbers: tuple[int, ...], clips: int) -> None:
    """Shards of noise in the shape of real pieces."""
    folder.mkdir(exist_ok=True)
    noise = np.random.default_rng(0)
    for number in numbers:
        sounds, rows = [], []
        for index in range(clips):
            piece, about = find_piece(clip_seed(5, number, index))
            sounds.append(noise.normal(0, 0.1, piece.width * 441).astype(np.float32))
            rows.append(about)
        write_shard(folder, number, sounds, rows)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    torch.manual_seed(0)
    vae, unet = networks.build_autoencoder(4), networks.build_denoiser(4, (16, 16, 16))
    torch.save({"network": vae.state_dict(), "latent_channels": 4}, folder / "vae.pt")
    held = {"average": unet.state_dict(), "latent_channels": 4, "channels": (16, 16, 16)}
    torch.save(held, folder / "unet.pt")
    torch.save({"gist": Listener().gist.state_dict()}, folder / "gist.pt")
    (folder / "model" / "unet").mkdir(parents=True)
    paths = (folder / "vae.pt", folder / "gist.pt", folder / "unet.pt")
    export(*paths, folder / "model", CARD)
    return folder / "model"


@pytest.fixture(scope="module")
def pipeline(model: Path) -> Pipeline:
    return Pipeline(load_model(model), Images(Path("seed_images")))


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    (tmp_path / "judge.py").write_text(JUDGE, "utf-8")
    return Judge(tmp_path / "judge.py", sys.executable, tmp_path / "cache")


def test_drums_that_rise_and_fall(pipeline: Pipeline, judge: Judge, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(questions, "WEIGHED", ("piano", "harp"))
        found = questions.weights(pipeline, tmp_path / "w", judge)
    assert (found["rise_throughout"], found["fall_with_negative"], found["of"]) == (2, 2, 2)
    assert found["mean_logit"]["0.5"] < found["mean_logit"]["1.5"]
    assert len(list((tmp_path / "w").glob("*.mp3"))) == 8


def test_seed_images_at_each_denoising(pipeline: Pipeline, judge: Judge, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(questions, "OVER_SEEDS", {"techno": ("techno",)})
        found = questions.seeds(pipeline, tmp_path / "s", judge, [0.1, 0.2])
    assert set(found) == {"0.1", "0.2"}
    assert found["0.1"]["tempo"]["clips"] == 10  # all but the one without a beat
    rows = json.loads((tmp_path / "s" / "0.2" / "manifest.json").read_text("utf-8"))
    assert {row["seed_image"] for row in rows}.isdisjoint(questions.WITHOUT_A_BEAT)
    assert all(row["bpm"] and row["expected_tags"] == ["techno"] for row in rows)


def test_loops_without_a_beat_are_counted_apart(
    pipeline: Pipeline, judge: Judge, tmp_path: Path
) -> None:
    found = questions.loops(pipeline, tmp_path / "l", judge)
    assert (found["clips"], found["without_a_beat"], found["at_least_0.8"]) == (8, 4, 4)


def pictures(count: int, seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    rows = random.integers(0, 256, (count, 16, 32), dtype=np.uint8)
    return [row.repeat(32, 0).repeat(16, 1) for row in rows]


def test_a_turned_copy_is_found_and_so_is_half_of_one() -> None:
    theirs, others = pictures(6, 0), pictures(3, 1)
    table = copies.thumbnails(theirs)
    assert copies.nearest(copies.thumbnails(others), table).max() < 0.5
    turned = [np.roll(theirs[4], 200, axis=1)]
    assert copies.nearest(copies.thumbnails(turned), table)[0] == pytest.approx(1.0, abs=1e-3)
    half = others[0].copy()
    half[:, 256:] = np.roll(theirs[2], -96, axis=1)[:, :256]
    mixed = copies.thumbnails([half])
    assert copies.nearest(mixed, table)[0] < 0.9
    assert copies.nearest_half(mixed, table)[0] == pytest.approx(1.0, abs=0.01)
    assert copies.nearest_half(copies.thumbnails(others), table).max() < 0.7


def test_silence_resembles_nothing() -> None:
    silent = copies.thumbnails([np.zeros((512, 256), np.uint8)])
    assert np.isfinite(copies.nearest_half(silent, silent)).all()
    assert copies.nearest(silent, silent)[0] == pytest.approx(0.0)


def test_copies_are_of_what_was_learnt_from(tmp_path: Path) -> None:
    write_noise(tmp_path, (0, 4), 2)
    from training.dataset import read_clips, shards

    held, learnt = (read_clips(path) for path in shards(tmp_path))
    stolen = np.roll(learnt[1].picture, 64, axis=1)
    found = copies.copies([stolen, held[0].picture], tmp_path)
    assert found["training_clips"] == 2
    assert found["clips"]["near_copies"] == 1
    assert found["clips"]["held_out_near_copies"] == 0


def test_what_the_autoencoder_loses(pipeline: Pipeline, tmp_path: Path) -> None:
    flat = np.full((512, 70), 128, np.uint8)
    assert 0 < psnr(pipeline, flat) < 60
    (tmp_path / "text.png").write_text("not a picture", "utf-8")
    Image.new("L", (64, 300)).save(tmp_path / "low.png")
    write_noise(tmp_path / "shards", (0,), 2)
    seed = Path("seed_images/four_floor.png")
    found = reconstruction(
        pipeline, tmp_path / "shards", [seed, tmp_path / "text.png", tmp_path / "low.png"]
    )
    assert found["decode_seconds"] >= 0
    assert found["held_out_clips"] == 2
    assert isinstance(found["pictures_db"]["four_floor.png"], float)
    assert isinstance(found["pictures_db"]["text.png"], str)
    assert "300" in found["pictures_db"]["low.png"]


def test_the_size_of_what_is_needed() -> None:
    found = install.install()
    assert found["distributions"] > 30
    assert found["megabytes"] > 500
    assert "torch" in found["largest"]
    assert "pytest" not in install.needed("riffbot")  # an extra's


def test_the_command(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "judge.py").write_text(JUDGE, "utf-8")
    out, paths = tmp_path / "out", ["--judge", str(tmp_path / "judge.py")]
    asked = ["--model", str(model), "--out", str(out)]
    assert evaluate.main([*asked, *paths, "--what", "loops", "autoencoder"]) == 0
    output = json.loads(capsys.readouterr().out)
    report = json.loads((out / "report.json").read_text("utf-8"))
    assert set(output) == {"loops", "autoencoder"}
    assert report["loops"] == output["loops"]
    assert report["model"] == f"{CARD.name} {CARD.version}"
    assert evaluate.main([*asked, "--what", "install", "cost"]) == 0
    found = json.loads((out / "report.json").read_text("utf-8"))["cost"]
    assert found["gflop"] == pytest.approx(found["denoiser"] + found["rest"], abs=0.02)
    assert found["denoiser"] > 0
    assert set(json.loads((out / "report.json").read_text("utf-8"))) >= {"loops", "install"}


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        (["loops"], "loops needs --judge"),
        (["copies"], "copies needs --shards"),
        (["copies", "--shards", "tests"], "ask it first"),
    ],
)
def test_what_cannot_be_asked(model: Path, tmp_path: Path, what: list[str], sentence: str) -> None:
    with pytest.raises(SystemExit, match=sentence):
        evaluate.main(["--model", str(model), "--out", str(tmp_path), "--what", *what])


def test_one_folder_holds_one_models_answers(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report.json").write_text('{"model": "other 1", "hash": "0"}', "utf-8")
    asked = ["--model", str(model), "--out", str(tmp_path), "--what", "install"]
    assert evaluate.main(asked) == 1
    assert "is of other 1: name another --out" in capsys.readouterr().err
