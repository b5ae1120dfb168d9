"""Clips from the command line: files that replay."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from audio.codec import audio_to_image
from audio.files import encode, read
from audio.image import decode_image, encode_png
from riffbot.cli import main
from riffbot.clips.recipes import crop_recipe
from tests.riffbot.commands.answers import one_line, pixels
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


@pytest.mark.parametrize("suffix", ["json", "png", "mp3"])
def test_every_file_of_a_riff_replays_it(home: Path, suffix: str) -> None:
    assert main(["riff", "rain", "--seed", "7", "--negative", "drums", "--out", "a"]) == 0
    assert main(["riff", "--from", f"a/rain-7.{suffix}", "--out", "b"]) == 0
    assert (home / "a/rain-7.png").read_bytes() == (home / "b/rain-7.png").read_bytes()


def test_a_recipe_with_changes(home: Path) -> None:
    assert main(["riff", "rain", "--seed", "7", "--out", "a"]) == 0
    assert main(["riff", "snow", "--from", "a/rain-7.json", "--bpm", "120", "--out", "a"]) == 0
    request = json.loads((home / "a/snow-7.json").read_text())["request"]
    assert (request["prompt"], request["bpm"]) == ("snow", 120)
    assert request["width"] != 128


def test_a_seed_image_from_a_sound_travels_with_the_clip(home: Path) -> None:
    tone = np.sin(np.arange(2 * 44100) / 20).astype(np.float32) / 3
    soundfile.write(home / "tone.wav", tone, 44100)
    assert main(["riff", "x", "--seed", "1", "--seed-image", "tone.wav", "--out", "a"]) == 0
    (home / "tone.wav").unlink()
    (home / "a").rename(home / "moved")
    assert main(["riff", "--from", "moved/x-1.png", "--out", "b"]) == 0
    assert (home / "moved/x-1.png").read_bytes() == (home / "b/x-1.png").read_bytes()
    assert len(list((home / "b/sources").iterdir())) == 1
    assert pixels(home / "b/x-1.png").shape == (512, 200)


def test_a_lost_seed_image_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "photo.png").write_bytes(encode_png(np.full((512, 64), 99, np.uint8)))
    assert main(["riff", "x", "--seed", "1", "--seed-image", "photo.png", "--out", "a"]) == 0
    (home / "a/x-1.json").rename(home / "x.json")
    capsys.readouterr()
    assert main(["riff", "--from", "x.json", "--out", "b"]) == 2
    assert "seed image" in one_line(capsys)


def test_takes_are_seeds_in_a_row(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["riff", "x", "--seed", str(2**32 - 1), "--count", "2", "--json"]) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [clip["request"]["seed"] for clip in printed] == [2**32 - 1, 0]
    assert all(Path(clip["files"]["mp3"]).exists() for clip in printed)


def test_a_batch_loses_nothing_but_its_bad_lines(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "requests.jsonl").write_text(
        '{"prompt": "one", "seed": 1}\n'
        "nonsense\n"
        "\n"
        '{"prompt": "", "seed": 2}\n'
        '{"prompt": "wide", "seed": 3, "width": 65}\n'
        '{"prompt": "five", "seed": 5, "seed_image": "beat"}\n'
    )
    assert main(["riff", "--batch", "requests.jsonl", "--out", "out"]) == 2
    assert sorted(path.name for path in (home / "out").glob("*.png")) == ["0001.png", "0006.png"]
    complaints = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1].strip() for line in complaints] == ["line 2", "line 4", "line 5"]
    assert main(["riff", "one", "--seed", "1", "--out", "alone"]) == 0
    # The same request gives the same bytes, alone or after others.
    assert (home / "out/0001.png").read_bytes() == (home / "alone/one-1.png").read_bytes()


def test_a_batch_from_stdin(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"prompt": "piped", "seed": 1}'))
    assert main(["riff", "--batch", "-", "--out", "out"]) == 0
    assert (home / "out/0001.mp3").exists()


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


def test_a_remix_of_a_remix_is_made_again_from_its_file_alone(home: Path) -> None:
    """Neither database nor folder is left: the recipes in the file lead back to the prompt."""
    assert main(["riff", "first", "--seed", "1", "--out", "a"]) == 0
    assert main(["remix", "a/first-1.png", "second", "--seed", "2", "--out", "b"]) == 0
    assert main(["remix", "b/second-2.png", "third", "--seed", "3", "--out", "c"]) == 0
    for suffix in ("png", "mp3", "json"):
        lonely = home / f"lonely-{suffix}"
        lonely.mkdir()
        (home / f"c/third-3.{suffix}").rename(lonely / f"third.{suffix}")
    for folder in ("a", "b", "c"):
        (home / folder).rename(home / f"gone-{folder}")
    wanted = (home / "lonely-png/third.png").read_bytes()
    for suffix in ("png", "mp3", "json"):
        file = f"lonely-{suffix}/third.{suffix}"
        assert main(["riff", "--from", file, "--out", f"again-{suffix}"]) == 0
        assert (home / f"again-{suffix}/third-3.png").read_bytes() == wanted


def alone(home: Path, file: str, suffix: str = "png") -> Path:
    """A clip's file in a folder of its own, and everything else out of sight."""
    lonely = home / "lonely"
    lonely.mkdir()
    kept = (home / file).with_suffix(f".{suffix}").rename(lonely / f"clip.{suffix}")
    (home / "gone").mkdir()
    for path in list(home.iterdir()):
        if path.name not in ("lonely", "gone", "seeds"):
            path.rename(home / "gone" / path.name)
    return kept


