"""How prompts were read before labels and times became text; what it took must be read alike."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""
    \\(?P<literal>[()\[\]\\]?)
    | :\s*(?P<weight>[+-]?(?:[.\d][\w.+-]*|nan|inf(?:inity)?))\s*\)
    | (?P<open>[(\[])
    | (?P<close>[)\]])
    | (?P<text>[^\\()\[\]:]+|:)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_FACTOR = {"(": 1.1, "[": 1 / 1.1}


def parse_before(text: str) -> list[tuple[str, float]] | None:  # noqa: PLR0912
    """Fragments and weights as of then; None where it was refused."""
    pieces: list[tuple[str, float]] = []
    opened: dict[str, list[int]] = {"(": [], "[": []}

    def scale(start: int, factor: float) -> None:
        pieces[start:] = [(piece, weight * factor) for piece, weight in pieces[start:]]

    for token in _TOKEN.finditer(text):
        kind, value = token.lastgroup, token[token.lastgroup or 0]
        if kind == "open":
            opened[value].append(len(pieces))
        elif kind == "close" and opened["(" if value == ")" else "["]:
            bracket = "(" if value == ")" else "["
            scale(opened[bracket].pop(), _FACTOR[bracket])
        elif kind == "weight" and opened["("]:
            try:
                factor = float(value)
            except ValueError:
                if re.fullmatch(r"[+-]?[.\d]+", value):
                    return None
                start = opened["("].pop()
                scale(start, 1.1)
                pieces.append((token[0][:-1], 1.1))
                continue
            if not 0 <= factor <= 10:
                return None
            scale(opened["("].pop(), factor)
        elif kind == "weight":
            pieces.append((token[0], 1.0))
        else:
            pieces.append((value, 1.0))
    for bracket, starts in opened.items():
        for start in starts:
            scale(start, _FACTOR[bracket])
    if any(not weight <= 10 for _, weight in pieces):
        return None
    joined: list[tuple[str, float]] = []
    for piece, weight in pieces:
        if piece and joined and joined[-1][1] == weight:
            joined[-1] = (joined[-1][0] + piece, weight)
        elif piece:
            joined.append((piece, weight))
    return joined or [("", 1.0)]
