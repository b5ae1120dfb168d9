"""Pictures to sounds and back from the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio.files import read, read_tags
from audio.image import encode_png
from riffbot.cli import main
from tests.commands.answers import pixels


def test_sound_and_picture_convert_both_ways(home: Path) -> None:
    tone = np.sin(np.arange(44100) * 2 * np.pi * 1000 / 44100).astype(np.float32) / 3
    soundfile.write(home / "tone.wav", tone, 44100)
    assert main(["audio-to-image", "tone.wav", "tone.png"]) == 0
    assert pixels(home / "tone.png").shape == (512, 100)
    for kind in ("wav", "mp3", "flac", "ogg"):
        assert main(["image-to-audio", "tone.png", f"back.{kind}"]) == 0
        back = read(home / f"back.{kind}")
        assert back.seconds == pytest.approx(1, abs=0.01)
        spectrum = np.abs(np.fft.rfft(back.samples))
        assert spectrum.argmax() / back.seconds == pytest.approx(1000, abs=20)


def test_a_picture_gives_its_recipe_to_its_sound(home: Path) -> None:
    (home / "x.png").write_bytes(encode_png(np.full((512, 64), 99, np.uint8), recipe='{"a": 1}'))
    assert main(["image-to-audio", "x.png", "x.mp3"]) == 0
    assert read_tags(home / "x.mp3")["comment"] == '{"a": 1}'
