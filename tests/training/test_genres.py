"""The genres' tables: read from TOML, and what they name exists."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from training.music import INSTRUMENTS, genres
from training.music.backing import RHYTHMS
from training.music.genres import GENRES, load_genres
from training.music.grooves import GROOVES
from training.music.guitar import STROKES
from training.music.instruments import KITS


def test_whatever_a_genre_names_exists() -> None:
    for name, genre in GENRES.items():
        players = {*genre.chords, *genre.leads, *genre.bass, *genre.pads, *genre.fills} - {""}
        assert players <= set(INSTRUMENTS), name
        assert set(genre.grooves) - {""} <= set(GROOVES), name
        assert set(genre.kits) <= set(KITS), name
        assert set(genre.rhythms) <= set(RHYTHMS) | set(STROKES), name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in Path(genres.__file__).parent.glob("*.toml"):
        shutil.copy(path, tmp_path)
    return tmp_path


def test_a_misspelt_field_is_named(folder: Path) -> None:
    path = folder / "band.toml"
    path.write_text(path.read_text("utf-8").replace("tempo = ", "tmepo = ", 1), "utf-8")
    with pytest.raises(ValidationError, match="tmepo"):
        load_genres(folder)


def test_two_genres_of_one_key_are_refused(folder: Path) -> None:
    shutil.copy(folder / "band.toml", folder / "world.toml")
    with pytest.raises(ValueError, match="two genres called rock"):
        load_genres(folder)
