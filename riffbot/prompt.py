"""Prompt text -> weighted fragments: `funky (saxophone:1.3) riff`.

The grammar is the one Riffusion took over from the long-prompt-weighting pipeline, so prompts
travel between the two unchanged:

    (vocals)      × 1.1            (vocals:1.2)   × 1.2
    [vocals]      ÷ 1.1            ((vocals))     × 1.1 × 1.1, nesting multiplies
    \\( \\) \\[ \\] \\\\                    the character itself

A missing or a stray bracket is no error: a group that is never closed ends with the prompt, and a
closing bracket without an opening one is an ordinary character.

A colon in round brackets begins a weight only where a number from 0 to 10 stands between it and the
closing bracket, with or without blanks: `(sax:1.3)`, `(sax: .5 )`, `(sax:+2)`. Anything else behind
a colon is text: words (`(drums:808s)`), and what is a number in Python only (`(take:1_0)`).

A number outside of that range is an error directly behind the colon: `(x:1e9)`, `(x:-1)`,
`(x:nan)`. It is text behind a blank, as labels are written (`(bpm: 120)`, `(tempo: 90)`,
`(to: infinity)`), and in a time of day or a length (`(live 12:30)`, `(4:33)`).

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
"""Parsed prompts in the cache; those of requests have a thousand characters at most."""

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
_HOURS = re.compile(r"(?<![\w.])\d{1,3}\Z")  # what precedes the colon of a time
_MINUTES = re.compile(r"\d{1,3}")
_OPENER = {")": "(", "]": "["}
_FACTOR = {"(": EMPHASIS, "[": 1 / EMPHASIS}


class PromptError(BadRequest):
    """A prompt has an invalid weight, or no words."""


@dataclass(frozen=True)
class Fragment:
    """A part of a prompt and its weight: what its token embeddings are multiplied by, 0 … 10."""

    text: str
    weight: float = 1.0


def require_words(text: str) -> list[Fragment]:
    """Parse a prompt that needs words; returns its fragments.

    Raises:
        PromptError: as `parse`, or there is nothing between its brackets.
    """
    if not has_words(text):
        raise PromptError(
            "The prompt is empty between its brackets: write what you want to hear, for example "
            "“funky (sax:1.2)”."
        )
    return parse(text)


def has_words(text: str) -> bool:
    """Whether a prompt contains anything besides brackets and weights. Raises PromptError."""
    return any(fragment.text.strip() for fragment in _parse(text))


def parse(text: str) -> list[Fragment]:
    """Split a prompt into fragments; neighbours of equal weight are joined.

    Returns:
        At least one fragment; their texts in order are the prompt without its brackets.

    Raises:
        PromptError: a weight is outside of 0 to 10, alone or multiplied by the brackets around it;
            the module's docstring defines which numbers are weights.
    """
    return list(_parse(text))


@lru_cache(maxsize=_CACHED_PROMPTS)
def _parse(text: str) -> tuple[Fragment, ...]:
    """`parse` with a cache: a clip's prompt is parsed by its command, the model and the encoder."""
    # In two lists: each of up to 500 brackets may change each of as many weights.
    texts: list[str] = []
    weights: list[float] = []
    # Where each open group began. Round and square brackets are matched independently: "(a [b) c]"
    # closes both groups, as in Riffusion.
    opened: dict[str, list[int]] = {"(": [], "[": []}

    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        value = token[kind or 0]
        if kind == "open":
            opened[value].append(len(texts))
        elif kind == "close" and opened[_OPENER[value]]:
            bracket = _OPENER[value]
            _scale(weights, opened[bracket].pop(), _FACTOR[bracket])
        elif kind == "weight" and opened["("] and (factor := _parse_weight(token)) is not None:
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
    return tuple(_join_equal_weights(_check_weights(list(map(Fragment, texts, weights))))) or (
        Fragment(""),
    )


def _parse_weight(token: re.Match[str]) -> float | None:
    """Parse the weight behind a colon; None if it is text. Raises PromptError."""
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


def _check_weights(fragments: list[Fragment]) -> list[Fragment]:
    for fragment in fragments:
        if not math.isfinite(fragment.weight) or fragment.weight > MAX_WEIGHT:
            raise PromptError(
                f"“{shorten(fragment.text.strip())}” would weigh {fragment.weight:.3g}: please "
                f"keep weights, all brackets multiplied, between 0 and {MAX_WEIGHT:g}."
            )
    return fragments


def _join_equal_weights(fragments: list[Fragment]) -> list[Fragment]:
    return [
        Fragment("".join(fragment.text for fragment in run), weight)
        for weight, run in groupby(
            (fragment for fragment in fragments if fragment.text),
            key=lambda fragment: fragment.weight,
        )
    ]
