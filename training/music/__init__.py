"""The composer: `compose(rng)` gives one looping clip of music as plain data."""

from training.music.arranger import compose
from training.music.instruments import INSTRUMENTS
from training.music.piece import Piece

__all__ = ["INSTRUMENTS", "Piece", "compose"]
