"""Rendering: deterministic, seamless, nothing silent."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from training import fluid, soundfonts
from training.caption_writer import mentions
from training.music import INSTRUMENTS, Piece, compose
from training.music.piece import Note, Track
from training.music.textures import TEXTURES
from training.render import clip_seed, find_piece, main, plan, render_clip
from training.sounds import render_texture
from training.synth import Synth


@pytest.fixture(scope="module")
def synth() -> Synth:
    return Synth(soundfonts.find()[:1])


def _piece(kind: str) -> Piece:
    for seed in range(400):
        piece = compose(random.Random(seed))
        if piece.kind == kind and piece.width <= 512:
            return piece
    raise AssertionError(kind)


@pytest.mark.needs("synth")
@pytest.mark.parametrize("kind", ["solo", "band", "drums", "texture"])
def test_a_clip_is_a_function_of_its_piece(synth: Synth, kind: str) -> None:
    piece = _piece(kind)
    sound = synth.render(piece)
    synth.render(_piece("band"))
    np.testing.assert_array_equal(sound, synth.render(piece))
    assert sound.dtype == np.float32
    assert len(sound) == piece.width * 441
    assert np.max(np.abs(sound)) == pytest.approx(10 ** (-3 / 20), rel=1e-3)


@pytest.mark.needs("synth")
def test_the_seam_is_no_louder_a_step_than_the_rest(synth: Synth) -> None:
    for seed in range(5):
        sound = synth.render(compose(random.Random(seed)))
        steps = np.abs(np.diff(np.append(sound, sound[0])))
        assert steps[-1] <= max(0.02, float(np.quantile(steps, 0.9999)))


@pytest.mark.needs("synth")
def test_every_instrument_sounds(synth: Synth) -> None:
    base = replace(
        _piece("solo"),
        soundfont=0,
        room="dry",
        width=256,
        beats=4,
        textures=(),
        effects=(),
        genre="",
    )
    for key, who in INSTRUMENTS.items():
        middle = (who.low + who.high) // 2
        notes = (Note(0.0, 0.8, middle, 100), Note(1.0, 1.0, middle + 2, 100))
        track = Track("solo", key, notes, effects=who.effects)
        sound = synth.render(replace(base, tracks=(track,)))
        assert np.sqrt(np.mean(sound**2)) > 0.01, key
        assert np.isfinite(sound).all(), key


def test_every_texture_sounds() -> None:
    for name in TEXTURES:
        sound = render_texture(name, 256 * 441, np.random.default_rng(1), 0.5)
        assert len(sound) == 256 * 441
        assert np.sqrt(np.mean(sound**2)) > 1e-4, name
        assert np.isfinite(sound).all(), name


@pytest.mark.needs("synth")
def test_shards_are_resumable_and_repeatable(
    synth: Synth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIFFBOT_SOUNDFONTS", str(soundfonts.find()[0]))
    arguments = ["--clips", "4", "--workers", "2", "--seed", "3", "--shard-size", "2"]
    assert main(["--out", str(tmp_path), *arguments]) == 0
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == [
        "render.jsonl",
        "shard-00000.json",
        "shard-00000.npz",
        "shard-00001.json",
        "shard-00001.npz",
    ]
    record = json.loads((tmp_path / "render.jsonl").read_text().splitlines()[-1])
    assert (record["clips"], record["of"], record["done"]) == (4, 4, True)
    assert plan(tmp_path, 4, 2, 0) == []
    rows = json.loads((tmp_path / "shard-00001.json").read_text())
    assert len(rows[0]["captions"]) == 6
    with np.load(tmp_path / "shard-00001.npz") as shard:
        audio, offsets, widths = shard["audio"], shard["offsets"], shard["widths"]
    assert audio.dtype == np.float16
    assert offsets[-1] == len(audio)
    assert list(np.diff(offsets)) == [width * 441 for width in widths]
    assert len(rows) == len(widths)


@pytest.mark.needs("synth")
def test_a_clip_is_a_function_of_seed_shard_and_index(synth: Synth) -> None:
    first, row = render_clip(synth, clip_seed(3, 1, 0), [])
    again, same = render_clip(synth, clip_seed(3, 1, 0), [])
    np.testing.assert_array_equal(first, again)
    assert row == same
    assert len({clip_seed(s, k, i) for s in range(3) for k in range(9) for i in range(256)}) == 6912


def test_only_pieces_said_to_be_one_of_the_words_are_rendered() -> None:
    wanted = mentions(["harp", "r&b"])
    for index in range(8):
        seed = clip_seed(3, 0, index)
        piece, about = find_piece(seed, ["harp", "r&b"])
        assert any(wanted.search(text.lower()) for text in about["captions"])
        assert compose(random.Random(about["seed"])) == piece
        assert find_piece(about["seed"], ["harp", "r&b"])[1] == about
    assert find_piece(3)[1]["seed"] == 3
    assert not wanted.search("a harpsichord")
    with pytest.raises(RuntimeError, match="said to be any of: no such thing"):
        find_piece(3, ["no such thing"])


@pytest.fixture
def no_fluidsynth(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without libfluidsynth, whatever this one has."""
    monkeypatch.setenv("RIFFBOT_FLUIDSYNTH", str(tmp_path / "libnothing.so"))


@pytest.mark.parametrize("fonts", [True, False])
def test_a_missing_libfluidsynth_is_said_in_one_line(
    no_fluidsynth: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    fonts: bool,
) -> None:
    font = tmp_path / "some.sf3"
    font.touch()
    monkeypatch.delenv("RIFFBOT_SOUNDFONTS", raising=False)
    monkeypatch.setattr(soundfonts, "_USUAL", ((str(font),),) if fonts else ())
    assert main(["--out", str(tmp_path / "out"), "--clips", "1"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("render: libfluidsynth is missing: install libfluidsynth3 and")


def test_a_missing_soundfont_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RIFFBOT_SOUNDFONTS", raising=False)
    monkeypatch.setattr(soundfonts, "_USUAL", ())
    monkeypatch.setattr(fluid, "library", Mock())  # stands in where it is not installed either
    assert main(["--out", str(tmp_path / "out"), "--clips", "1"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("render: no SoundFont was found: install libfluidsynth3 and")
