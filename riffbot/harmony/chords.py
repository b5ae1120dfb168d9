"""Chords: their notes and their bass, from the names that people write.

The table of chord qualities is pychord's. Spellings that it lacks are brought to its own: `Cmin7`,
`C-7`, `CΔ7`, `Bø`, `C°7`, `C+`, `C7alt`, `am7`, `B♭`.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

from riffbot.errors import shorten
from riffbot.harmony.errors import HarmonyError
from riffbot.harmony.keys import Key
from riffbot.harmony.notes import (
    FLAT_NAMES,
    NOTE,
    SHARP_NAMES,
    pitch_class_of,
    use_plain_accidentals,
)

NO_CHORD = "N.C."
"""How a part without a chord is written."""

_CHORD = re.compile(rf"(?P<root>{NOTE})(?P<quality>[^/\s]*?)(?:/(?P<bass>{NOTE}))?")
_SLASH_OF_QUALITY = re.compile(r"(?<=6)/(?=9)|(?<=m)/(?=maj|M)")
"""The slash of `C6/9` and `Cm/maj7`, which no bass follows."""
_LONGEST = 20
"""Characters that a chord or its quality has at most."""
_SILENT = frozenset({"n.c.", "n.c", "nc"})

_SPELLINGS = (
    (re.compile(r"△|Δ|∆"), "maj7"),
    (re.compile(r"maj77"), "maj7"),
    (re.compile(r"maj7(9|13)"), r"maj\1"),
    (re.compile(r"ø7?"), "m7b5"),
    (re.compile(r"[°º]"), "dim"),
    (re.compile(r"^o(?=7|$)"), "dim"),
    (re.compile(r"^(?:minor|min|mi)"), "m"),
    (re.compile(r"^-(?!5)"), "m"),
    (re.compile(r"^(?:Major|major|Maj|MAJ|ma(?!j))"), "maj"),
    (re.compile(r"^(m?)\(?(?:Maj|ma|M|maj)([79])\)?"), r"\1maj\2"),
    (re.compile(r"^dom(?=7)"), ""),
    (re.compile(r"^\+(?=$|7)"), "aug"),
    (re.compile(r"^7\+$|^aug7$"), "7#5"),
    (re.compile(r"^7?alt$"), "7#9#5"),
    (re.compile(r"(?:\(|,)(?:add)?([b#](?:5|9|11|13))"), r"\1"),
    (re.compile(r"^(m?)\(?add2\)?$"), r"\1add9"),
    (re.compile(r"[(),]"), ""),
    (re.compile(r"^7sus$"), "7sus4"),
    (re.compile(r"^9sus$"), "9sus4"),
)
"""Spellings that pychord lacks, each replaced by its own, in this order."""

_EXTRA: dict[str, tuple[int, ...]] = {
    "mmaj9": (0, 3, 7, 11, 14),
    "m13": (0, 3, 7, 10, 14, 17, 21),
    "13sus4": (0, 5, 7, 10, 14, 21),
    "maj9#11": (0, 4, 7, 11, 14, 18),
    "7sus2": (0, 2, 7, 10),
    "m9b5": (0, 3, 6, 10, 14),
    "maj7b5": (0, 4, 6, 11),
    "maj7#5": (0, 4, 8, 11),
    "mb5": (0, 3, 6),
}
"""Qualities that pychord lacks, in semitones above the root."""


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord.

    Attributes:
        root, bass: pitch classes, 0 (C) … 11 (B); without a slash the bass is the root.
        pitch_classes: its notes from the root upwards, each once; a bass that is written behind a
            slash need not be one of them.
        name: as text, which `parse` reads again: `Am7`, `G/B`. Two chords of equal notes are
            equal whatever theirs.
    """

    root: int
    bass: int
    pitch_classes: tuple[int, ...]
    name: str = field(compare=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a chord's name.

        Raises:
            HarmonyError: there is no such chord; the sentence suggests the nearest one.
        """
        chord = cls.find(text)
        if chord is None:
            raise HarmonyError(describe_unknown_chord(text))
        return chord

    @classmethod
    def find(cls, text: str) -> Self | None:
        """Read a chord's name, or return None if there is no such chord."""
        plain = use_plain_accidentals(text.strip())
        found = _CHORD.fullmatch(_SLASH_OF_QUALITY.sub("", plain))
        quality = None if found is None else normalise_quality(found["quality"])
        if found is None or quality is None:
            return None
        root = found["root"][0].upper() + found["root"][1:]
        bass = found["bass"] and found["bass"][0].upper() + found["bass"][1:]
        return cls.build(root, quality, bass)

    @classmethod
    def build(cls, root: str, quality: str, bass: str | None = None) -> Self:
        """Build a chord of a root's name and a quality that `normalise_quality` returned."""
        tonic = pitch_class_of(root)
        notes = tuple(dict.fromkeys((tonic + step) % 12 for step in qualities()[quality]))
        slash = f"/{bass}" if bass else ""
        return cls(tonic, pitch_class_of(bass or root), notes, f"{root}{quality}{slash}")

    def move(self, key: Key, semitones: int) -> Self:
        """The same chord so many semitones higher, spelled as in a key."""
        found = _CHORD.fullmatch(self.name)
        assert found is not None
        bass = key.name_note((self.bass + semitones) % 12) if found["bass"] else None
        return self.build(key.name_note((self.root + semitones) % 12), found["quality"], bass)

    def __str__(self) -> str:
        return self.name


def is_no_chord(text: str) -> bool:
    """Whether a text says that no chord sounds: `N.C.`, `NC`."""
    return text.strip().lower() in _SILENT


@lru_cache(maxsize=1)
def qualities() -> dict[str, tuple[int, ...]]:
    """Semitones above the root by the name of the quality; `""` is the major triad."""
    from pychord import QualityManager  # noqa: PLC0415 - 20 ms that `--help` need not wait for

    known = {name: found.components for name, found in QualityManager().get_qualities().items()}
    return _EXTRA | known


@lru_cache(maxsize=512)
def normalise_quality(text: str) -> str | None:
    """Bring a quality, such as `min7` or `Δ`, to the name that `qualities` has; None if unknown.

    `M7` stays apart from `m7`; otherwise the case of letters is as written.
    """
    if len(text) > _LONGEST:
        return None
    if text in qualities():
        return _SHORTER.get(text, text)
    for pattern, plain in _SPELLINGS:
        text = pattern.sub(plain, text)
        if text in qualities():
            return _SHORTER.get(text, text)
    return None


_SHORTER = {"min": "m", "-": "m", "maj": "", "M7": "maj7", "M9": "maj9", "mM7": "mmaj7"}
"""Names of pychord's that are the same chord, and the one that is kept."""


def describe_unknown_chord(text: str) -> str:
    """The sentence for what is no chord, with the nearest one."""
    nearest = suggest_chord(text)
    hint = f"Did you mean {nearest}?" if nearest else "Write chords as Am7, Bb, F#m7b5 or G/B."
    return f"There is no chord “{shorten(text.strip())}”. {hint}"


def suggest_chord(text: str) -> str | None:
    """The chord whose name is nearest to a wrong one, or None if none is near."""
    plain = use_plain_accidentals(text.strip()).partition("/")[0]
    if len(plain) > _LONGEST:
        return None
    if plain[:1] in {"H", "h"}:  # German for B
        plain = "B" + plain[1:]
        if normalise_quality(plain[1:]) is not None:
            return plain
    root = re.match(NOTE, plain)
    roots = [root[0][0].upper() + root[0][1:]] if root else [*SHARP_NAMES, *FLAT_NAMES]
    names = [name + quality for name in dict.fromkeys(roots) for quality in qualities()]
    wanted = plain[:1].upper() + plain[1:]
    near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.5)
    return Chord.parse(near[0]).name if near else None
