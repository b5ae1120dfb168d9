"""Escapes members' words for Discord's markdown, so that they show exactly as they were typed.

Every field that Discord formats (content, an embed's title, description and fields) needs it.
Footers, labels, modal values, file names and alt texts are not formatted: there the words stay as
they are, since a backslash would show.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = [
    "MarkdownText",
    "escape_line",
    "escape_markdown",
    "sentence_to_markdown",
    "truncate",
]

# Characters that start markup anywhere: emphasis, code, spoilers, links, mentions, emoji,
# timestamps, addresses; not a colon before a blank or in a weight, as in `(sax:1.3)`. At the start
# of a line also: headings, quotes, lists, small print.
_ACTIVE = re.compile(
    r"""
    (?<![^\r\n])[ \t]*(?:[-+#>]|\d+\.)  # the last character of these is the one to escape
    | [\\*_~`|\[<@]
    | :(?=[\w+/-])(?![-+]?[\d.]+\))
    """,
    re.VERBOSE,
)
_QUOTED = re.compile(r"(“[^”]*”)")
_OWN_MARKUP = r"`[^`\n]+`|<(?:\#|@&)\d+>"
"""Markup of RiffBot's own outside quotes: code, and mentions of channels and roles."""
_PARTIAL_MENTION = re.compile(r"(?<!\\)<[^>]*$")


class MarkdownText(str):
    """Text in Discord's markdown, in which members' words are escaped already."""

    __slots__ = ()


def escape_markdown(text: str) -> str:
    """Escape a text of any number of lines.

    Character by character, so that nothing depends on the rest of the text.
    """
    return "".join(_units(text))


TITLE_LIMIT = 256
"""Characters of an embed's title."""


def escape_line(text: str, limit: int = TITLE_LIMIT) -> str:
    """`escape_markdown` for one line of at most `limit` characters, escapes included.

    A longer line is cut, with an ellipsis, and never inside an escape.
    """
    units = list(_units(" ".join(text.split())))
    if sum(map(len, units)) <= limit:
        return "".join(units)
    kept, room = [], limit - 1
    for unit in units:
        room -= len(unit)
        if room < 0:
            break
        kept.append(unit)
    return "".join(kept).rstrip() + "…"


def sentence_to_markdown(sentence: str, commands: re.Pattern[str]) -> str:
    """Convert a plain sentence, such as an error's message, to Discord's markdown.

    Args:
        sentence: text between “ and ” is from members and escaped. Elsewhere code between
            backticks stays code, and mentions of channels and roles stay mentions.
        commands: matches slash commands, which become code outside quotes.
    """
    parts = _QUOTED.split(sentence)
    return "".join(
        escape_markdown(part) if number % 2 else _with_code(part, commands)
        for number, part in enumerate(parts)
    )


def truncate(text: str, limit: int) -> str:
    """Cut markdown to `limit` characters, without half an escape or mention at its end."""
    if len(text) <= limit:
        return text
    text = _PARTIAL_MENTION.sub("", text[: limit - 1])
    backslashes = len(text) - len(text.rstrip("\\"))
    return text[: len(text) - backslashes % 2] + "…"


def _with_code(text: str, commands: re.Pattern[str]) -> str:
    pieces, last = [], 0
    for match in re.finditer(rf"{_OWN_MARKUP}|(?:{commands.pattern})", text):
        own = f"`{match[0]}`" if match[0].startswith("/") else match[0]
        pieces += [escape_markdown(text[last : match.start()]), own]
        last = match.end()
    return "".join([*pieces, escape_markdown(text[last:])])


def _units(text: str) -> Iterator[str]:
    """Split a text into units that may not be cut: a character, or a backslash and a character."""
    active = {match.end() - 1 for match in _ACTIVE.finditer(text)}
    for index, character in enumerate(text):
        yield f"\\{character}" if index in active else character
