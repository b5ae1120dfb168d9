"""Keys and chords: what they are, how people write them, and which chord sounds at which beat.

    notes          names of pitch classes
    keys           `Key`: a tonic and a mode
    chords         `Chord`: its notes and its bass, from a name such as Am7 or G/B
    numerals       chords by their degree in a key, such as ii7 or V7/V
    progressions   `Progression`: the chords of each measure as a person writes them
    values         `Harmony`: a key and the chords of every beat
    layout         `ChordLayout`: the chords of a picture that lies in longer music
    texts          `HarmonyText`: both as text, and what stays when something new is said
    suggestions    common keys and progressions, as people are offered them
    prompts        what the words of a prompt say about both

Nothing here imports anything heavy; the table of chords (pychord) is loaded with the first chord.
"""

from riffbot.harmony.chords import Chord
from riffbot.harmony.keys import MODES, Key, Mode
from riffbot.harmony.layout import ChordLayout
from riffbot.harmony.progressions import Progression
from riffbot.harmony.prompts import find_harmony
from riffbot.harmony.texts import ANY, NO_HARMONY, HarmonyText
from riffbot.harmony.values import Harmony, HarmonyError, Measure

__all__ = [
    "ANY",
    "MODES",
    "NO_HARMONY",
    "Chord",
    "ChordLayout",
    "Harmony",
    "HarmonyError",
    "HarmonyText",
    "Key",
    "Measure",
    "Mode",
    "Progression",
    "find_harmony",
]
