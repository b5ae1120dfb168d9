"""Clips from the command line: riffs and the six edits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from audio.files import read
from audio.image import encode_png
from riffbot.cli import main
from tests.riffbot.commands.answers import pixels
from tests.support.tiny_models import tiny_embedded_model


def test_a_riff_is_three_files_and_repeats_to_the_byte(home: Path) -> None:
    for out in ("a", "b"):
        assert main(["riff", "Funky (saxophone:1.3) riff!", "--seed", "42", "--out", out]) == 0
    assert {path.name for path in (home / "a").iterdir()} == {
        "funky-saxophone-riff-42.mp3",
        "funky-saxophone-riff-42.png",
        "funky-saxophone-riff-42.json",
    }
    first, second = (home / out / "funky-saxophone-riff-42.png" for out in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    assert main(["riff", "Funky (saxophone:1.3) riff!", "--seed", "43", "--out", "c"]) == 0
    other = pixels(home / "c" / "funky-saxophone-riff-43.png")
    assert not np.array_equal(other, pixels(first))

    written = json.loads(first.with_suffix(".json").read_text())
    assert written["request"]["seed"] == 42
    assert len(written["model_hash"]) == 64
    assert set(written["timings"]) >= {"generate_s", "render_s"}
    sound = read(first.with_suffix(".mp3"))
    assert sound.seconds == pytest.approx(written["duration_s"], abs=0.01)


def test_takes_are_seeds_in_a_row(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["riff", "x", "--seed", str(2**32 - 1), "--count", "2", "--json"]) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [clip["request"]["seed"] for clip in printed] == [2**32 - 1, 0]
    assert all(Path(clip["files"]["mp3"]).exists() for clip in printed)


def test_remix_keeps_what_denoising_leaves(home: Path) -> None:
    assert main(["riff", "first", "--seed", "1", "--out", "a"]) == 0
    remix = ["remix", "a/first-1.png", "second", "--seed", "2", "--out", "a", "--denoising"]
    assert main([*remix, "0"]) == 0
    assert np.array_equal(pixels(home / "a/first-1.png"), pixels(home / "a/second-2.png"))
    assert main([*remix, "1", "--overwrite"]) == 0
    assert not np.array_equal(pixels(home / "a/first-1.png"), pixels(home / "a/second-2.png"))


def test_inpaint_leaves_the_rest_to_the_pixel(home: Path) -> None:
    source = np.full((512, 128), 120, np.uint8)
    (home / "in.png").write_bytes(encode_png(source))
    region = ["--from", "0.3", "--to", "0.9", "--low", "100", "--high", "2000"]
    assert main(["inpaint", "in.png", "bells", *region, "--seed", "3"]) == 0
    changed = pixels(home / "bells-3.png") != source
    assert changed.any()
    rows, columns = np.nonzero(changed)
    assert columns.min() >= 30
    assert columns.max() < 90
    # 100 Hz and 2 kHz on HTK's mel scale, low notes in the last row.
    mel = 2595 * np.log10(1 + np.array([100, 2000, 10000]) / 700)
    low, high = 512 - 513 * mel[:2] / mel[2]
    assert rows.max() <= low + 1
    assert rows.min() >= high - 1


def test_morph_is_one_clip_and_replays(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["morph", "techno", "jazz", "--clips", "3", "--seed", "7", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["request"]["piece"]["kind"] == "morph"
    assert printed["request"]["target"]["prompt"] == "jazz"
    whole = pixels(home / "techno-to-jazz-7.png")
    assert main(["riff", "techno", "--seed", "7", "--out", "alone"]) == 0
    first = pixels(home / "alone/techno-7.png")
    width = first.shape[1]
    assert whole.shape == (512, 3 * width)
    assert np.array_equal(first, whole[:, :width])
    seconds = read(home / "techno-to-jazz-7.mp3").seconds
    assert seconds == pytest.approx(3 * width / 100, abs=0.01)
    assert main(["riff", "--from", "techno-to-jazz-7.mp3", "--out", "again"]) == 0
    assert np.array_equal(pixels(next((home / "again").glob("*.png"))), whole)


def test_a_walk_between_two_clips_begins_and_ends_with_them(home: Path) -> None:
    for name, bpm in (("one", 120), ("two", 100)):
        assert main(["riff", name, "--seed", "1", "--bpm", str(bpm), "--out", "a"]) == 0
    first, second = pixels(home / "a/one-1.png"), pixels(home / "a/two-1.png")
    assert first.shape != second.shape
    walk = ["morph", "a/one-1.png", "a/two-1.png", "--clips", "3", "--seed", "5", "--out", "b"]
    assert main(walk) == 0
    whole = pixels(home / "b/one-to-two-5.png")
    assert np.array_equal(whole[:, : first.shape[1]], first)
    columns = round(first.shape[1] * 120 / 100)  # as many beats, at its own tempo
    last = np.take(second, np.arange(columns), axis=1, mode="wrap")
    assert np.array_equal(whole[:, -columns:], last)


def test_a_walk_between_two_clips_needs_one_between_them(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("(take:11) one", "two"):
        assert main(["riff", "dub", "--seed", "1", "--out", "a", "--overwrite"]) == 0
        (home / "a/dub-1.png").rename(home / f"a/{name}.png")
    walk = ["morph", "a/(take:11) one.png", "a/two.png", "--seed", "5", "--overwrite"]
    capsys.readouterr()
    assert main([*walk, "--clips", "2"]) == 2
    assert "please ask for 3 clips or more" in capsys.readouterr().err
    assert main([*walk, "--clips", "3"]) == 0, "a file's name is no prompt"


@pytest.mark.parametrize("denoising", ["0.05", "0.6", "0.9"])
def test_a_song_of_any_denoising_replays(home: Path, denoising: str) -> None:
    """Few steps are chosen by the denoising, once for all pictures: the recipe has one number."""
    assert main(["riff", "dub", "--seed", "1", "--bpm", "93.75", "--out", "a"]) == 0
    options = ["--denoising", denoising, "--seed", "2", "--out", "b"]
    assert main(["extend", "a/dub-1.png", "--seconds", "7.7", *options]) == 0
    assert main(["morph", "a/dub-1.png", "bells", "--clips", "4", *options]) == 0
    assert main(["morph", "jazz", "bells", "--clips", "4", *options]) == 0
    made = sorted((home / "b").glob("*.png"))
    assert len(made) == 3
    for number, song in enumerate(made):
        assert main(["riff", "--from", str(song), "--out", f"again-{number}"]) == 0
        (again,) = (home / f"again-{number}").glob("*.png")
        assert np.array_equal(pixels(again), pixels(song)), song.name


@pytest.mark.parametrize("backward", [False, True])
def test_an_extended_clip_keeps_its_beginning_to_the_pixel(home: Path, backward: bool) -> None:
    assert main(["riff", "dub", "--seed", "1", "--bpm", "93.75", "--out", "a"]) == 0
    source = pixels(home / "a/dub-1.png")
    more = ["extend", "a/dub-1.png", "--seconds", "7.7", "--seed", "2", "--out", "b"]
    assert main([*more, "--backward"] if backward else more) == 0
    whole = pixels(home / "b/dub-extended-2.png")
    width = source.shape[1]
    # Whole measures: at 93.75 bpm one is 256 columns.
    assert (whole.shape[1] - width) % 256 == 0
    kept = whole[:, -width:] if backward else whole[:, :width]
    assert np.array_equal(kept, source)
    new = whole[:, :-width] if backward else whole[:, width:]
    assert not np.array_equal(new[:, :width], source)
    assert read(home / "b/dub-extended-2.mp3").seconds == pytest.approx(whole.shape[1] / 100)
    (home / "a").rename(home / "lost")
    assert main(["riff", "--from", "b/dub-extended-2.png", "--out", "c"]) == 0
    assert np.array_equal(pixels(next((home / "c").glob("*.png"))), whole)


def test_layers_are_heard_together(home: Path) -> None:
    low, high = np.full((512, 100), 255, np.uint8), np.full((512, 200), 255, np.uint8)
    low[400:404], high[100:104] = 20, 20
    (home / "low.png").write_bytes(encode_png(low))
    (home / "high.png").write_bytes(encode_png(high))
    assert main(["layer", "low.png", "high.png"]) == 0
    mixed = pixels(home / "low-and-high.png")
    assert mixed.shape == (512, 200)
    assert (mixed[402] < 40).all()
    assert (mixed[102] < 40).all()
    assert (mixed[250] == 255).all()
    assert main(["layer", "low.png", "high.png", "--gain", "-40", "--out", "b"]) == 0
    quieter = pixels(home / "b/low-and-high.png")
    assert quieter[102].mean() > mixed[102].mean() + 50


def test_a_drawing_is_heard_light_on_dark_or_dark_on_light(home: Path) -> None:
    drawing = np.full((100, 300, 3), (250, 250, 240), np.uint8)
    drawing[70:75, 50:250] = (30, 20, 60)
    Image.fromarray(drawing).save(home / "paper.png")
    Image.fromarray(255 - drawing).save(home / "board.jpg", quality=95)
    for name in ("paper.png", "board.jpg"):
        assert main(["draw", name, "--seconds", "3", "--seed", "1", "--out", name[:5]]) == 0
    paper, board = pixels(home / "paper/paper-1.png"), pixels(home / "board/board-1.png")
    assert paper.shape == board.shape == (512, 300)
    # Row 70 to 75 of 100: the same place of 512, for the whole stretch that was drawn.
    assert paper[512 * 72 // 100, 150] < 60
    assert paper[100, 150] > 220
    assert np.abs(paper.astype(int) - board).mean() < 12
    assert main(["draw", "paper.png", "violin", "--seed", "1", "--out", "c"]) == 0
    assert not np.array_equal(pixels(home / "c/violin-1.png"), paper)


def test_inpaint_by_bar_and_by_mask(home: Path) -> None:
    assert main(["riff", "dub", "--seed", "1", "--bpm", "120", "--out", "a"]) == 0
    source = pixels(home / "a/dub-1.png")
    width = source.shape[1]
    assert main(["inpaint", "a/dub-1.png", "x", "--where", "beat 1", "--seed", "2"]) == 0
    changed = (pixels(home / "x-2.png") != source).any(axis=0)
    assert changed[:50].any()
    assert not changed[50:].any()
    assert main(["inpaint", "a/dub-1.png", "y", "--high", "200", "--seed", "2"]) == 0
    changed = (pixels(home / "y-2.png") != source).any(axis=1)
    mel = 2595 * np.log10(1 + np.array([200, 10000]) / 700)
    assert not changed[: int(512 - 513 * mel[0] / mel[1]) - 1].any()
    assert changed.any()
    half = np.zeros((8, 8), np.uint8)
    half[:, 4:] = 255
    Image.fromarray(half).save(home / "half.png")
    assert main(["inpaint", "a/dub-1.png", "z", "--mask", "half.png", "--seed", "2"]) == 0
    changed = (pixels(home / "z-2.png") != source).any(axis=0)
    assert not changed[: width // 2].any()
    assert changed.any()


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Song (Live 12:30).wav", "song-live-12-30-extended-1.mp3"),
        ("   .wav", "untitled-extended-1.mp3"),
        ("caf\udce9.wav", "café-extended-1.mp3"),
    ],
)
def test_a_files_name_is_no_prompt(home: Path, name: str, written: str) -> None:
    tone = np.sin(np.arange(2 * 44100) / 20).astype(np.float32) / 3
    soundfile.write(home / "tone.wav", tone, 44100)
    try:
        (home / "tone.wav").rename(home / name)
    except OSError:
        pytest.skip("this file system takes no such name")
    assert main(["extend", name, "--seconds", "4", "--seed", "1"]) == 0
    assert (home / written).exists()


def test_no_clip_overwrites_another_unless_asked(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for prompt in ("🎷🎷", "🥁"):
        assert main(["riff", prompt, "--seed", "1", "--out", "a"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[1].startswith(str(Path("a") / "riff-1-2.mp3"))
    assert "“riff-1” is there already, so this clip is “riff-1-2”" in said.err
    assert "--overwrite" in said.err
    written = [json.loads((home / f"a/{name}.json").read_text()) for name in ("riff-1", "riff-1-2")]
    assert [clip["request"]["prompt"] for clip in written] == ["🎷🎷", "🥁"]
    assert written[1]["files"]["mp3"] == "riff-1-2.mp3"
    # The same clip is written where it lies; other settings are another clip.
    assert main(["riff", "🥁", "--seed", "1", "--out", "a"]) == 0
    assert main(["riff", "🥁", "--seed", "1", "--steps", "1", "--out", "a"]) == 0
    names = {path.stem for path in (home / "a").iterdir()}
    assert names == {"riff-1", "riff-1-2", "riff-1-3"}
    assert main(["riff", "rain", "--seed", "1", "--out", "a"]) == 0
    first = (home / "a/rain-1.mp3").read_bytes()
    assert main(["riff", "rain", "--seed", "1", "--steps", "1", "--out", "a", "--overwrite"]) == 0
    assert (home / "a/rain-1.mp3").read_bytes() != first
    assert not (home / "a/rain-1-2.mp3").exists()


def test_key_and_chords_reach_a_model_that_knows_them(
    home: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    musical = tiny_embedded_model(tmp_path_factory.mktemp("model") / "musical", harmony=True)
    told = ["--key", "bb", "--chords", "ii-V-I", "--seed", "1", "--model", str(musical)]
    assert main(["riff", "bop", *told, "--json"]) == 0
    clip = json.loads(capsys.readouterr().out)
    assert (clip["request"]["key"], clip["request"]["chords"]) == ("Bb major", "ii V I")
    again = ["riff", "--from", "bop-1.json", "--key", "D", "--model", str(musical), "--json"]
    assert main([*again, "--out", "again"]) == 0
    clip = json.loads(capsys.readouterr().out)
    assert (clip["request"]["key"], clip["request"]["chords"]) == ("D major", "ii V I")
    remix = ["remix", "bop-1.png", "bells", "--seed", "2", "--model", str(musical), "--json"]
    assert main(remix) == 0
    assert json.loads(capsys.readouterr().out)["request"]["key"] == "Bb major"


def test_a_model_that_knows_no_keys_says_so_once(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["riff", "bop", "--key", "Am", "--seed", "1", "--json"]) == 0
    printed = capsys.readouterr()
    assert "does not know keys and chords" in printed.err
    assert "key" not in json.loads(printed.out)["request"]
    assert main(["riff", "bop in A minor", "--seed", "1"]) == 0
    assert "keys" not in capsys.readouterr().err


def test_a_wrong_chord_is_one_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["riff", "bop", "--chords", "Amm7"]) == 2
    assert "There is no chord “Amm7”. Did you mean Am7?" in capsys.readouterr().err
