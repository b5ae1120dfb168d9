"""Shards as the trainers read them; these are written by hand, so no soundfont is needed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from audio.codec import audio_to_image
from training.dataset import SAMPLE_RATE, ByWidth, Rows, number, read_clips, shards, to_signal

WIDTHS = (32, 48, 32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One shard of three short loops in the renderer's layout."""
    folder = tmp_path_factory.mktemp("shards")
    sounds = []
    for i, width in enumerate(WIDTHS):
        time = np.arange(width * 441) / SAMPLE_RATE
        sounds.append((0.5 * np.sin(2 * np.pi * 220 * (i + 1) * time)).astype(np.float16))
    np.savez(
        folder / "shard-00003.npz",
        audio=np.concatenate(sounds),
        offsets=np.cumsum([0, *map(len, sounds)]),
    )
    about = [
        {"width": width, "bpm": 120.0, "captions": [f"tone {i}"]} for i, width in enumerate(WIDTHS)
    ]
    (folder / "shard-00003.json").write_text(json.dumps(about), "utf-8")
    return folder


def test_clips_are_pictures_by_the_products_codec(folder: Path) -> None:
    (path,) = shards(folder)
    assert number(path) == 3
    clips = read_clips(path)
    assert [clip.picture.shape for clip in clips] == [(512, width) for width in WIDTHS]
    assert [clip.about["captions"] for clip in clips] == [["tone 0"], ["tone 1"], ["tone 2"]]
    with np.load(path) as shard:
        second = shard["audio"][shard["offsets"][1] : shard["offsets"][2]].astype(np.float32)
    assert np.array_equal(clips[1].picture, audio_to_image(second, SAMPLE_RATE, loop=True))


def test_pictures_are_made_once(folder: Path) -> None:
    (path,) = shards(folder)
    first = read_clips(path)
    kept = path.with_suffix(".pictures.npy")
    assert sorted(p.name for p in folder.iterdir()) == [
        "shard-00003.json",
        "shard-00003.npz",
        kept.name,
    ]
    made = kept.stat().st_mtime_ns
    again = read_clips(path)
    assert kept.stat().st_mtime_ns == made
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.picture, b.picture)


def test_shards_come_in_order(tmp_path: Path) -> None:
    for name in ("shard-00010.npz", "shard-00002.npz", "ready-00002.pt", "shard-00002.json"):
        (tmp_path / name).touch()
    assert [number(path) for path in shards(tmp_path)] == [2, 10]


def test_signal_spans_minus_one_to_one() -> None:
    pictures = torch.tensor([[[0, 255]]], dtype=torch.uint8)
    assert to_signal(pictures).tolist() == [[[[-1.0, 1.0]]]]


def test_a_batch_is_of_one_width_and_keeps_its_rows_together() -> None:
    store = ByWidth()
    for width, marks in ((32, [0, 1]), (48, [2]), (32, [3])):
        mark = torch.tensor(marks)
        labels = [{"mark": number} for number in marks]
        store.add(width, Rows(mark[:, None].repeat(1, width), labels))
    assert len(store) == 4
    random = torch.Generator().manual_seed(0)
    seen: set[int] = set()
    for _ in range(60):
        rows, labels = store.draw(3, random)
        marks_drawn = torch.tensor([said["mark"] for said in labels])
        assert rows.shape in {(3, 32), (3, 48)}
        assert torch.equal(rows[:, 0], marks_drawn)
        assert bool(((marks_drawn == 2) == (rows.shape[1] == 48)).all())
        seen.update(marks_drawn.tolist())
    assert seen == {0, 1, 2, 3}


@pytest.mark.parametrize("times", [2.0, 3.0])
def test_clips_with_a_favoured_word_come_so_many_times_as_often(times: float) -> None:
    store = ByWidth(["jazz", "hip hop"], times)
    labels = [
        {"captions": [text]} for text in ("Jazz trio", "a jazzy flute", "hip hop beat", "rock")
    ]
    store.add(32, Rows(torch.zeros(2, 1, 32, 2), labels[:2]))
    store.add(32, Rows(torch.zeros(2, 1, 32, 2), labels[2:]))
    _, drawn = store.draw(6000, torch.Generator().manual_seed(1))
    share = 6000 / (2 + 2 * times)
    count = [sum(said is one for said in drawn) / share for one in labels]
    assert count == pytest.approx([times, 1.0, times, 1.0], abs=0.2)
