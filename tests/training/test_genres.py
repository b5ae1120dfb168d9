"""The genres' tables: read from TOML."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from training.music import genres
from training.music.genres import load_genres


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
