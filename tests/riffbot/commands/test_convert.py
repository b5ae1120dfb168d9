"""Pictures to sounds and back from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio.files import read, read_tags
from audio.image import encode_png
from audio.params import SpectrogramParams
from riffbot.cli import main
from tests.audio.test_damage import damaged, flac, music
from tests.audio.test_files import wav
from tests.audio.test_regrid import as_riffusion
from tests.riffbot.commands.answers import one_line, pixels
from tests.support.containers import muxed


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


def test_a_20_khz_picture_of_riffusion_plays_its_own_pitch(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params = SpectrogramParams(hop_length=882, min_frequency=10, max_frequency=20000)
    tone = np.sin(2 * np.pi * 1000 * np.arange(44100) / 44100).astype(np.float32)
    (home / "20k.png").write_bytes(encode_png(as_riffusion(tone, params), params=params))
    assert main(["image-to-audio", "20k.png", "20k.wav"]) == 0
    sound = read(home / "20k.wav")
    assert sound.seconds == pytest.approx(1, abs=0.05)
    spectrum = np.abs(np.fft.rfft(sound.samples))
    assert spectrum.argmax() / sound.seconds == pytest.approx(1000, abs=3)
    assert "I converted it" in capsys.readouterr().err
    assert main(["remix", "20k.png", "x", "--seed", "1", "--denoising", "0"]) == 0
    assert pixels(home / "x-1.png").shape == (512, 102)


def test_outputs_that_are_named_are_not_overwritten_unless_asked(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "x.png").write_bytes(encode_png(np.full((512, 64), 99, np.uint8)))
    (home / "x.wav").write_bytes(b"precious")
    assert main(["image-to-audio", "x.png", "x.wav"]) == 2
    assert "“x.wav” is there already: name another file, or say --overwrite." in one_line(capsys)
    assert (home / "x.wav").read_bytes() == b"precious"
    assert main(["image-to-audio", "x.png", "x.wav", "--overwrite"]) == 0
    assert main(["audio-to-image", "x.wav", "x.png"]) == 2
    assert "--overwrite" in one_line(capsys)
    assert main(["audio-to-image", "x.wav", "x.png", "--overwrite"]) == 0
    assert main(["jam", "x", "--seconds", "1", "--out", "x.wav"]) == 2
    assert "--overwrite" in one_line(capsys)


def test_what_is_no_spectrogram_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "x.svg").write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    assert main(["image-to-audio", "x.svg", "x.wav"]) == 2
    assert "SVG drawing" in one_line(capsys)
    assert main(["draw", "x.svg"]) == 2
    assert "SVG drawing" in one_line(capsys)


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("flv.flv", lambda: muxed("flv", "aac")),
        ("mpeg.mpg", lambda: muxed("mpeg", "mp2", 48000)),
        ("vob.mp3", lambda: muxed("vob", "ac3", 48000)),
        ("sphere.sph", lambda: wav(music(1.0), 44100, "PCM_16", "NIST")),
    ],
)
def test_containers_that_once_crashed_and_sounds_without_tags_are_seen(
    kind: str, make: Callable[[], bytes], home: Path
) -> None:
    (home / kind).write_bytes(make())
    assert main(["audio-to-image", kind, "seen.png"]) == 0
    assert pixels(home / "seen.png").shape[1] == pytest.approx(100, abs=8)


def test_what_was_lost_is_said_on_the_command_line(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "hurt.flac").write_bytes(damaged(flac(music()), 0.3))
    assert main(["audio-to-image", "hurt.flac", "seen.png"]) == 0
    out, err = capsys.readouterr()
    assert "2.00 s" in out
    assert "damaged" in err
    assert main(["audio-to-image", "hurt.flac", "json.png", "--json"]) == 0
    (note,) = json.loads(capsys.readouterr().out)["notes"]
    assert "damaged" in note

    monkeypatch.setattr("riffbot.commands.convert.MAX_SECONDS", 120.0)
    hum = (np.sin(np.arange(8000 * 121) * 0.1) * 9000).astype(np.int16)
    soundfile.write(home / "long.flac", hum, 8000)
    assert main(["audio-to-image", "long.flac", "long.png", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["seconds"] == 120
    assert "only its first 2 minutes were read" in said["notes"][0]


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no such device")
@pytest.mark.parametrize("command", ["audio-to-image", "image-to-audio"])
def test_an_endless_device_is_refused_at_once(
    command: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = "x.png" if command == "audio-to-image" else "x.wav"
    assert main([command, "/dev/zero", out]) == 2
    assert "a device or a pipe" in capsys.readouterr().err
