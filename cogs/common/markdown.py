"""Members' words in Discord's markdown: shown as they were written, never obeyed.

Every message field that Discord formats (content, an embed's title, description and fields) gets
members' words through this module. Footers, button and option labels, modal values, file names and
alt texts are not formatted, so a backslash would be seen there: those take the words as they are.
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

# What starts something wherever it stands: emphasis, code, spoilers, links, mentions, emoji,
# timestamps, addresses. A colon before a blank or in a weight, as in `(sax:1.3)`, starts nothing.
# At the start of a line also: headings, quotes, lists, small print.
_ACTIVE = re.compile(
    r"""
    (?<![^\r\n])[ \t]*(?:[-+#>]|\d+\.)  # the last character of these is the one to escape
    | [\\*_~`|\[<@]
    | :(?=[\w+/-])(?![-+]?[\d.]+\))
    """,
    re.VERBOSE,
)
_QUOTED = re.compile(r"(“[^”]*”)")
_OURS = r"`[^`\n]+`|<(?:\#|@&)\d+>"
"""Outside quotes these are RiffBot's own: code, and the names of channels and roles."""
_PARTIAL_MENTION = re.compile(r"(?<!\\)<[^>]*$")


class MarkdownText(str):
    """A sentence in Discord's markdown: whatever members' words it quotes are escaped already."""

    __slots__ = ()


def escape_markdown(text: str) -> str:
    """Text that Discord shows exactly as it was written, over as many lines.

    Escapes character by character, so nothing depends on what else the text holds.
    """
    return "".join(_units(text))


TITLE_LIMIT = 256
"""Characters of an embed's title."""


def escape_line(text: str, limit: int = TITLE_LIMIT) -> str:
    """`escape_markdown` for one line of at most `limit` characters, escapes included.

    What does not fit is cut, with an ellipsis, and never inside an escape.
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
    """A sentence as all parts of RiffBot write them, for any reader, in Discord's markdown.

    Args:
        sentence: what it quotes from members stands between “ and ”. Elsewhere code between
            backticks stays code, and mentions of channels and roles stay mentions.
        commands: matches slash commands, which become code unless they are quoted.
    """
    parts = _QUOTED.split(sentence)
    return "".join(
        escape_markdown(part) if number % 2 else _with_code(part, commands)
        for number, part in enumerate(parts)
    )


def truncate(text: str, limit: int) -> str:
    """Formatted text, cut to `limit` characters without half an escape or mention at its end."""
    if len(text) <= limit:
        return text
    text = _PARTIAL_MENTION.sub("", text[: limit - 1])
    backslashes = len(text) - len(text.rstrip("\\"))
    return text[: len(text) - backslashes % 2] + "…"


def _with_code(text: str, commands: re.Pattern[str]) -> str:
    pieces, last = [], 0
    for match in re.finditer(rf"{_OURS}|(?:{commands.pattern})", text):
        ours = f"`{match[0]}`" if match[0].startswith("/") else match[0]
        pieces += [escape_markdown(text[last : match.start()]), ours]
        last = match.end()
    return "".join([*pieces, escape_markdown(text[last:])])


def _units(text: str) -> Iterator[str]:
    """The text in pieces that may not be cut: a character, or a backslash and a character."""
    active = {match.end() - 1 for match in _ACTIVE.finditer(text)}
    for place, character in enumerate(text):
        yield f"\\{character}" if place in active else character
