"""Key and chords as the text that is stored, and what of them stays when something new is said."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from riffbot.harmony.chords import Chord
from riffbot.harmony.errors import HarmonyError
from riffbot.harmony.keys import Key
from riffbot.harmony.progressions import Part, Progression
from riffbot.harmony.values import Harmony

ANY = "any"
"""What says that a key or chords that were held until now are left open again."""
_ANY_WORDS = frozenset({ANY, "free", "none", "off", "open"})


class HarmonyText(NamedTuple):
    """A key and a progression as text; None is what is left open.

    Attributes:
        key: see `Key.parse`.
        chords: see `Progression.parse`; numerals are kept as such, so they follow the key.
    """

    key: str | None = None
    chords: str | None = None

    def parse(self) -> Harmony:
        """Read both. Raises HarmonyError."""
        return Harmony.parse(self.key, self.chords)

    def describe(self) -> str:
        """What people read: `key: A minor · Am7 D7 Gmaj7`; empty where both are open.

        Numerals are written as the chords that they are.
        """
        chords = self.chords
        with suppress(HarmonyError):  # text of another version is shown as it is
            chords = self.parse().describe_chords() or None
        if self.key is None:
            return f"chords: {chords}" if chords else ""
        return f"key: {self.key} · {chords}" if chords else f"key: {self.key}"

    def with_prompt(self, words: HarmonyText) -> HarmonyText:
        """Fill what is open with what a prompt says.

        The chords that a prompt names in a key of its own do not come into another key, nor do
        its numerals where `ANY` takes their key away.
        """
        if words.chords is not None and self.key is not None and self.chords is None:
            needs_key = Progression.parse(words.chords).needs_key
            if needs_key if self.key == ANY else not needs_key and self._is_other_key(words.key):
                return self
        return HarmonyText(self.key or words.key, self.chords or words.chords)

    def _is_other_key(self, key: str | None) -> bool:
        assert self.key is not None
        return key is not None and Key.parse(key) != Key.parse(self.key)

    def normalise(self) -> HarmonyText:
        """The same as it is stored now; what cannot be read stays as it is."""
        key, chords = self
        with suppress(HarmonyError):
            key = key and normalise_key(key)
        with suppress(HarmonyError):
            chords = chords and normalise_chords(chords)
        return HarmonyText(key, chords)

    def keep(self, held: HarmonyText) -> HarmonyText:
        """What holds after this was said where `held` was held before.

        A new key takes the chords along, unless they are written by name and it is minor where the
        old one was major or the other way round; new chords by name end a key that they leave.
        `ANY` ends either.
        """
        key, chords = self.key, self.chords
        if key is None and held.key is not None and _can_stay(held.key, chords):
            key = held.key
        if chords is None and held.chords is not None:
            chords = _go_on(held, key)
        return HarmonyText(None if key == ANY else key, None if chords == ANY else chords)


NO_HARMONY = HarmonyText()


def normalise_key(text: str) -> str:
    """A key's text as it is stored. Raises HarmonyError."""
    return Key.parse(text).name


def normalise_chords(text: str) -> str:
    """A progression's text as it is stored. Raises HarmonyError."""
    return Progression.parse(text).text


def is_any(text: str) -> bool:
    """Whether a text says that key or chords are left open: `any`, `none`, `free`."""
    return text.strip().casefold() in _ANY_WORDS


def _can_stay(key: str, chords: str | None) -> bool:
    """Whether chords leave a key as it is: the roots of those written by name are in its scale."""
    if chords is None or chords == ANY:
        return True
    scale = Key.parse(key).pitch_classes
    parts = _parts(Progression.parse(chords))
    return all(part.root in scale for part in parts if isinstance(part, Chord))


def _go_on(held: HarmonyText, key: str | None) -> str | None:
    """How the held chords go on in a key; None where they end."""
    assert held.chords is not None
    progression = Progression.parse(held.chords)
    if key is None or key == ANY:
        return None if progression.needs_key else held.chords
    if held.key is None:
        return held.chords if _can_stay(key, held.chords) else None
    old, new = Key.parse(held.key), Key.parse(key)
    if old == new or all(_is_numeral_or_silent(part) for part in _parts(progression)):
        return held.chords
    return progression.move(old, new).text if old.is_bright == new.is_bright else None


def _parts(progression: Progression) -> list[Part]:
    return [part for measure in progression.measures for part in measure]


def _is_numeral_or_silent(part: Part) -> bool:
    return not isinstance(part, Chord)
