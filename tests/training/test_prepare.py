"""Words and latents of rendered shards: made once, mended when they are out of date."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from training import captions, networks, prepare
from training.caption_writer import held_out
from training.dataset import labels_path, ready_path, shards
from training.render import clip_seed, find_piece, write_shard

LATENTS, CLIPS = 4, 5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One shard of noise in the shape of real pieces, and an autoencoder."""
    save_autoencoder(tmp_path, 0)
    noise, sounds, rows = np.random.default_rng(0), [], []
    for index in range(CLIPS):
        piece, about = find_piece(clip_seed(4, 7, index))
        sounds.append(noise.normal(0, 0.1, piece.width * 441).astype(np.float32))
        rows.append(about)
    write_shard(tmp_path, 7, sounds, rows)
    return tmp_path


def save_autoencoder(folder: Path, seed: int) -> None:
    torch.manual_seed(seed)
    network = networks.build_autoencoder(LATENTS)
    held = {"network": network.state_dict(), "latent_channels": LATENTS}
    torch.save(held, folder / "autoencoder.pt")


def tell(folder: Path, *more: str) -> int:
    return captions.main(["--shards", str(folder), *more])


def ready(folder: Path) -> int:
    paths = ["--shards", str(folder), "--autoencoder", str(folder / "autoencoder.pt")]
    return prepare.main(paths)


def held(folder: Path) -> dict[int, dict]:  # type: ignore[type-arg]
    found: dict[int, dict] = torch.load(  # type: ignore[type-arg]
        ready_path(shards(folder)[0]), weights_only=True
    )
    return found


def test_words_follow_from_the_seed_alone(folder: Path) -> None:
    assert tell(folder, "--captions", "6") == 0
    path = labels_path(shards(folder)[0])
    first = path.read_bytes()
    rows = json.loads(first)
    assert [len(row["captions"]) for row in rows] == [6] * CLIPS
    assert not any(held_out(text) for row in rows for text in row["captions"])
    assert all(row["beats"] % row["meter"] == 0 for row in rows)
    path.unlink()
    assert tell(folder, "--captions", "6") == 0
    assert path.read_bytes() == first
    assert "shards" in (folder / "captions.jsonl").read_text("utf-8")


def test_words_are_kept_until_asked_for_again(folder: Path) -> None:
    tell(folder, "--captions", "2")
    tell(folder, "--captions", "3")
    path = labels_path(shards(folder)[0])
    assert len(json.loads(path.read_text("utf-8"))[0]["captions"]) == 2
    tell(folder, "--captions", "3", "--again")
    assert len(json.loads(path.read_text("utf-8"))[0]["captions"]) == 3


def test_another_composer_is_noticed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "shard-00007.json"
    rows = json.loads(path.read_text("utf-8"))
    rows[2]["roles"] = {"lead": "kazoo"}
    path.write_text(json.dumps(rows), "utf-8")
    assert tell(folder) == 1
    assert "shard-00007.npz: the composer has changed" in capsys.readouterr().err
    assert not labels_path(shards(folder)[0]).exists()


def test_examples_need_no_shards(capsys: pytest.CaptureFixture[str]) -> None:
    assert captions.main(["--examples", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert sum("bpm" in line for line in lines if not line.startswith(" ")) == 2


def test_a_folder_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        captions.main(["--shards", "nowhere"])
    assert "there is no folder nowhere" in capsys.readouterr().err


def test_without_words_nothing_is_prepared(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ready(folder) == 1
    assert "run `python -m training.captions" in capsys.readouterr().err


def test_other_words_leave_the_latents_as_they_are(folder: Path) -> None:
    tell(folder, "--captions", "2")
    assert ready(folder) == 0
    before, path = held(folder), ready_path(shards(folder)[0])
    made = path.stat().st_mtime_ns
    assert ready(folder) == 0
    assert path.stat().st_mtime_ns == made
    tell(folder, "--captions", "4", "--again")
    assert ready(folder) == 0
    after = held(folder)
    for width, rows in after.items():
        assert torch.equal(rows["latents"], before[width]["latents"])
        for old, new in zip(before[width]["told"], rows["told"], strict=True):
            assert (old["beats"], old["meter"]) == (new["beats"], new["meter"])
            assert (len(old["captions"]), len(new["captions"])) == (2, 4)


def test_another_autoencoder_makes_other_latents(folder: Path) -> None:
    tell(folder)
    ready(folder)
    before = held(folder)
    save_autoencoder(folder, 1)
    assert ready(folder) == 0
    after = held(folder)
    assert all(not torch.equal(after[w]["latents"], before[w]["latents"]) for w in before)
    assert all(after[w]["told"] == before[w]["told"] for w in before)


def test_a_shard_rendered_anew_forgets_what_was_made_of_the_old(folder: Path) -> None:
    tell(folder)
    ready(folder)
    (path,) = shards(folder)
    rows, sounds = [], []
    for index in range(2):
        piece, about = find_piece(clip_seed(8, 7, index))
        sounds.append(np.zeros(piece.width * 441, np.float32))
        rows.append(about)
    write_shard(folder, 7, sounds, rows)
    assert not labels_path(path).exists()
    assert ready(folder) == 1
    tell(folder)
    assert ready(folder) == 0
    assert sum(len(found["told"]) for found in held(folder).values()) == 2
