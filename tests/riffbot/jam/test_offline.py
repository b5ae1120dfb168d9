"""A jam without a clock, and the command that writes one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio.stream import AHEAD, BLOCK, Stream, StreamState
from riffbot.cli import main
from riffbot.jam.chunk_options import ChunkOptions
from riffbot.jam.offline import OfflineRenderer, ScheduledPrompt
from riffbot.jam.prompt_path import PromptPath
from riffbot.jam.timeline import Chunk, LoopGrid, Placement
from tests.support.fake_pipeline import drawn
from tests.support.tiny_models import tiny_embedded_model

LOOP_GRID = LoopGrid(128, 4)


async def make(path: PromptPath) -> Chunk:
    request = path.build_request().with_changes(width=128)
    return Chunk(path, request, drawn(request) // 2 + 100)


async def rehearse(
    seconds: float, *changes: ScheduledPrompt
) -> tuple[np.ndarray, list[Placement], list[tuple[int, str]]]:
    entries: list[Placement] = []
    path = PromptPath.begin(ChunkOptions(prompt="sax"), seed_image="beat")
    rehearsal = OfflineRenderer(
        make, path, LOOP_GRID, changes=changes, seconds=seconds, on_placement=entries.append
    )
    samples = await rehearsal.samples()
    return samples, entries, [(entry.start, entry.chunk.prompt) for entry in entries]


async def test_the_length_is_exact_and_the_same_script_gives_the_same_samples() -> None:
    for seconds in (1.0, 2.57, 6.4):
        one, *_ = await rehearse(seconds, ScheduledPrompt(2, "bells"))
        two, *_ = await rehearse(seconds, ScheduledPrompt(2, "bells"))
        assert len(one) == round(seconds * 48000)
        np.testing.assert_array_equal(one, two)


async def test_changes_come_in_on_the_beat_and_the_rest_on_the_turn() -> None:
    _, entries, places = await rehearse(
        8, ScheduledPrompt(2.0, "bells"), ScheduledPrompt(5.12, "techno")
    )
    assert places == [
        (0, "sax"),
        (128, "sax"),
        (224, "bells"),  # the first beat from second 2 on; half-way, for more than a turn
        (384, "bells"),
        (512, "techno"),
        (640, "techno"),
        (768, "techno"),
    ]
    assert entries[2].chunk.request.alpha == pytest.approx(0.625)
    assert entries[3].chunk.request.target is None


async def test_of_wishes_at_one_beat_the_last_one_counts() -> None:
    *_, places = await rehearse(
        3, ScheduledPrompt(1.01, "no"), ScheduledPrompt(1.2, "yes"), ScheduledPrompt(0.0, "first")
    )
    assert [prompt for _, prompt in places] == ["first", "yes", "yes"]
    assert [start for start, _ in places] == [0, 128, 256]


def click(stream: Stream, state: StreamState) -> tuple[StreamState, np.ndarray]:
    """In place of solving a block: one sample where a column begins that is not silent."""
    context = state.pixels.shape[1] - BLOCK - AHEAD
    sound = np.zeros(BLOCK * 480, np.float32)
    loud = (state.pixels[:, context : context + BLOCK] < 255).any(axis=0)
    sound[np.flatnonzero(loud) * 480] = 0.1
    after = replace(state, columns=state.columns + BLOCK, emitted=state.emitted + len(sound))
    return after, sound


async def beats(width: int, seconds: int) -> np.ndarray:
    """The sound of a loop with one beat, at its columns 30 to 33; every turn came in exactly."""
    path = PromptPath.begin(ChunkOptions(prompt="sax"), seed_image="beat")
    picture = np.full((512, width), 255, np.uint8)
    picture[200:400, 30:34] = 60

    async def quick(path: PromptPath) -> Chunk:
        return Chunk(path, path.build_request(), picture)

    starts: list[int] = []
    rehearsal = OfflineRenderer(
        quick,
        path,
        LoopGrid(width, 1),
        seconds=seconds,
        on_placement=lambda e: starts.append(e.start),
    )
    samples = await rehearsal.samples()
    assert len(samples) == seconds * 48000
    assert starts == [width * n for n in range(len(starts))]
    return samples


async def test_the_ring_of_beats_does_not_drift_by_a_sample_in_two_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Stream, "_step", click)
    width, seconds = 68, 120
    samples = await beats(width, seconds)
    loud = [column for column in range(seconds * 100) if 30 <= column % width < 34]
    np.testing.assert_array_equal(np.flatnonzero(samples), np.array(loud) * 480)


@pytest.mark.parametrize("seconds", [14, pytest.param(120, marks=pytest.mark.slow)])
async def test_the_ring_of_beats_is_heard_where_it_is(seconds: int) -> None:
    """The beats of the last turns are heard at the same place of them as those of the first. The
    solver's phases move the centre of a beat by a fraction of a millisecond."""
    width = 68
    count = seconds * 100 // width
    samples = await beats(width, seconds)
    turns = samples[: count * width * 480].reshape(count, width * 480) ** 2
    centres = turns @ np.arange(width * 480) / turns.sum(axis=1)
    assert np.ptp(centres[:20]) < 48, "within a millisecond"
    assert abs(centres[-20:].mean() - centres[:20].mean()) < 12, "a quarter of one"
    assert centres.mean() == pytest.approx(31.5 * 480, abs=480)


