"""How loud each role is, in a band and in each genre's taste."""

from __future__ import annotations

LEVELS = {
    "solo": 0.0,
    "lead": 0.0,
    "fill": -3.0,
    "chords": -4.0,
    "bass": -3.0,
    "drums": -2.0,
    "pad": -9.0,
}
"""Loudness of each role against the lead, in decibels of the loudest quarter of the time."""

_TASTES: tuple[tuple[str, dict[str, float]], ...] = (
    (
        "hiphop trap lofi rnb dancehall dubstep",
        {"drums": 5.0, "bass": 2.0, "lead": -4.0, "chords": -4.0},
    ),
    (
        "house disco trance techno dnb electro synthwave",
        {"drums": 3.0, "bass": 1.0, "lead": -2.5, "chords": -0.5, "pad": 1.0},
    ),
    ("metal punk rock", {"drums": 2.0, "chords": 2.0}),
    ("ambient newage", {"pad": 5.0, "chords": 2.0, "lead": -3.0}),
    ("opera gospel church", {"lead": 2.0, "chords": -2.0}),
    ("country folk bluegrass blues", {"chords": 1.5, "lead": -1.0}),
    ("orchestral", {"lead": -2.0, "chords": 2.0, "pad": 3.0}),
    ("classical", {"lead": -1.0, "chords": 2.0}),
    ("soul", {"drums": 4.0, "bass": 1.5, "lead": -2.0, "chords": -1.0}),
    ("funk", {"bass": 2.5, "drums": 2.0, "chords": 1.0, "lead": -2.0}),
)

BALANCE: dict[str, dict[str, float]] = {
    name: taste for names, taste in _TASTES for name in names.split()
}
"""Decibels by which a genre moves its roles: beats are mixed loud where the beat is the song."""
