"""What the words of a prompt say about key and chords: `ii-V-I in Bb`, `slow, F# minor, Am7 D7`.

Prose is left alone where it could mean something else: `in a minor mood`, `a major lift` and `I Am`
name no key and no chords.
"""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache

from riffbot.harmony.errors import HarmonyError
from riffbot.harmony.keys import ACCIDENTAL_WORDS, MODE_WORDS, Key
from riffbot.harmony.notes import NOTE, use_plain_accidentals
from riffbot.harmony.numerals import DEGREE, parse_numeral
from riffbot.harmony.progressions import Progression
from riffbot.harmony.texts import HarmonyText

_MODE = rf"(?ai:{'|'.join(sorted(MODE_WORDS, key=len, reverse=True))})"
# ASCII only, because ı and ſ would otherwise be letters of minor and sharp.
_TONIC = rf"{NOTE}{ACCIDENTAL_WORDS}"
_INTRODUCED = r"(?:in|key)\s*(?:the\s+key\s+of|of|is|[:=])?\s+|key\s*[:=]\s*"
_ENDS = r"(?=\s*(?:$|[^\w\s#'’+.-]|\.(?!\w)|\d|(?:with|at|and|over|for|by|on|played|then|but)\b))"
"""What may stand behind a key that could also be the article `a`, or a plain letter."""
_NO_KEY_BEHIND = r"(?!\s*(?:7|9|seventh|ninth|third|sixth|chords?|triads?|intervals?)\b)"

_NAMED_KEY = re.compile(
    rf"(?<![\w#])(?:{_INTRODUCED})?(?P<key>(?ai:{_TONIC})[-\s]+{_MODE})\b{_NO_KEY_BEHIND}"
    rf"(?P<end>{_ENDS})?",
    re.IGNORECASE,
)
_INTRODUCED_KEY = re.compile(
    rf"(?<![\w#])(?i:{_INTRODUCED})(?P<key>{_TONIC}m?)(?![\w#])(?P<end>{_ENDS})"
)

_WORDS_OF_MUSIC = (
    "acid acoustic afrobeat ambient anthem arpeggiated arpeggio ballad bass beat bebop bells "
    "blues bop bossa breakbeat cadence celesta cello chill chiptune choir chord clarinet concerto "
    "country dance dark disco dnb downtempo dreamy drone drum dub dubstep edm electric electro "
    "electronic epic etude fanfare flute folk fugue funk funky garage gentle gospel groove guitar "
    "happy harmonic harmonica harmony harp harpsichord hip hiphop hop horn house hymn "
    "improvisation intro jam jazz jungle key lead lo lofi loop lullaby march melancholic melodic "
    "melody metal minuet modal mode moody nocturne orchestra orchestral organ pad pentatonic "
    "phonk piano pluck polka pop prelude progression psytrance punk ragtime rap reggae reggaeton "
    "requiem rhodes riff rnb rock sad salsa samba sax saxophone scale score sitar ska slow solo "
    "sonata song soul string strings swing symphony synth synthwave tango techno theme tonality "
    "trance trap trumpet tune ukulele vamp vibe vibraphone violin vocal waltz"
)
_MUSICAL = frozenset(_WORDS_OF_MUSIC.split())
"""What goes on about music behind a key, in lower case."""
_OF_ANY_KEY = frozenset({"key", "mode", "mood", "scale", "tonality"})
"""What stands behind a mode that is meant without a tonic: `A minor key ballad`."""

_QUALITY = r"(?:maj|min|m|M|dim|aug|sus|add|[°ø+Δ△]|[b#-]?\d{1,2}|[()])*+"
_CHORD = rf"[A-G](?:b|#)?{_QUALITY}(?:/[A-G](?:b|#)?)?|N\.C\.?"
_NUMERAL = rf"[b#]?{DEGREE}(?:[°ø+Δ△]|maj|sus|dim|[b#]?\d{{1,2}})*+(?:/[b#]?{DEGREE})?"
_BETWEEN = r"(?:\s*(?:->|→|[|,–—-])\s*|\s+)"
_RUN = r"(?<![\w#/])(?:{part})(?:{between}(?:{part}|[.%](?!\w)))+(?![\w#])"
_CHORDS = re.compile(_RUN.format(part=_CHORD, between=_BETWEEN))
_NUMERALS = re.compile(_RUN.format(part=_NUMERAL, between=_BETWEEN))
_SPLIT = re.compile(r"(?:\s|[|,–—→]|->)+|(?<=[A-Za-z0-9])-(?=[A-G])")
_ANNOUNCED = re.compile(r"\b(?:chords?|changes|progression)\s*:?\s*$", re.IGNORECASE | re.ASCII)
_BARE = re.compile(r"[A-G][b#]?(?:[24])?")
"""A chord that may be a word, an initial or a note of a scale."""


@lru_cache(maxsize=256)
def find_harmony(prompt: str, *, has_key: bool = False) -> HarmonyText:
    """The key and the chords that a prompt names, as text that `Harmony.parse` reads.

    Numerals count only beside a key: alone, `I-V-vi-IV` says nothing about notes.

    Args:
        has_key: a key is known from elsewhere.
    """
    text = use_plain_accidentals(prompt)
    key = _find_key(text)
    chords = _find_chords(text)
    if chords is None and (has_key or key is not None):
        chords = _find_numerals(text)
    return HarmonyText(key, chords)


def _find_key(text: str) -> str | None:
    for found in [*_NAMED_KEY.finditer(text), *_INTRODUCED_KEY.finditer(text)]:
        if not _may_be_prose(found):
            with suppress(HarmonyError):  # such as C## sharp
                return Key.parse(found["key"]).name
    return None


def _may_be_prose(found: re.Match[str]) -> bool:
    """Whether the A of `in a minor mood`, or the D of `Generation D minor league`, is no note.

    A small `a` counts only behind `key`, or as `a flat minor`; a letter without an introduction
    only where the sentence ends behind its mode or goes on about music.
    """
    note, *words = re.split(r"[-\s]+", found["key"])
    introduction = found.string[found.start() : found.start("key")].lower()
    if "key" in introduction:
        return False
    if note == "a":
        return len(words) < 2
    if introduction or found["end"] is not None or len(note) > 1 or len(words) > 1:
        return False
    following = re.match(r"[\s-]*(\w*)", found.string[found.end() :])
    word = following[1].lower() if following else ""
    if note == "A" and (words[-1].lower() == "major" or word in _OF_ANY_KEY):
        return True
    return word not in _MUSICAL and word.removesuffix("s") not in _MUSICAL


def _find_chords(text: str) -> str | None:
    for found in _CHORDS.finditer(text):
        is_announced = _ANNOUNCED.search(text[: found.start()]) is not None
        chords = _read(found[0]) if is_announced or _are_surely_chords(found[0]) else None
        if chords is not None:
            return chords
    return None


def _are_surely_chords(run: str) -> bool:
    """Whether a run of names cannot be words, initials or single notes."""
    names = [name for name in _SPLIT.split(run) if name.strip(".%")]
    marked = sum(_BARE.fullmatch(name) is None for name in names)
    return marked == len(names) or (marked > 0 and len(names) >= 3)


def _find_numerals(text: str) -> str | None:
    for found in _NUMERALS.finditer(text):
        names = [name for name in re.split(r"[\s|,–—→>-]+", found[0]) if name]
        if len({*names}) > 1 and all(parse_numeral(name) or name in ".%" for name in names):
            return _read(found[0])
    return None


def _read(text: str) -> str | None:
    try:
        return Progression.parse(text).text
    except HarmonyError:
        return None
