"""The genres as data: tempo, meter, grooves, line-up, harmony, and where such music is heard.

Every field that is a string is a list of alternatives, separated by commas (`progs`, `scenes` and
`names` by semicolons, because chords and sentences hold commas or blanks).
"""

from __future__ import annotations

from training.music import genres_band, genres_concert, genres_more, genres_world
from training.music.genre import Genre

__all__ = ["GENRES", "Genre"]

GENRES: dict[str, Genre] = {
    **genres_band.GENRES,
    **genres_world.GENRES,
    **genres_concert.GENRES,
    **genres_more.GENRES,
}
"""Keyed by a short name that shards and captions use."""