def replayed(home: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> tuple[bytes, str]:
    """The PNG that a file's replay gives, and what was said meanwhile."""
    capsys.readouterr()
    assert main(["riff", "--from", str(file), "--out", "again"]) == 0
    [png] = (home / "again").glob("*.png")
    return png.read_bytes(), capsys.readouterr().err


def told_in(file: Path) -> str:
    """The recipe in a clip's PNG."""
    text = decode_image(file).recipe
    assert text is not None
    return text


@pytest.mark.parametrize(
    ("command", "loudness"),
    [
        (["remix", "a/first-1.mp3", "second"], "-14"),
        (["remix", "a/first-1.mp3", "second", "--loop"], "-20"),
        (["riff", "second", "--seed-image", "a/first-1.mp3"], "-14"),
    ],
)
def test_what_starts_from_a_clips_sound_is_made_again_from_its_file_alone(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    loudness: str,
) -> None:
    """It starts from the picture of the sound, which is not the clip's own."""
    monkeypatch.setenv("RIFFBOT_LOUDNESS_LUFS", loudness)
    assert main(["riff", "first", "--seed", "1", "--out", "a"]) == 0
    assert main([*command, "--seed", "2", "--denoising", "0.2", "--out", "b"]) == 0
    [source] = (home / "b/sources").iterdir()
    assert not np.array_equal(pixels(source), pixels(home / "a/first-1.png"))
    kept = alone(home, "b/second-2.png")
    assert replayed(home, kept, capsys) == (kept.read_bytes(), "")


@pytest.mark.parametrize(
    ("kind", "loop"),
    [("wav", []), ("wav", ["--loop"]), ("mp3", []), ("mp3", ["--loop"]), ("flac", []), ("ogg", [])],
)
def test_a_sound_that_was_converted_is_made_again_too(
    home: Path, capsys: pytest.CaptureFixture[str], kind: str, loop: list[str]
) -> None:
    assert main(["riff", "first", "--seed", "1", "--out", "a"]) == 0
    assert main(["image-to-audio", "a/first-1.png", f"sound.{kind}", *loop]) == 0
    remix = ["remix", f"sound.{kind}", "second", "--seed", "2", "--denoising", "0.2"]
    assert main([*remix, "--out", "b"]) == 0
    kept = alone(home, "b/second-2.png")
    assert replayed(home, kept, capsys) == (kept.read_bytes(), "")


@pytest.mark.parametrize("loop", [[], ["--loop"]])
def test_a_picture_of_a_clips_sound_knows_that_it_is_one(
    home: Path, capsys: pytest.CaptureFixture[str], loop: list[str]
) -> None:
    assert main(["riff", "first", "--seed", "1", "--out", "a"]) == 0
    assert main(["audio-to-image", "a/first-1.mp3", "sound.png", *loop]) == 0
    remix = ["remix", "sound.png", "second", "--seed", "2", "--denoising", "0.2", "--out", "b"]
    assert main(remix) == 0
    assert main(["riff", "--from", "sound.png", "--out", "c"]) == 0
    assert "taken of a clip's sound; this is the clip itself" in capsys.readouterr().err
    assert (home / "c/first-1.png").read_bytes() == (home / "a/first-1.png").read_bytes()
    kept = alone(home, "b/second-2.png")
    assert replayed(home, kept, capsys) == (kept.read_bytes(), "")


@pytest.mark.parametrize("loop", [False, True])
def test_a_recipe_that_does_not_tell_of_the_sound_is_followed_all_the_same(
    home: Path, capsys: pytest.CaptureFixture[str], loop: bool
) -> None:
    """Earlier versions recorded the clip's own recipe for the picture of its sound."""
    assert main(["riff", "first", "--seed", "1", "--out", "a"]) == 0
    sound = read(home / "a/first-1.mp3")
    picture = audio_to_image(sound.samples, sound.sample_rate, loop=loop)
    recipe = told_in(home / "a/first-1.png")
    (home / "sound.png").write_bytes(encode_png(picture, recipe=recipe))
    remix = ["remix", "sound.png", "second", "--seed", "2", "--denoising", "0.2", "--out", "b"]
    assert main(remix) == 0
    assert '"sound"' not in told_in(home / "b/second-2.png")
    kept = alone(home, "b/second-2.png")
    assert replayed(home, kept, capsys) == (kept.read_bytes(), "")


@pytest.mark.parametrize("suffix", ["png", "mp3"])
def test_a_source_that_comes_out_differently_is_told(
    home: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    assert main(["riff", "first", "--seed", "1", "--out", "a"]) == 0
    first = decode_image(home / "a/first-1.png")
    brushed = first.pixels.copy()
    brushed[100:200] = 0
    (home / "a/first-1.png").write_bytes(encode_png(brushed, recipe=first.recipe))
    remix = ["remix", "a/first-1.png", "second", "--seed", "2", "--denoising", "0.2", "--out", "b"]
    assert main(remix) == 0
    wanted = (home / "b/second-2.png").read_bytes()
    png, said = replayed(home, alone(home, "b/second-2.png", suffix), capsys)
    assert png != wanted
    assert said.count("\n") == 1
    assert "did not come out the same again (it was changed after its recipe was written" in said


def test_a_sound_that_was_changed_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["riff", "first", "--seed", "1", "--out", "a"]) == 0
    sound = read(home / "a/first-1.mp3")
    louder = sound.samples * np.linspace(0, 1, len(sound.samples), dtype=np.float32)
    recipe = told_in(home / "a/first-1.png")
    changed = encode(louder, sound.sample_rate, "wav", tags={"comment": recipe})
    (home / "changed.wav").write_bytes(changed)
    remix = ["remix", "changed.wav", "second", "--seed", "2", "--denoising", "0.2", "--out", "b"]
    assert main(remix) == 0
    kept = alone(home, "b/second-2.png")
    png, said = replayed(home, kept, capsys)
    assert png != kept.read_bytes()
    assert said.count("\n") == 1
    assert "taken of a sound file that I cannot make again to the byte" in said


def test_a_source_of_other_weights_is_told(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["riff", "first", "--seed", "1", "--out", "a"]) == 0
    other = tiny_embedded_model(home / "other", steps=2, seed=1)
    with monkeypatch.context() as patch:
        patch.setenv("RIFFBOT_MODEL", str(other))
        remix = ["remix", "a/first-1.mp3", "second", "--seed", "2", "--denoising", "0.2"]
        assert main([*remix, "--out", "b"]) == 0
        kept = alone(home, "b/second-2.png")
        patch.setenv("RIFFBOT_MODEL", str(home / "gone/other"))
        png, said = replayed(home, kept, capsys)
    assert png != kept.read_bytes()
    assert "did not come out the same again (other weights made it)" in said


def test_a_part_of_a_clip_is_told_from_the_whole(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["riff", "first", "--seed", "1", "--out", "a"]) == 0
    first = decode_image(home / "a/first-1.png")
    part = encode_png(first.pixels[:, :64], recipe=crop_recipe(first.recipe, 0, 64))
    (home / "part.png").write_bytes(part)
    png, said = replayed(home, home / "part.png", capsys)
    assert png == (home / "a/first-1.png").read_bytes()
    assert "That file holds a part of a clip; this is the whole clip." in said


def test_a_field_named_like_a_python_word_is_one_bad_line(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "odd.jsonl").write_text('{"prompt": "x", "cls": 1}\n')
    assert main(["riff", "--batch", "odd.jsonl"]) == 2
    assert "cls" in one_line(capsys)


def test_a_batch_is_read_whatever_editor_saved_it(home: Path) -> None:
    lines = [
        {"prompt": "one", "seed": 1},
        {"prompt": "a\u2028b\u0085c", "seed": 2},
        {"prompt": "three", "seed": 3},
    ]
    text = "\r\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    for encoding in ("utf-8-sig", "utf-16"):
        (home / "batch.jsonl").write_bytes(text.encode(encoding))
        assert main(["riff", "--batch", "batch.jsonl", "--out", encoding]) == 0
        written = [json.loads((home / encoding / f"000{n}.json").read_text()) for n in (1, 2, 3)]
        assert [clip["request"]["prompt"] for clip in written] == [line["prompt"] for line in lines]


def test_a_batch_in_another_encoding_is_one_sentence(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "old.jsonl").write_bytes('{"prompt": "Ärger"}'.encode("latin-1"))
    assert main(["riff", "--batch", "old.jsonl"]) == 2
    assert "“old.jsonl” is no text file in UTF-8" in one_line(capsys)
    piped = io.TextIOWrapper(io.BytesIO(b"caf\xe9"), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", piped)
    assert main(["riff", "--batch", "-"]) == 2
    assert "“standard input” is no text file in UTF-8" in one_line(capsys)


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


def test_no_clip_overwrites_another_unless_told(
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


def test_a_second_batch_leaves_the_first_alone(home: Path) -> None:
    for prompt in ("one", "two"):
        (home / "batch.jsonl").write_text(f'{{"prompt": "{prompt}", "seed": 1}}')
        assert main(["riff", "--batch", "batch.jsonl", "--out", "out"]) == 0
    written = [json.loads((home / f"out/{n}.json").read_text()) for n in ("0001", "0001-2")]
    assert [clip["request"]["prompt"] for clip in written] == ["one", "two"]


def test_a_png_of_an_earlier_version_replays_to_the_byte(home: Path) -> None:
    assert main(["riff", "rain", "--seed", "7", "--out", "a"]) == 0
    now = decode_image(home / "a/rain-7.png")
    older = encode_png(now.pixels, recipe=now.recipe, retired_tag=True)
    (home / "a/rain-7.png").write_bytes(older)
    assert main(["riff", "--from", "a/rain-7.png", "--out", "b"]) == 0
    assert (home / "b/rain-7.png").read_bytes() == older
    assert (home / "b/rain-7.mp3").read_bytes() == (home / "a/rain-7.mp3").read_bytes()
    assert main(["riff", "--from", "a/rain-7.png", "--out", "a"]) == 0, "onto itself"
    assert len(list((home / "a").iterdir())) == 3
