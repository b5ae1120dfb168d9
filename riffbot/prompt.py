"""Prompt text -> weighted fragments: `funky (saxophone:1.3) riff`.

The grammar is the one Riffusion took over from the long-prompt-weighting pipeline, so prompts
travel between the two unchanged:

    (vocals)      × 1.1            (vocals:1.2)   × 1.2
    [vocals]      ÷ 1.1            ((vocals))     × 1.1 × 1.1, nesting multiplies
    \\( \\) \\[ \\] \\\\                    the character itself

Nobody is scolded for a missing or a stray bracket: what was opened and never closed counts to the
end of the prompt, and what was never opened is an ordinary character.

A colon in round brackets begins a weight only where a number from 0 to 10 stands between it and the
closing bracket, with or without blanks: `(sax:1.3)`, `(sax: .5 )`, `(sax:+2)`. Anything else behind
a colon is text: words (`(drums:808s)`), and what only Python reads as a number (`(take:1_0)`).

A number that no weight can be is either a mistake or no weight at all, and how it is written tells
which. Close to the colon it is a mistake, and refused: `(x:1e9)`, `(x:-1)`, `(x:nan)`. It is text
behind a blank, as labels are written (`(bpm: 120)`, `(tempo: 90)`, `(to: infinity)`), and in a time
of day or a length (`(live 12:30)`, `(4:33)`).

The page's `prompt_parser.ts` reads prompts in the same way; tests/riffbot/prompts.json holds both
to it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from riffbot.errors import BadRequest, shorten

EMPHASIS = 1.1
"""What one pair of round brackets multiplies by, and one pair of square brackets divides by."""

MAX_WEIGHT = 10.0
"""The largest weight a fragment may reach, all brackets around it multiplied."""

_CACHED_PROMPTS = 256
"""Parsed prompts to remember; a thousand characters each at most, where requests carry them."""

_TOKEN = re.compile(
    r"""
    \\(?P<literal>[()\[\]\\]?)  # an escaped bracket; a lone backslash vanishes
    # :1.2) ends a round group
    | :(?P<gap>\s*)(?P<weight>[+-]?(?:[.\d][\w.+-]*|nan|inf(?:inity)?))\s*\)
    | (?P<open>[(\[])
    | (?P<close>[)\]])
    | (?P<text>[^\\()\[\]:]+|:)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_HOURS = re.compile(r"(?<![\w.])\d{1,3}\Z")  # what stands before the colon of a time
_MINUTES = re.compile(r"\d{1,3}")
_OPENER = {")": "(", "]": "["}
_FACTOR = {"(": EMPHASIS, "[": 1 / EMPHASIS}


class PromptError(BadRequest):
    """The prompt carries a weight that cannot be meant, or no words."""


@dataclass(frozen=True)
class Fragment:
    """A part of a prompt and its weight: what its token embeddings are multiplied by, 0 … 10."""

    text: str
    weight: float = 1.0


def require_words(text: str) -> list[Fragment]:
    """A prompt's fragments, of which at least one has something to hear.

    Raises:
        PromptError: as `parse`, or there is nothing between its brackets.
    """
    fragments = parse(text)
    if not any(fragment.text.strip() for fragment in fragments):
        raise PromptError(
            "The prompt is empty between its brackets: write what you want to hear, for example "
            "“funky (sax:1.2)”."
        )
    return fragments


def parse(text: str) -> list[Fragment]:
    """Split a prompt into fragments; neighbours of equal weight are joined.

    Returns:
        At least one fragment; their texts in order are the prompt without its brackets.

    Raises:
        PromptError: a weight lies outside of 0 to 10, alone or multiplied by the brackets around
            it; which numbers are taken for weights stands above.
    """
    return list(_parse(text))


@lru_cache(maxsize=_CACHED_PROMPTS)
def _parse(text: str) -> tuple[Fragment, ...]:
    """`parse` without a copy: a clip's prompt is read by its command, the model and the encoder."""
    # Texts and weights apart: each of up to 500 brackets may change each of as many weights.
    texts: list[str] = []
    weights: list[float] = []
    # Where each open group began. Round and square brackets do not see each other: "(a [b) c]"
    # closes both groups, as it does in Riffusion.
    opened: dict[str, list[int]] = {"(": [], "[": []}

    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        value = token[kind or 0]
        if kind == "open":
            opened[value].append(len(texts))
        elif kind == "close" and opened[_OPENER[value]]:
            bracket = _OPENER[value]
            _scale(weights, opened[bracket].pop(), _FACTOR[bracket])
        elif kind == "weight" and opened["("] and (factor := _weight(token)) is not None:
            _scale(weights, opened["("].pop(), factor)
        elif kind == "weight" and opened["("]:  # `:808s)` is text and the group's end
            texts.append(token[0][:-1])
            weights.append(1.0)
            _scale(weights, opened["("].pop(), EMPHASIS)
        else:
            texts.append(token[0] if kind == "weight" else value)
            weights.append(1.0)

    for bracket, starts in opened.items():
        for start in starts:
            _scale(weights, start, _FACTOR[bracket])
    return tuple(_joined(_checked(list(map(Fragment, texts, weights))))) or (Fragment(""),)


def _weight(token: re.Match[str]) -> float | None:
    """The weight that stands behind a colon, or None where it is text. Raises PromptError."""
    number = token["weight"]
    if "_" in number:  # which Python alone reads as a number
        return None
    try:
        weight = float(number)
    except ValueError:
        if not re.fullmatch(r"[+-]?[.\d]+", number):  # a word such as `808s`
            return None
        weight = math.nan  # "1.2.3"
    if 0 <= weight <= MAX_WEIGHT:  # also false for nan
        return weight
    if token["gap"] or _is_time(token):
        return None
    raise PromptError(
        f"“{shorten(number)}” is not a weight I can use: please give a number between 0 and "
        f"{MAX_WEIGHT:g}, for example (saxophone:1.3), or a blank behind the colon if it is none."
    )


def _is_time(token: re.Match[str]) -> bool:
    """Whether the colon stands in a time of day or a length, such as 12:30."""
    before = token.string[max(0, token.start() - 4) : token.start()]
    return bool(_HOURS.search(before) and _MINUTES.fullmatch(token["weight"]))


def _scale(weights: list[float], start: int, factor: float) -> None:
    weights[start:] = [weight * factor for weight in weights[start:]]


def _checked(pieces: list[Fragment]) -> list[Fragment]:
    for piece in pieces:
        if not math.isfinite(piece.weight) or piece.weight > MAX_WEIGHT:
            raise PromptError(
                f"“{shorten(piece.text.strip())}” would weigh {piece.weight:.3g}: please keep "
                f"weights, all brackets multiplied, between 0 and {MAX_WEIGHT:g}."
            )
    return pieces


def _joined(pieces: list[Fragment]) -> list[Fragment]:
    return [
        Fragment("".join(piece.text for piece in run), weight)
        for weight, run in groupby((p for p in pieces if p.text), key=lambda piece: piece.weight)
    ]
