"""Wider wordings, read from `caption_wider.toml`: other names for genres, players and sounds."""

from __future__ import annotations

import tomllib
from pathlib import Path

_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def _names(text: str) -> tuple[str, ...]:
    return tuple(" ".join(name.split()) for name in text.split(";") if name.strip())


def _table(name: str) -> dict[str, tuple[str, ...]]:
    return {key: _names(text) for key, text in _TABLES[name].items()}


GENRES, PLAYERS, TEXTURES = _table("genres"), _table("players"), _table("textures")
"""Key of a genre, an instrument or a sound -> what else people call it."""

DRUMMERS, ANYTHING = _names(_TABLES["around"]["drummers"]), _names(_TABLES["around"]["anything"])
"""Who drums; what is put around anything at all, with {x} for it and {m} for a mood."""

PICTURES = _names(_TABLES["around"]["pictures"])
"""What music is likened to, a sea or a storm that is not heard, with {x} for the music."""
