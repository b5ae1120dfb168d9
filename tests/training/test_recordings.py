"""Recorded strums and drums: found by name, left out where they are not installed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from training import kits, strums
from training.kits import KitSet, find_set, render_set
from training.music.piece import Note, Strum
from training.strums import render_strums


@pytest.fixture
def recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of strums: a tone of its own for each chord, louder where it is struck harder."""
    for name, hertz in (("Amajor", 220.0), ("Eminor", 330.0), ("Asharp minro7b5", 466.0)):
        for way in ("DOWN", "UP"):
            for force in range(4):
                time = np.arange(2000) / 8000
                tone = np.sin(2 * np.pi * hertz * time) * (0.8 - 0.2 * force)
                soundfile.write(tmp_path / f"{name}_{way}_0{force}.flac", tone, 8000)
    monkeypatch.setenv("RIFFBOT_STRUMS", str(tmp_path))
    strums.library.cache_clear()
    yield tmp_path
    strums.library.cache_clear()


def _strum(root: int, quality: str, velocity: int = 100) -> Strum:
    return Strum(0.1, 0.2, root, quality, "down", velocity)


def test_strums_are_found_by_what_they_are_called(recordings: Path) -> None:
    held = strums.library()
    assert (9, "major", "down", 0) in held
    assert (4, "minor", "up", 3) in held
    assert (10, "m7b5", "down", 2) in held


def test_a_strum_sounds_where_it_is_struck_and_as_hard(recordings: Path) -> None:
    loud = render_strums((_strum(9, "major", 120),), 44_100)
    soft = render_strums((_strum(9, "major", 50),), 44_100)
    assert loud is not None
    assert soft is not None
    assert not loud[:4400].any()
    assert np.abs(loud).max() > 2 * np.abs(soft).max() > 0


def test_a_chord_that_was_not_recorded_is_a_neighbour_retuned(recordings: Path) -> None:
    sound = render_strums((_strum(10, "major"),), 44_100)
    assert sound is not None
    spectrum = np.abs(np.fft.rfft(sound))
    assert np.argmax(spectrum) == pytest.approx(220 * 2 ** (1 / 12), abs=3)
    assert render_strums((_strum(3, "major"),), 44_100) is None


def test_without_recordings_there_are_no_strums(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIFFBOT_STRUMS", str(tmp_path / "nothing"))
    strums.library.cache_clear()
    assert render_strums((_strum(9, "major"),), 44_100) is None
    strums.library.cache_clear()


def test_every_drum_of_a_set_sounds_and_the_others_do_not(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "boom.flac", np.linspace(0.5, 0, 400), 44_100)
    soundfile.write(tmp_path / "soft.flac", np.linspace(-0.5, 0, 400), 44_100)
    row = KitSet(folder="x", kits=("standard",), sounds={36: ("soft", "boom")})
    hard = render_set(tmp_path, row, (Note(0.1, 0.1, 36, 118), Note(0.2, 0.1, 38, 118)), 44_100)
    assert hard[4410] > 1
    assert not hard[8820:].any()
    assert render_set(tmp_path, row, (Note(0.1, 0.1, 36, 40),), 44_100)[4410] < 0


def test_kits_whose_package_is_missing_are_played_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kits, "sets", lambda: ())
    assert all(find_set("machine", number) is None for number in range(8))


def test_every_package_that_is_installed_has_its_licence_told() -> None:
    folder = Path(kits.__file__).parent
    script = (folder / "install_sources.sh").read_text("utf-8")
    packages = re.findall(r"^  ([a-z][a-z0-9.-]+)=[0-9]", script, re.MULTILINE)
    told = (folder / "SOURCES.md").read_text("utf-8")
    assert len(packages) == 6
    for package in packages:
        assert package in told or package == "libfluidsynth3", package
