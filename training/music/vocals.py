"""Voices in front of a band: which genres have them, whose they are, how they are mixed."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from training.music.backing import Segment
from training.music.clock import Clock, Pen
from training.music.frame import pick
from training.music.instruments import INSTRUMENTS
from training.music.mix import LEVELS
from training.music.piece import Track
from training.music.pieces import track_of
from training.music.singing import sing_chords, write_backing, write_rap, write_song

FILL_LEVEL = -7.0
"""Decibels by which an instrument in front steps back for a voice."""

_BACKING_LEVEL = -9.0


class Vocals(BaseModel):
    """How a genre is sung; see `vocals.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    share: Annotated[float, Field(ge=0, le=1)]
    who: dict[str, float]
    phrases: tuple[str, ...]
    level: float = 0.0
    reverb: float = 0.25
    double: float = 0.0
    backing: float = 0.0
    fills: float = 0.0


VOCALS = {
    name: Vocals.model_validate(table)
    for name, table in tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))[
        "genres"
    ].items()
}
"""Genre -> how it is sung."""

_GUESTS = Vocals(
    share=0.05, who={"woman": 3, "man": 2, "rapper": 1}, phrases=("hook", "verse"), fills=0.3
)
"""Singers turn up where they are not expected: "techno with a woman singing" is asked for too."""


def compose_vocals(
    clock: Clock, name: str, parts: list[Segment], *, tonic: int, mode: str
) -> tuple[list[Track], bool]:
    """The voices of a clip, none in some; and whether an instrument plays in front as well."""
    vocals, rng = VOCALS.get(name, _GUESTS), clock.rng
    if rng.random() >= vocals.share:
        return [], True
    who = INSTRUMENTS[rng.choices(list(vocals.who), list(vocals.who.values()))[0]]
    pen = Pen(clock, who.low, who.high)
    phrase = pick(rng, vocals.phrases)
    if who.hand == "rap":
        write_rap(pen, who)
    elif who.hand == "chorus":
        sing_chords(phrase)(pen, who, parts, tonic, mode)
    else:
        write_song(pen, who, parts, tonic=tonic, mode=mode, phrase=phrase)
    effects = ("double",) if rng.random() < vocals.double else ()
    level = LEVELS["lead"] + vocals.level
    tracks = [track_of(pen, "lead", who, level, vocals.reverb, effects=effects)]
    if rng.random() < vocals.backing and who.hand != "chorus":
        oohs = INSTRUMENTS["oohs"]
        pen = Pen(clock, oohs.low, oohs.high)
        write_backing(pen, oohs, parts, tonic)
        tracks.append(track_of(pen, "backing", oohs, level + _BACKING_LEVEL, 0.35))
    return tracks, rng.random() < vocals.fills
