"""What a genre is: one table of `training/music/genres/*.toml`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Options = Annotated[tuple[str, ...], Field(strict=False)]
"""Alternatives to draw from, each as likely as the next; a repeated one is likelier."""


class Genre(BaseModel):
    """A style of music that the composer can write.

    Attributes:
        names: what people call it; captions use them.
        tempo: lowest and highest, in beats per minute.
        modes: scales (`harmony.SCALES`).
        progressions: chord symbols, separated by blanks.
        chords, leads, bass, pads: keys of `INSTRUMENTS` that may play the role. The empty string
            is a rest; an empty tuple means that nobody plays it.
        fills: who answers the lead in the second half of each measure, or leads where nobody does.
        always: roles that never rest in this genre, because it is known by them.
        rhythms: of the chords (`backing.RHYTHMS`, `guitar.STROKES`).
        styles: of the lead line (`melody`, `solos`).
        lines: of the bass (`backing`).
        grooves: of the drums (`grooves.GROOVES`); the empty string is a clip without drums.
        kits: drum kits (`instruments.KITS`).
        scenes, moods: words for captions: where such music is heard, and how it feels.
        meters: beats a measure.
        swing, swing16: where the second eighth or sixteenth falls, see `clock.Clock`.
        room: the reverberation.
        effects: on the whole clip; the empty string is none.
        chords_per: chords a progression.
        weight: how often the genre is drawn, relative to the others.
        rhythm_effects: `drone` adds a tanpura.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    names: Options
    tempo: Annotated[tuple[int, int], Field(strict=False)]
    modes: Options
    progressions: Options
    chords: Options
    rhythms: Options
    leads: Options
    styles: Options
    bass: Options = ()
    lines: Options = ("roots",)
    pads: Options = ()
    fills: Options = ()
    always: Options = ()
    grooves: Options = ()
    kits: Options = ()
    scenes: Options = ()
    moods: Options = ()
    meters: Annotated[tuple[int, ...], Field(strict=False)] = (4,)
    swing: float = 0.5
    swing16: float = 0.5
    room: str = "room"
    effects: Options = ()
    chords_per: int = 4
    weight: float = 1.0
    rhythm_effects: Options = ()
