"""Finds the words of a list in members' texts, however they are disguised.

A text is folded first: compatibility characters (NFKC), case, accents, invisible characters, and
letters of other alphabets that look like Latin ones. It is then searched as it is, and twice with
digits and signs read as letters (`1` as i and as l), but only inside tokens that have a letter:
“455” is a number. Signs around a token are read as letters and as what they are: `a$$` and
`b4d!`. A word is found as a whole word, with letters repeated three times or more
(`baaad`) and spelled out (`b.a.d`), and never inside another one. A word with a star at its end
(`bad*`) is found as a beginning. Scripts that are written without spaces have no word boundaries.

Confusables: https://www.unicode.org/reports/tr39/ has thousands; the table here has those that are
letter for letter alike in common fonts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby

MAX_WORD = 40
"""Characters of one word or phrase of a list."""

_LOOKALIKES = {
    "a": "аɑα", "b": "ƅьв", "c": "сϲⅽ", "d": "ԁɗ", "e": "еєҽεë", "f": "ſẝғ", "g": "ɡց",
    "h": "һհн", "i": "іıɩιӏ", "j": "јϳ", "k": "кκ", "l": "ⅼǀ", "m": "мⅿ", "n": "ոηпп",
    "o": "оοօσ", "p": "рρ", "q": "ԛզ", "r": "гᴦ", "s": "ѕꜱ", "t": "тτ", "u": "υսʋ", "v": "ѵν",
    "w": "ѡԝω", "x": "хχ", "y": "уγү", "z": "ᴢ",
}  # fmt: skip
_CONFUSABLES = {ord(other): latin for latin, others in _LOOKALIKES.items() for other in others}
_CAPITALS = str.maketrans(
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹϺАВЕЅІЈКМНОРСТХҮԌԚԜ", "ABEZHIKMNOPTYXCMABESIJKMHOPCTXYGQW"
)
_INVISIBLE = dict.fromkeys(
    (
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180F, 0x2065, 0x2800, 0x3164, 0xFFA0),
        *(*range(0x180B, 0x180E), *range(0xFE00, 0xFE10), *range(0xFFF0, 0xFFF9)),
    )
)
"""Letters and signs that show nothing, and are no format characters (Cf): those with the property
Default_Ignorable_Code_Point of Unicode, and the empty Braille pattern."""
_STROKES = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ƀ": "b", "ɨ": "i"})

_LEET = {
    "0": "o", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g",
    "@": "a", "$": "s", "€": "e", "£": "l", "!": "i", "+": "t",
}  # fmt: skip
_READINGS = tuple(str.maketrans(_LEET | {"1": one, "|": one}) for one in ("i", "l"))

_TRAILING = re.compile(r"[!+|]++(?![^\W_]|[@$€£])")
_LEADING = re.compile(r"(?<![^\W_])(?<![@$€£!+|])[!+|]++")
"""Signs that stand around words as often as in them."""

_TOKEN = re.compile(r"\S+")
_LETTER = re.compile(r"[^\W\d_]")
_START, _END = r"(?<![^\W_])", r"(?![^\W_])"
_GAP = r"[\W_]{1,3}"
_MIN_SPELLED_OUT = 3
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]"
)


def fold(text: str) -> str:
    """Fold what looks alike into one text; folding twice changes nothing more."""
    # Capitals before case: Η looks like H, and its small letter η like n.
    letters = unicodedata.normalize("NFKD", text).translate(_CAPITALS)
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", letters).casefold())
    kept = (
        c
        for c in letters.translate(_INVISIBLE)
        if unicodedata.category(c) not in ("Mn", "Me", "Cf")
    )
    return "".join(kept).translate(_STROKES).translate(_CONFUSABLES)


def is_searchable(word: str) -> bool:
    """Whether a word of a list has a letter, a digit or an emoji: a dash is in every sentence."""
    return any(
        unicodedata.category(c)[0] in "LN" or unicodedata.category(c) == "So" for c in fold(word)
    )


def find_word(text: str, words: Iterable[str]) -> str | None:
    """Return the first word of a list that a text has, as it is written in the list."""
    searches = _compile(tuple(words))
    if not searches:
        return None
    readings = tuple(_read(fold(text)))
    for word, pattern in searches:
        if any(pattern.search(reading) for reading in readings):
            return word
    return None


def _read(folded: str) -> Iterator[str]:
    """Yield the readings of a folded text: as it is, and with digits and signs as letters."""
    yield folded
    closed = _TRAILING.sub(" ", folded)
    for text in dict.fromkeys((folded, closed, _LEADING.sub(" ", closed))):
        for table in _READINGS:
            yield _TOKEN.sub(lambda token: _read_token(token[0], table), text)  # noqa: B023


def _read_token(token: str, table: dict[int, str]) -> str:
    return token.translate(table) if _LETTER.search(token) else token


@lru_cache(maxsize=256)
def _compile(words: tuple[str, ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    # Stored lists may have dashes and dots, which are refused by now.
    return tuple((word, re.compile(_pattern(word))) for word in words if is_searchable(word))


def _pattern(word: str) -> str:
    """The regular expression of a word; no part of it can match in two ways."""
    is_beginning = word.rstrip().endswith("*")
    parts = fold(word.rstrip().removesuffix("*")).split()
    forms = [_GAP.join(_letters(part) for part in parts)]
    if len(parts) == 1 and len(parts[0]) >= _MIN_SPELLED_OUT:
        forms.append(_GAP.join(map(re.escape, parts[0])))
    if _UNSPACED.search(word):
        return "|".join(forms)
    end = "" if is_beginning else _END
    return f"{_START}(?:{'|'.join(forms)}){end}"


def _letters(part: str) -> str:
    """Each letter as often as it is written, or three times and more."""
    out = []
    for letter, run in groupby(part):
        count = len(list(run))
        once = re.escape(letter)
        out.append(f"(?:{once}{{{max(3, count)},}}+|{once}{{{count}}})")
    return "".join(out)
