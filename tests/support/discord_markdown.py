"""A small reader of Discord's markdown, written from its public help pages and API reference.

It knows every construct that turns characters into something else, and returns what a message
shows: runs of plain text, and what is live between them. Written for tests, apart from the code
that escapes, so that both can be held against each other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """A run of what a reader sees.

    Attributes:
        kind: `text`, or what it is: `link`, `bold`, `mention`, `heading` …
        text: its characters, as they are seen.
    """

    kind: str
    text: str


# At the start of a line. Discord ends a heading, a list entry and a quote with the line.
_LINE = (
    ("subtext", re.compile(r"[ \t]*-# +(?=\S)")),
    ("heading", re.compile(r"[ \t]*#{1,3} +(?=\S)")),
    ("list", re.compile(r"[ \t]*(?:[-*+]|\d+\.) +(?=\S)")),
    ("quote", re.compile(r"[ \t]*(?:>>>|>) ")),
)
_ESCAPE = re.compile(r"\\([^0-9A-Za-z\s])")
_RULES = (
    ("codeblock", re.compile(r"```(?:[\w+.-]+\n)?\n*([^\n][\s\S]*?)\n*```")),
    ("code", re.compile(r"(?<!`)(`+)(?!`)([\s\S]*?[^`])\1(?!`)")),
    ("link", re.compile(r"<(?:https?|steam|mailto|tel):[^\s>]+>")),
    ("link", re.compile(r"<[^\s@>]+@[^\s@>]+\.[^\s@>]+>|<\+\d[\d -]*>")),
    ("link", re.compile(r"(?:https?|steam)://[^\s<]+[^<.,:;\"'\])\s]")),
    (
        "link",
        re.compile(r"\[((?:\\.|[^\\\]])+)\]\(\s*<?((?:\\.|[^\s\\)])+)>?(?:\s+['\"].*?['\"])?\s*\)"),
    ),
    ("mention", re.compile(r"<(?:@[!&]?|#)\d+>|@(?:everyone|here)")),
    ("mention", re.compile(r"<id:\w+(?::\d+)?>|</[^\n<>:]+:\d+>")),
    ("emoji", re.compile(r"<a?:\w+:\d+>|:[A-Za-z0-9_+-]+(?:::skin-tone-\d)?:")),
    ("time", re.compile(r"<t:-?\d+(?::[tTdDfFRsS])?>")),
    ("bold", re.compile(r"\*\*((?:\\[\s\S]|[^\\])+?)\*\*(?!\*)")),
    ("underline", re.compile(r"__((?:\\[\s\S]|[^\\])+?)__(?!_)")),
    (
        "italic",
        re.compile(
            r"\b_((?:__|\\[\s\S]|[^\\_])+?)_\b|\*(?=\S)((?:\*\*|\\[\s\S]|[^\\*])+?)\*(?!\*)"
        ),
    ),
    ("strike", re.compile(r"~~([\s\S]+?)~~(?!_)")),
    ("spoiler", re.compile(r"\|\|([\s\S]+?)\|\|")),
)


def shown(source: str) -> list[Shown]:
    """What a message of this source shows; runs of plain text are joined."""
    runs: list[Shown] = []

    def plain(text: str) -> None:
        if runs and runs[-1].kind == "text":
            runs[-1] = Shown("text", runs[-1].text + text)
        else:
            runs.append(Shown("text", text))

    place = 0
    while place < len(source):
        if place == 0 or source[place - 1] in "\r\n":
            begun = next(((k, m) for k, rx in _LINE if (m := rx.match(source, place))), None)
            if begun is not None:
                kind, match = begun
                runs.append(Shown(kind, match[0]))
                place = match.end()
                continue
        if match := _ESCAPE.match(source, place):
            plain(match[1])
            place = match.end()
            continue
        found = next(((k, m) for k, rx in _RULES if (m := rx.match(source, place))), None)
        if found is not None:
            kind, match = found
            runs.append(Shown(kind, match[0]))
            place = match.end()
            continue
        plain(source[place])
        place += 1
    return runs


def inside(source: str, before: str, after: str) -> str:
    """The part of a source that stands between two others; for what is wrapped in our markup."""
    assert source.startswith(before)
    assert source.endswith(after)
    return source[len(before) : len(source) - len(after)]
