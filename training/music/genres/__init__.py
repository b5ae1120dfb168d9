"""The genres as data: tempo, meter, grooves, line-up, harmony, and where such music is heard.

One table of the TOML files beside this module is one `Genre`. An entry of `progressions` that is
the name of a row of `progressions.toml` stands for all progressions of that row.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from training.music.genre import Genre

__all__ = ["GENRES", "Genre", "load_genres"]

_FILES = ("band", "world", "concert", "occasions")
"""In this order, which the composer's draws depend on."""


def _read(folder: Path, name: str) -> dict[str, Any]:
    return tomllib.loads((folder / f"{name}.toml").read_text("utf-8"))


def load_genres(folder: Path) -> dict[str, Genre]:
    """All genres of a folder, by key, in the order of the files.

    Raises:
        ValueError: a file is no TOML, a field is missing, misspelt or of the wrong type (pydantic
            names it), or two tables have one key.
    """
    shared: dict[str, list[str]] = _read(folder, "progressions")
    genres: dict[str, Genre] = {}
    for file in _FILES:
        for key, table in _read(folder, file).items():
            if key in genres:
                raise ValueError(f"{file}.toml: there are two genres called {key}")
            listed = table.get("progressions", [])
            table["progressions"] = [row for name in listed for row in shared.get(name, [name])]
            genres[key] = Genre.model_validate(table)
    return genres


GENRES = load_genres(Path(__file__).parent)
"""Keyed by a short name that shards and captions use."""
