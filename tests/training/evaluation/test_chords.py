"""The measurement of key and chords: of a model that has learnt nothing, of a made-up teacher."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from riffbot.harmony import Harmony
from riffbot.inference.pipeline.pipeline import Pipeline
from tests.support.tiny_models import tiny_pipeline
from training.evaluation import chords
from training.evaluation.heard_harmony import Score
from training.music import Piece

RATE = 44_100


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    return tiny_pipeline(tmp_path_factory.mktemp("model"), harmony=True, steps=1)


def play_roots(piece: Piece) -> np.ndarray:
    """A synth that plays the root of each chord, low and with its fifth above."""
    edges = np.linspace(0, round(piece.seconds * RATE), piece.beats + 1).astype(int)
    beats = []
    for chord, start, end in zip(piece.chords, edges, edges[1:], strict=False):
        assert chord is not None
        time = np.arange(end - start) / RATE
        notes = (48 + chord.root, 60 + chord.root, 67 + chord.root)
        sines = [np.sin(2 * np.pi * 440 * 2 ** ((n - 69) / 12) * time) for n in notes]
        beats.append(0.2 * np.sum(sines, axis=0) * np.minimum(1, time / 0.01))
    return np.concatenate(beats).astype(np.float32)


def test_forty_progressions_in_all_keys() -> None:
    asked = chords.progressions()
    assert len(asked) == 40
    harmonies = [Harmony.parse(row.key, row.chords) for row in asked]
    assert {harmony.key.tonic for harmony in harmonies if harmony.key} == set(range(12))
    assert all(harmony.measures for harmony in harmonies)
    assert all(60 <= row.bpm <= 140 for row in asked)


def test_a_clip_left_open_is_as_long_and_judged_by_the_same_chords(pipeline: Pipeline) -> None:
    asked = chords.progressions()[1]
    shown = chords.make(pipeline, asked, 1, shown=True)
    open_ = chords.make(pipeline, asked, 1, shown=False)
    assert shown.sound.shape == open_.sound.shape
    assert shown.chords == open_.chords
    assert len(shown.chords) % 12 == 0  # three measures of four beats, once or repeated
    assert shown.scale == (7, 9, 11, 0, 2, 4, 6)
    assert (shown.sound != open_.sound).any()


def test_the_composers_pieces_are_judged_by_their_own_chords(tmp_path: Path) -> None:
    class Synth:
        def render(self, piece: Piece) -> np.ndarray:
            return play_roots(piece)

    clips = (chords.play(Synth(), piece) for piece in chords.reference_pieces(3))  # type: ignore[arg-type]
    found = chords.judge(tmp_path / "teacher", clips, 3).rates()
    assert found["roots"] is not None
    assert found["roots"] > 0.8
    assert len(list((tmp_path / "teacher").glob("*.mp3"))) == 3


def test_the_command_writes_and_prints_a_table(
    pipeline: Pipeline,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(chords.bench_model, "load_pipeline", lambda *given: pipeline)
    argv = ["--model", str(tmp_path), "--out", str(tmp_path / "out")]
    assert chords.main([*argv, "--progressions", "1", "--pieces", "0"]) == 0
    held = json.loads((tmp_path / "out" / "chords.json").read_text("utf-8"))
    assert set(held) == {"model", "left open"}
    beats = held["model"]["beats"]
    assert beats == held["left open"]["beats"] > 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[-3].split() == ["beats", "chords", "roots", "basses", "in_key"]
    assert printed[-1].split()[:3] == ["left", "open", str(beats)]


def test_a_table_says_what_was_not_asked() -> None:
    text = chords.table({"model": Score(chords=(4, 3.0), roots=(4, 3.0))})
    assert text.splitlines()[1].split() == ["model", "4", "0.750", "0.750", "-", "-"]
