"""Common keys and progressions, as people are offered them while they type."""

from __future__ import annotations

from typing import NamedTuple

from riffbot.harmony.errors import HarmonyError
from riffbot.harmony.keys import MODES, Key
from riffbot.harmony.progressions import Progression
from riffbot.harmony.values import Harmony

_KEYS = (
    "C major", "A minor", "G major", "E minor", "D major", "B minor", "F major", "D minor",
    "Bb major", "G minor", "A major", "F# minor", "E major", "C# minor", "Eb major", "C minor",
    "Ab major", "F minor", "B major", "G# minor", "Db major", "Bb minor", "F# major", "Eb minor",
)  # fmt: skip
"""Keys, the most common first."""

_MAJOR = (
    ("I V vi IV", "pop"),
    ("vi IV I V", "pop ballad"),
    ("I vi IV V", "doo-wop"),
    ("I IV V", "three chords"),
    ("ii7 V7 Imaj7", "jazz"),
    ("Imaj7 vi7 ii7 V7", "turnaround"),
    ("IVmaj7 V7 iii7 vi7", "city pop"),
    ("I bVII IV I", "rock"),
    ("I V vi iii IV I IV V", "canon"),
    ("I7 IV7 I7 . IV7 . I7 . V7 IV7 I7 V7", "12-bar blues"),
)
_MINOR = (
    ("i VI III VII", "epic"),
    ("i VII VI V", "Andalusian"),
    ("i iv v", "minor"),
    ("iiø V7 i", "minor jazz"),
    ("i VI iv V", "ballad"),
    ("i iv VII III", "circle of fifths"),
    ("i7 IV7", "dorian vamp"),
    ("i7 i7 i7 i7 iv7 iv7 i7 i7 VI7 V7 i7 V7", "minor blues"),
)
_LONG = 30
"""Characters of numerals that are left out of a label."""
_DEFAULT_KEY = Key(0)


class Suggestion(NamedTuple):
    """A progression that is offered.

    Attributes:
        label: what is shown: its numerals, its chords, what it is known by.
        chords: what is taken for it.
    """

    label: str
    chords: str


def suggest_keys(typed: str) -> list[str]:
    """Keys that begin with what was typed, the most common first; all common ones for nothing.

    A key that is typed in full, such as `d dorian`, comes first in its usual spelling.
    """
    wanted = " ".join(typed.lower().split())
    found = [key for key in _KEYS if key.lower().startswith(wanted)]
    try:
        known = Key.parse(typed)
    except HarmonyError:
        return found
    others = [f"{known.note} {mode}" for mode in MODES]
    return list(dict.fromkeys([known.name, *found, *others]))


def suggest_progressions(typed: str, key: str | None = None) -> list[Suggestion]:
    """Progressions whose label has what was typed in it, with their chords in a key.

    Args:
        key: the key that was chosen; without one they are offered as the chords of C, because
            numerals need a key.
    """
    tonality = _DEFAULT_KEY
    try:
        tonality = Key.parse(key) if key else _DEFAULT_KEY
    except HarmonyError:
        key = None
    wanted = typed.casefold().replace("-", "–").split()
    common = _MAJOR if tonality.is_bright else _MINOR
    offered = [_suggest(text, name, tonality, needs_key=bool(key)) for text, name in common]
    found = [one for one in offered if all(word in one.label.casefold() for word in wanted)]
    return [*_as_typed(typed, key), *found]


def _suggest(text: str, name: str, key: Key, *, needs_key: bool) -> Suggestion:
    chords = Harmony.parse(key.name, text).describe_chords()
    numerals = "–".join(text.split())
    shown = [numerals, name, chords] if len(numerals) < _LONG else [name, chords]
    return Suggestion(" · ".join(shown), text if needs_key else chords)


def _as_typed(typed: str, key: str | None) -> list[Suggestion]:
    """What was typed, if it can be read; its measures show that it was understood."""
    try:
        progression = Progression.parse(typed)
        harmony = Harmony.parse(key, progression.text)
    except HarmonyError:
        return []
    count = len(harmony.measures)
    measures = f"{count} measure{'s' if count > 1 else ''}"
    return [Suggestion(f"{harmony.describe_chords()} · {measures}", progression.text)]
