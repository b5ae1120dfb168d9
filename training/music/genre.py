"""What a genre is: the fields of the tables, and progressions that several genres share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Genre:
    """One genre; instruments are keys of `INSTRUMENTS`, empty strings mean the role may rest."""

    names: str
    tempo: tuple[int, int]
    modes: str
    progs: str
    chords: str
    rhythms: str
    leads: str
    styles: str
    bass: str = ""
    lines: str = "roots"
    pads: str = ""
    grooves: str = ""
    kits: str = ""
    scenes: str = ""
    moods: str = ""
    meters: tuple[int, ...] = (4,)
    swing: float = 0.5
    swing16: float = 0.5
    room: str = "room"
    effects: str = ""
    chords_per: int = 4
    weight: float = 1.0
    rhythm_effects: tuple[str, ...] = ()


ROCK = "I IV V IV; I V vi IV; i bVII bVI bVII; I bVII IV I; vi IV I V; I IV I V; i bVI bIII bVII"
POP = "I V vi IV; vi IV I V; I vi IV V; IV V iii vi; I IV vi V; i bVI bIII bVII"
JAZZ = "ii7 V7 Imaj7 vi7; Imaj7 vi7 ii7 V7; iii7 VI7 ii7 V7; iim7b5 V7 im7 im7; im7 iv7 im7 V7"
DARK = "i bVI bVII i; i i bVI bVII; i bII i bVII; i iv bVI V; i bVI iv V"
CLASSIC = "I IV V I; I V vi iii; i iv V i; I vi IV V; I V I V7; i V i iv; I ii V I; vi ii V I"
BLUES = "I7 IV7 I7 V7; I7 I7 IV7 I7; I7 IV7 V7 I7"
FUNK = "i7 i7 iv7 i7; I9 I9 IV9 I9; i7 IV7 i7 IV7; im9 IV13 im9 IV13"
HOUSE = "im7 bVImaj7 bIIImaj7 bVII; im9 iv9 im9 v7; i bVI iv v; im7 im7 ivm7 ivm7"
EAST = "I I bII I; I bII I bvii; I iv I bII; i i bII i; I I iv I"
FOLK = "I IV I V; I V IV I; i bVII i bVII; I vi IV V; i bVII bVI bVII; I I V I"
