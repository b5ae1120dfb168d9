"""The sounds that are no notes: their names and where they fit. `training.sounds` makes them."""

from __future__ import annotations

import random

TEXTURES: dict[str, tuple[str, ...]] = {
    "rain": ("rain", "rain falling", "rainfall", "heavy rain", "sound of rain"),
    "thunder": ("thunderstorm", "thunder", "storm with thunder"),
    "wind": ("wind", "howling wind", "wind blowing"),
    "waves": ("ocean waves", "sea waves", "waves on the shore", "the sea"),
    "bells": ("church bells", "bells ringing", "church bells ringing", "bell tower"),
    "typing": ("typing", "typing on a keyboard", "keyboard clicks", "typewriter"),
    "clock": ("clock ticking", "ticking clock", "tick tock"),
    "fire": ("crackling fire", "fireplace", "campfire crackling"),
    "vinyl": ("vinyl crackle", "old record crackle", "record noise"),
    "birds": ("birds singing", "birdsong", "chirping birds", "birds"),
    "crickets": ("crickets", "crickets at night", "summer night insects"),
    "applause": ("applause", "clapping crowd", "audience applause"),
    "heartbeat": ("heartbeat", "beating heart"),
    "footsteps": ("footsteps", "someone walking", "steps on gravel"),
    "riser": ("noise riser", "white noise sweep", "build-up riser"),
    "laser": ("laser sounds", "sci-fi laser zaps", "8-bit sound effects", "space lasers"),
    "static": ("radio static", "white noise", "tv static"),
    "water": ("stream", "running water", "babbling brook"),
}
"""Texture -> what people call it."""

_ALONE = {
    "rain": 3.0, "thunder": 1.5, "wind": 1.2, "waves": 1.5, "bells": 4.0, "typing": 2.0,
    "clock": 1.2, "fire": 1.0, "vinyl": 0.5, "birds": 1.5, "crickets": 1.0, "applause": 1.0,
    "heartbeat": 1.0, "footsteps": 1.0, "riser": 0.7, "laser": 1.0, "static": 0.7, "water": 1.0,
}  # fmt: skip
_WITH = {
    "lofi": ("rain", "vinyl", "vinyl", "rain", "birds"),
    "ambient": ("rain", "wind", "waves", "birds", "thunder", "water"),
    "newage": ("rain", "birds", "birds", "water", "water", "water"),
    "christmas": ("bells", "fire"),
    "church": ("bells", "bells"),
    "gospel": ("applause", "bells"),
    "techno": ("riser", "laser"),
    "trance": ("riser",),
    "folk": ("fire", "birds", "crickets"),
    "jazz": ("rain", "applause"),
    "chiptune": ("laser",),
}


def pick_texture(rng: random.Random, *, alone: bool = False, genre: str = "") -> str:
    """A texture to stand alone, or one that goes with a genre."""
    if alone:
        return rng.choices(list(_ALONE), list(_ALONE.values()))[0]
    return rng.choice(_WITH.get(genre, ("rain", "rain", "vinyl", "waves", "bells")))