def run(tmp_path: Path, seeds: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setenv("RIFFBOT_SEED_IMAGES", str(seeds))
    monkeypatch.setenv("RIFFBOT_DATA_DIR", str(tmp_path / "data"))
    if not (tmp_path / "model").exists():
        tiny_embedded_model(tmp_path / "model")
    return main(["jam", *words, "--model", str(tmp_path / "model")])


def test_the_command_writes_the_same_file_twice(
    tmp_path: Path, seeds: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.flac", "b.flac"):
        out = str(tmp_path / name)
        words = ["sax", "--then", "1:bells", "--seconds", "3", "--seed-image", "beat"]
        assert run(tmp_path, seeds, monkeypatch, *words, "--out", out) == 0
    one, rate = soundfile.read(tmp_path / "a.flac")
    two, _ = soundfile.read(tmp_path / "b.flac")
    assert (len(one), rate) == (144_000, 48_000)
    np.testing.assert_array_equal(one, two)
    assert np.abs(one).max() > 0.01
    assert "187.50 bpm" in capsys.readouterr().out


def test_against_the_clock_it_reports(
    tmp_path: Path, seeds: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "live.wav"
    words = ["sax", "--then", "1:bells", "--seconds", "3", "--realtime", "--busy"]
    assert run(tmp_path, seeds, monkeypatch, *words, "--out", str(out)) == 0
    output = capsys.readouterr().out
    assert "underruns" in output
    assert "1 changes, heard after" in output
    assert "resident memory" in output
    sound, _ = soundfile.read(out)
    assert len(sound) == 144_000


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["sax"], "--out"),
        (["sax", "--out", "x.doc"], "must end in"),
        (["sax", "--out", "x.wav", "--seconds", "0.5"], "--seconds"),
        (["sax", "--out", "x.wav", "--then", "bells"], "SECONDS:PROMPT"),
        (["sax", "--out", "x.wav", "--then", "9:bells", "--seconds", "9"], "--seconds"),
        (["sax", "--out", "x.wav", "--then", "5:"], "empty"),
        (["sax", "--out", "x.wav", "--then", "nan:x"], "SECONDS:PROMPT"),
        (["", "--out", "x.wav"], "empty"),
        (["sax", "--out", "x.wav", "--busy"], "--realtime"),
        (["sax", "--out", "x.wav", "--bpm", "1"], "Bpm"),
        (["sax", "--out", "x.wav", "--seed-image", "nope"], "nope"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    *,
    words: list[str],
    sentence: str,
    tmp_path: Path,
    seeds: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RIFFBOT_SEED_IMAGES", str(seeds))
    assert main(["jam", *words]) == 2
    error = capsys.readouterr().err.strip()
    assert sentence in error
    assert "\n" not in error
    assert not list(tmp_path.glob("x.*"))


def test_a_jam_of_the_command_line_keeps_its_key_and_goes_through_its_chords(
    tmp_path: Path, seeds: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_embedded_model(tmp_path / "model", harmony=True)
    words = ["sax", "--then", "2:bells", "--then", "4:dub in D minor", "--seconds", "7", "--json"]
    told = ["--key", "Am", "--chords", "Am F C", "--seed-image", "beat"]
    out = str(tmp_path / "a.flac")
    assert run(tmp_path, seeds, monkeypatch, *words, *told, "--out", out) == 0
    printed = capsys.readouterr()
    assert "keys" not in printed.err
    chunks = json.loads(printed.out)["chunks"]
    assert [chunk["request"]["key"] for chunk in chunks[:3]] == ["A minor"] * 3
    assert chunks[-1]["request"]["key"] == "D minor"
    assert chunks[0]["request"]["chords"] == "Am"
    assert {chunk["request"]["chords"] for chunk in chunks if chunk["at_s"] >= 4} <= {
        "Dm",
        "Bb",
        "F",
    }


def test_a_jam_whose_model_knows_no_keys_says_so(
    tmp_path: Path, seeds: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["sax", "--seconds", "1", "--seed-image", "beat", "--out", str(tmp_path / "a.flac")]
    assert run(tmp_path, seeds, monkeypatch, *words, "--key", "Am") == 0
    assert "does not know keys and chords" in capsys.readouterr().err
