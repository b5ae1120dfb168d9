"""Keys and chords: what they are, how people write them, and which chord sounds at which beat.

    notes          names of pitch classes
    keys           `Key`: a tonic and a mode
    chords         `Chord`: its notes and its bass, from a name such as Am7 or G/B
    numerals       chords by their degree in a key, such as ii7 or V7/V
    progressions   `Progression`: the chords of each measure as a person writes them
    values         `Harmony`: a key and the chords of every beat
    prompts        what the words of a prompt say about both

Nothing here imports anything heavy; the table of chords (pychord) is loaded with the first chord.
"""

from riffbot.harmony.chords import Chord
from riffbot.harmony.keys import MODES, Key, Mode
from riffbot.harmony.progressions import Progression
from riffbot.harmony.values import Harmony, HarmonyError, Measure

__all__ = [
    "MODES",
    "Chord",
    "Harmony",
    "HarmonyError",
    "Key",
    "Measure",
    "Mode",
    "Progression",
]
