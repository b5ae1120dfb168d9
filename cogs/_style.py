"""How RiffBot writes: its colour, its plurals, its numbers, its small bars."""

from __future__ import annotations

import discord

from riffbot.bot import ACCENT

__all__ = ["ACCENT", "QUIET", "bar", "join", "number", "ordinal", "seconds", "title"]

QUIET = discord.Colour(0x4F545C)

TITLE_LIMIT = 256
_CELLS = 12


def title(prompt: str, limit: int = TITLE_LIMIT) -> str:
    """A prompt as a heading: its own asterisks and underscores shown, cut where Discord would."""
    safe = discord.utils.escape_markdown(" ".join(prompt.split()), as_needed=False)
    if len(safe) <= limit:
        return safe
    # Cutting may not leave half an escape behind.
    return safe[: limit - 1].rstrip("\\") + "…"


def join(*parts: str | None) -> str:
    """The parts that are there, with dots between: `seed 42 · 120 bpm · 4.0 s`."""
    return " · ".join(part for part in parts if part)


def bar(done: int, total: int) -> str:
    """How far, drawn with letters that every client has."""
    filled = round(_CELLS * done / total) if total else 0
    return "▰" * filled + "▱" * (_CELLS - filled)


def seconds(value: float) -> str:
    """A wait in words a person uses: `3 s`, `2 min`."""
    if value < 90:
        return f"{max(1, round(value))} s"
    return f"{round(value / 60)} min"


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `3rd`, `11th` …"""
    if 10 <= number % 100 <= 20:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def number(value: float) -> str:
    """A setting without a tail of zeros: `0.75`, `7`, `93.75`."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
