"""The whole road from shards to a model that loads, with networks too small to learn anything."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.multiprocessing.spawn import spawn

from riffbot.images import Images
from riffbot.inference.models.beats import CHANNELS as GRID_CHANNELS
from riffbot.inference.models.harmony_planes import CHANNELS as HARMONY_CHANNELS
from riffbot.inference.models.loading import load_model
from riffbot.inference.pipeline.pipeline import Pipeline
from riffbot.inference.pipeline.resolve import resolve
from riffbot.request import RiffRequest
from tests.support.patience import by_steps
from training import captions, denoiser, networks, prepare
from training.conditioning import Shown, harmonies, shown_chords
from training.denoiser import Trainer, remaining_rate, work
from training.distillation import MAX_GUIDANCE
from training.export import CARD, export
from training.feed import Unlabelled
from training.flow import Question, channel_weights, noise_levels, velocity_loss
from training.prompt_embedding import NAMES, Listener, attributes, batch_of, corpus, loss_of
from training.render import clip_seed, find_piece, write_shard
from training.samples import BASSES

LATENTS, CHANNELS, CLIPS = 8, (16, 16, 16), 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shards of noise in the shape of real pieces, prepared, and checkpoints beside them."""
    folder = tmp_path_factory.mktemp("training")
    torch.manual_seed(0)
    network = networks.build_autoencoder(LATENTS)
    held = {"network": network.state_dict(), "latent_channels": LATENTS}
    torch.save(held, folder / "autoencoder.pt")
    listener = Listener()
    states = {"gist": listener.gist.state_dict(), "read": listener.read.state_dict()}
    torch.save(states, folder / "gist.pt")
    noise = np.random.default_rng(0)
    for shard in (0, 1):
        sounds, rows = [], []
        for index in range(CLIPS):
            piece, about = find_piece(clip_seed(9, shard, index))
            sounds.append(noise.normal(0, 0.1, piece.width * 441).astype(np.float32))
            rows.append(about)
        write_shard(folder, shard, sounds, rows)
    captions.main(["--shards", str(folder), "--captions", "2"])
    prepare.main(["--shards", str(folder), "--autoencoder", str(folder / "autoencoder.pt")])
    return folder


def options(folder: Path, **changes: object) -> argparse.Namespace:
    given = {
        "shards": folder,
        "autoencoder": folder / "autoencoder.pt",
        "gist": folder / "gist.pt",
        "out": folder / "denoiser.pt",
        "start": None,
        "distil": None,
        "favour": ["bell"],
        "favour_times": 3.0,
        "minutes": 0.03,
        "halves": 0.5,
        "falls": None,
        "workers": 1,
        "batch": 1,
        "ahead": False,
        "ends_at": None,
        "compile": None,
        "meet": 0.3,
        "lr": 1e-3,
        "warmup": 2,
        "average": 0.9,
        "channels": CHANNELS,
        "latent_channels": LATENTS,
        "every": 1000,
        "save_every": 1000.0,
        "seed": 0,
    }
    return argparse.Namespace(**{**given, **changes})


