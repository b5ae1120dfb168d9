"""The genres' tables: read from TOML, the same as the Python tables that they replaced."""

from __future__ import annotations

import hashlib
import json
import random
import re
import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from training.caption_writer import captions
from training.music import compose, genres
from training.music.genres import GENRES, load_genres

TABLES = "979ca17525aa8b5e6540c549fca7519b1ae5e0da59a2d839f3065aabff846c6d"
"""SHA-256 of the canonical JSON of the 62 tables as they stood in Python."""

KEYS = "521ee945cfe85467591f50f777c7a4db9b10ebd7aa8a177bcc40d56489638022"
"""The same of the list of their keys: their order decides what the composer draws."""

PIECES = "16a78feba48202a3a2103cc3349d8888935a1777e4ce766e3125861e1e57c225"
CAPTIONS = "3f4360158d4d86741e6c25d9ed500e5131e056c4b522e8236500ea0ae9505392"
"""Of what the composer and the caption writer made of the seeds 0 … 299 with those tables."""


def test_the_tables_are_the_ones_that_the_shipped_model_was_trained_with() -> None:
    tables = {name: genre.model_dump(mode="json") for name, genre in GENRES.items()}
    text = json.dumps(tables, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == TABLES
    assert hashlib.sha256(json.dumps(list(GENRES)).encode()).hexdigest() == KEYS


def test_pieces_and_captions_are_the_same() -> None:
    pieces, words = hashlib.sha256(), hashlib.sha256()
    for seed in range(300):
        rng = random.Random(seed)
        piece = compose(rng)
        # Six decimals, because libraries of mathematics differ in the last.
        text = re.sub(r"\d+\.\d+(e-\d+)?", lambda n: f"{float(n[0]):.6f}", repr(piece))
        pieces.update(text.encode())
        words.update(repr(captions(piece, rng, 3)).encode())
        words.update(repr(rng.random()).encode())
    assert pieces.hexdigest() == PIECES
    assert words.hexdigest() == CAPTIONS


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
