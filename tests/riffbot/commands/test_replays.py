"""Clips that are made again from their files: `riffbot riff --from`."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio.codec import audio_to_image
from audio.files import encode, read
from audio.image import decode_image, encode_png
from riffbot.cli import main
from riffbot.clips.recipes import crop_recipe
from tests.riffbot.commands.answers import one_line, pixels
from tests.support.tiny_models import tiny_embedded_model


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


def recipe_in(file: Path) -> str:
    """The recipe in a clip's PNG."""
    text = decode_image(file).recipe
    assert text is not None
    return text


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


def test_a_lost_seed_image_is_reported(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "photo.png").write_bytes(encode_png(np.full((512, 64), 99, np.uint8)))
    assert main(["riff", "x", "--seed", "1", "--seed-image", "photo.png", "--out", "a"]) == 0
    (home / "a/x-1.json").rename(home / "x.json")
    capsys.readouterr()
    assert main(["riff", "--from", "x.json", "--out", "b"]) == 2
    assert "seed image" in one_line(capsys)


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
def test_a_recipe_that_does_not_name_the_sound_is_followed_all_the_same(
    home: Path, capsys: pytest.CaptureFixture[str], loop: bool
) -> None:
    """Earlier versions recorded the clip's own recipe for the picture of its sound."""
    assert main(["riff", "first", "--seed", "1", "--out", "a"]) == 0
    sound = read(home / "a/first-1.mp3")
    picture = audio_to_image(sound.samples, sound.sample_rate, loop=loop)
    recipe = recipe_in(home / "a/first-1.png")
    (home / "sound.png").write_bytes(encode_png(picture, recipe=recipe))
    remix = ["remix", "sound.png", "second", "--seed", "2", "--denoising", "0.2", "--out", "b"]
    assert main(remix) == 0
    assert '"sound"' not in recipe_in(home / "b/second-2.png")
    kept = alone(home, "b/second-2.png")
    assert replayed(home, kept, capsys) == (kept.read_bytes(), "")


@pytest.mark.parametrize("suffix", ["png", "mp3"])
def test_a_source_that_comes_out_differently_is_reported(
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


def test_a_sound_that_was_changed_is_reported(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["riff", "first", "--seed", "1", "--out", "a"]) == 0
    sound = read(home / "a/first-1.mp3")
    louder = sound.samples * np.linspace(0, 1, len(sound.samples), dtype=np.float32)
    recipe = recipe_in(home / "a/first-1.png")
    changed = encode(louder, sound.sample_rate, "wav", tags={"comment": recipe})
    (home / "changed.wav").write_bytes(changed)
    remix = ["remix", "changed.wav", "second", "--seed", "2", "--denoising", "0.2", "--out", "b"]
    assert main(remix) == 0
    kept = alone(home, "b/second-2.png")
    png, said = replayed(home, kept, capsys)
    assert png != kept.read_bytes()
    assert said.count("\n") == 1
    assert "taken of a sound file that I cannot make again to the byte" in said


def test_a_source_of_other_weights_is_reported(
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


def test_a_part_of_a_clip_is_not_taken_for_the_whole(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["riff", "first", "--seed", "1", "--out", "a"]) == 0
    first = decode_image(home / "a/first-1.png")
    part = encode_png(first.pixels[:, :64], recipe=crop_recipe(first.recipe, 0, 64))
    (home / "part.png").write_bytes(part)
    png, said = replayed(home, home / "part.png", capsys)
    assert png == (home / "a/first-1.png").read_bytes()
    assert "That file holds a part of a clip; this is the whole clip." in said


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