def test_it_trains_saves_goes_on_and_exports(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_steps(monkeypatch, denoiser, 0.2)
    device = torch.device("cpu")
    Trainer(options(folder), 0, device).run()
    held = torch.load(folder / "denoiser.pt", weights_only=True)
    assert held["step"] > 0
    resumed = Trainer(options(folder, minutes=0.05), 0, device)
    assert resumed.step == held["step"]
    resumed.run()
    assert torch.load(folder / "denoiser.pt", weights_only=True)["step"] > held["step"]

    (tmp_path / "unet").mkdir()
    paths = (folder / "autoencoder.pt", folder / "gist.pt", folder / "denoiser.pt")
    export(*paths, tmp_path, CARD)
    pipeline = Pipeline(load_model(tmp_path), Images(tmp_path / "none"))
    request = RiffRequest(prompt="slow piano", seed=1, steps=2, bpm=120.0)
    picture = pipeline.run([resolve(request, pipeline.model.card, pipeline.images)])[0]
    assert picture.shape == (512, 400)


def test_guidance_is_distilled_into_a_model_of_one_pass(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_steps(monkeypatch, denoiser, 0.2)
    device = torch.device("cpu")
    teacher = options(folder, out=tmp_path / "teacher.pt")
    Trainer(teacher, 0, device).run()
    student = options(
        folder, out=tmp_path / "student.pt", start=teacher.out, distil=teacher.out, halves=0.0
    )
    Trainer(student, 0, device).run()
    state = torch.load(student.out, weights_only=True)["network"]
    assert state["time_embedding.cond_proj.weight"].abs().max() > 0

    (tmp_path / "unet").mkdir()
    export(folder / "autoencoder.pt", folder / "gist.pt", student.out, tmp_path, CARD)
    model = load_model(tmp_path)
    assert model.card.distilled_guidance == MAX_GUIDANCE
    pipeline = Pipeline(model, Images(tmp_path / "none"))
    request = RiffRequest(prompt="slow piano", seed=1, steps=2, bpm=120.0)
    pictures = [
        pipeline.run([resolve(r, model.card, pipeline.images)])[0]
        for r in (request, request.model_copy(update={"guidance": 2.0}))
    ]
    assert not np.array_equal(*pictures)
    with pytest.raises(ValueError, match="distilled already"):
        Trainer(options(folder, out=tmp_path / "other.pt", distil=student.out), 0, device)


def test_the_learning_rate_falls_all_the_time_or_at_the_end() -> None:
    cosine = [remaining_rate(share, 1.0) for share in (0.0, 0.5, 1.0, 1.2)]
    assert cosine == pytest.approx([1.0, 0.51, 0.02, 0.02])
    late = [remaining_rate(share, 0.2) for share in (0.0, 0.8, 0.9, 1.0)]
    assert late == pytest.approx([1.0, 1.0, 0.51, 0.02])
    assert remaining_rate(0.5, 3.0) == pytest.approx(0.51)


@pytest.mark.slow
def test_the_compiled_network_is_the_one_that_learns(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a backend that only traces: what a GPU's compiler makes of it is the compiler's own."""
    by_steps(monkeypatch, denoiser, 0.2)
    config = options(folder, compile="eager", halves=0.0, out=tmp_path / "denoiser.pt")
    trainer = Trainer(config, 0, torch.device("cpu"))
    before = trainer.network.conv_out.weight.detach().clone()
    trainer.run()
    held = torch.load(config.out, weights_only=True)
    assert held["step"] > 0
    assert not torch.equal(held["network"]["conv_out.weight"], before)


def test_two_processes_go_on_from_the_mean_of_their_weights(folder: Path, tmp_path: Path) -> None:
    config = options(folder, workers=2, halves=0.0, out=tmp_path / "denoiser.pt")
    spawn(work, (config, str(tmp_path / "meeting")), nprocs=2)
    held = torch.load(config.out, weights_only=True)
    assert held["samples"] > held["step"]  # one sample a step: the others are the other's
    assert all(torch.isfinite(weight).all() for weight in held["network"].values())


def test_what_is_told_of_a_clip_is_of_that_clip(folder: Path) -> None:
    ready = torch.load(folder / "ready-00001.pt", weights_only=True)
    seen = [said for rows in ready.values() for said in rows["told"]]
    assert len(seen) == CLIPS
    for width, rows in ready.items():
        assert rows["latents"].shape == (len(rows["told"]), LATENTS, 32, width // 16)
        for said in rows["told"]:
            assert said["beats"] % said["meter"] == 0
            assert len(said["captions"]) == 2
            assert len(said["chords"]) == said["beats"]
    assert any(said["key"] and any(said["chords"]) for said in seen)


def test_an_older_denoiser_is_adopted(folder: Path) -> None:
    torch.manual_seed(1)
    network = networks.build_denoiser(LATENTS, CHANNELS)
    old = dict(network.state_dict())
    old["conv_in.weight"] = old["conv_in.weight"][:, :LATENTS].clone()
    del old["class_embedding.linear_1.weight"]
    fresh = networks.build_denoiser(LATENTS, CHANNELS)
    assert networks.adopt(fresh, old) == ["class_embedding.linear_1.weight"]
    adopted = fresh.state_dict()["conv_in.weight"]
    assert torch.equal(adopted[:, :LATENTS], old["conv_in.weight"])
    assert not adopted[:, LATENTS:].any()


def test_a_network_that_learns_harmony_begins_as_the_one_without(folder: Path) -> None:
    """Where no key and no chords are shown its answers are those of before, to the bit."""
    torch.manual_seed(2)
    before = networks.build_denoiser(32, harmony=False).eval()
    after = networks.build_denoiser(32).eval()
    assert not networks.reads_harmony(before.state_dict())
    assert networks.reads_harmony(after.state_dict())
    assert networks.adopt(after, before.state_dict()) == []
    inputs, states, gist = torch.randn(2, 32 + GRID_CHANNELS, 32, 16), torch.randn(2, 32, 384), None
    gist = torch.randn(2, 384)
    blank = torch.zeros(2, HARMONY_CHANNELS, 32, 16)
    shown = torch.rand(2, HARMONY_CHANNELS, 32, 16)
    with torch.inference_mode():
        old = before(inputs, torch.tensor(400.0), states, class_labels=gist).sample
        for planes in (blank, shown):
            both = torch.cat([inputs, planes], dim=1)
            new = after(both, torch.tensor(400.0), states, class_labels=gist).sample
            assert torch.equal(new, old)


CHORDS = [[[0, 4, 7], 0], [[0, 4, 7], 7], None, [[0, 4, 7], 4], [[9, 0, 4], None], None, None, None]
LABEL = {"beats": 8, "meter": 4, "key": [0, [0, 2, 4, 5, 7, 9, 11]], "chords": CHORDS}


def test_the_planes_are_of_the_half_that_is_learnt_from() -> None:
    whole = harmonies([LABEL], 32, 32, [Shown()])
    halves = [harmonies([LABEL], 16, 32, [Shown()], half=half) for half in (0, 1)]
    assert torch.equal(torch.cat(halves, dim=3), whole)
    assert whole.any()


def test_what_is_not_to_be_shown_is_blank() -> None:
    assert not harmonies([LABEL], 8, 32, [Shown(key=False, chords=False)]).any()
    bass = {
        kind: [found and found.bass for found in shown_chords(LABEL, Shown(bass=kind), None)]
        for kind in BASSES
    }
    assert bass == {
        "always": [0, 7, None, 4, None, None, None, None],
        "changes": [0, None, None, 4, None, None, None, None],
        "never": [None] * 8,
    }


def test_labels_of_before_say_how_to_write_them_anew(folder: Path, tmp_path: Path) -> None:
    ready = torch.load(folder / "ready-00001.pt", weights_only=True)
    for rows in ready.values():
        for said in rows["told"]:
            del said["chords"]
    torch.save(ready, tmp_path / "ready-00001.pt")
    trainer = Trainer(options(folder, out=tmp_path / "denoiser.pt"), 0, torch.device("cpu"))
    trainer.feed.folder = tmp_path
    with pytest.raises(Unlabelled, match=r"ready-00001.*captions --shards .* --again"):
        trainer.feed.refresh()


def test_every_batch_sees_all_noise_levels() -> None:
    levels = noise_levels(8, torch.Generator().manual_seed(0)).sort().values
    quantiles = torch.special.ndtri((torch.arange(1, 8)) / 8).sigmoid()
    assert bool((levels[:-1] <= quantiles).all())
    assert bool((levels[1:] >= quantiles).all())


def test_channels_count_by_what_they_are_of_the_picture(folder: Path) -> None:
    weights = channel_weights(folder / "autoencoder.pt")
    assert weights.shape == (LATENTS,)
    assert weights.mean().item() == pytest.approx(1.0)
    # The weighted loss of equal errors is that of unweighted ones.
    network = networks.build_denoiser(LATENTS, CHANNELS).eval()
    x = torch.randn(2, LATENTS, 32, 16)
    grid = torch.zeros(2, GRID_CHANNELS + HARMONY_CHANNELS, 32, 16)
    conditioning, s = (torch.zeros(2, 32, 384), torch.zeros(2, 384)), torch.full((2,), 0.5)
    question = Question(x, grid, conditioning, s, torch.zeros_like(x))
    plain = velocity_loss(network, question)
    doubled = velocity_loss(network, question, torch.full((LATENTS,), 2.0))
    assert torch.allclose(doubled, 2 * plain)


def test_the_gist_learns_what_captions_say() -> None:
    texts, wanted = corpus(4, 0)
    assert len(texts) == len(wanted) == 12
    torch.manual_seed(0)
    listener = Listener()
    states = torch.randn(30, 384)
    held = (states, torch.tensor([0, 10, 20]), torch.tensor([10, 10, 5]))
    rows = wanted[[0, 3, 6]].float()
    optimizer = torch.optim.Adam(listener.parameters(), lr=1e-3)
    losses = []
    for _ in range(20):
        loss = loss_of(listener(*batch_of(held, torch.arange(3)))[1], rows)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_attributes_are_those_of_the_piece() -> None:
    piece, _ = find_piece(3)
    row = attributes(piece)
    said = {name for name, yes in zip(NAMES, row.tolist(), strict=False) if yes}
    assert f"kind {piece.kind}" in said
    assert {f"instrument {key}" for key in piece.roles.values() if key != "drums"} <= said
    assert row[len(NAMES) :].sum().item() == pytest.approx(1.0)
