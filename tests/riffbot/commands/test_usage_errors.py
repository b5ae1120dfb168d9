"""Exit codes, and one sentence for everything that is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from audio.image import encode_png
from riffbot.cli import main
from tests.riffbot.commands.answers import one_line

BAD = {
    "a member": (["privacy", "export", "me.zip", "--member", "9" * 23], "id of a member"),
    "an empty prompt": (["riff", ""], "empty"),
    "no prompt": (["riff"], "riffbot riff"),
    "denoising": (["riff", "x", "--denoising", "1.7"], "Denoising must be 1 or less, not 1.7"),
    "not a number": (["riff", "x", "--guidance", "nan"], "finite"),
    "steps": (["riff", "x", "--steps", "abc"], "whole number"),
    "seed": (["riff", "x", "--seed", "-1"], "Seed"),
    "count": (["riff", "x", "--count", "0"], "--count"),
    "weights": (["riff", "(x:1e9)"], "weight"),
    "weights in the negative": (["riff", "x", "--negative", "(x:nan)"], "weight"),
    "an unknown seed image": (["riff", "x", "--seed-image", "no_such"], "no_such"),
    "a name too long": (["riff", "x", "--seed-image", "x" * 5000], "seed image"),
    "an unknown scheduler": (["riff", "x", "--scheduler", "magic"], "magic"),
    "a width": (["riff", "x", "--width", "65"], "multiple of 16"),
    "a PNG that is none": (["riff", "x", "--seed-image", "fake.png"], "no picture"),
    "a huge PNG": (["riff", "x", "--seed-image", "huge.png"], "too large"),
    "a photograph": (["riff", "x", "--seed-image", "photo.png"], "512"),
    "an empty file": (["remix", "empty.wav", "x"], "empty"),
    "an empty sound": (["remix", "silent.wav", "x"], "no sound"),
    "a short sound": (["remix", "short.wav", "x"], "0.64"),
    "a folder": (["remix", ".", "x"], "folder"),
    "a missing file": (["remix", "nowhere.png", "x"], "no file"),
    "an unknown riff": (["remix", "rjvyj94emv3k", "x"], "library"),
    "a bad recipe": (["riff", "--from", "fake.png"], "no picture"),
    "a picture without one": (["riff", "--from", "photo.png"], "recipe"),
    "a missing batch": (["riff", "--batch", "nowhere.jsonl"], "no file"),
    "a batch with options": (["riff", "--batch", "fake.png", "--seed", "1"], "--batch"),
    "an out that is a file": (["riff", "x", "--out", "fake.png"], "file"),
    "a region": (["inpaint", "ok.png", "x", "--from", "2", "--to", "1"], "no stretch"),
    "a band": (["inpaint", "ok.png", "x", "--from", "0", "--to", "1", "--low", "1e6"], "band"),
    "a bar that is none": (["inpaint", "ok.png", "x", "--where", "bar 2"], "tempo"),
    "nowhere": (["inpaint", "ok.png", "x", "--where", "left"], "bar 2"),
    "no place at all": (["inpaint", "ok.png", "x"], "which part"),
    "two places": (["inpaint", "ok.png", "x", "--from", "0", "--where", "all"], "once"),
    "no length": (["extend", "ok.png"], "--seconds"),
    "a length that is none": (["extend", "ok.png", "--seconds", "1"], "already"),
    "an endless song": (["extend", "ok.png", "--seconds", "1e5"], "6 minutes"),
    "a drawing that is a sound": (["draw", "short.wav"], "remix"),
    "a plain drawing": (["draw", "photo.png"], "plain"),
    "too few clips": (["morph", "a", "b", "--clips", "1"], "--clips"),
    "an unknown sound format": (["image-to-audio", "ok.png", "x.avi"], ".wav"),
    "a photograph to hear": (["image-to-audio", "photo.png", "x.wav"], "512"),
    "a picture to nowhere": (["audio-to-image", "short.wav", "no/x.png"], "folder"),
    "an unknown command": (["sing"], "sing"),
    "an unknown option": (["riff", "x", "--loud"], "--loud"),
    "an abbreviated option": (["riff", "x", "--den", "1"], "--den"),
    "a port": (["--port", "70000"], "--port"),
    "an unknown bench": (["bench", "speed"], "speed"),
}


@pytest.fixture
def bad_files(home: Path) -> None:
    (home / "fake.png").write_text("this is no picture")
    (home / "empty.wav").write_bytes(b"")
    Image.new("1", (20000, 20000)).save(home / "huge.png")
    Image.new("RGB", (640, 480)).save(home / "photo.png")
    soundfile.write(home / "silent.wav", np.zeros(0), 44100)
    soundfile.write(home / "short.wav", np.zeros(4410), 44100)
    (home / "ok.png").write_bytes(encode_png(np.full((512, 128), 99, np.uint8)))


@pytest.mark.usefixtures("bad_files")
@pytest.mark.parametrize(("words", "expected"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_one_sentence_and_exit_code_2(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert expected in one_line(capsys)


@pytest.mark.parametrize(
    "words", [["riff", "x", "--model", "nowhere"], ["riff", "x", "--out", "f/a"]]
)
def test_what_fails_is_one_sentence_and_exit_code_1(
    home: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "f").write_text("a file where a folder is needed")
    assert main(words) == 1
    one_line(capsys)
