"""How RiffBot writes: its colour, its plurals, its numbers, its small bars."""

from __future__ import annotations

from datetime import timedelta

import discord

from riffbot.bot import ACCENT
from riffbot.wording import plural

__all__ = [
    "ACCENT",
    "MUTED",
    "format_age",
    "format_duration",
    "format_number",
    "format_ordinal",
    "format_tempo",
    "join_parts",
    "plural",
    "progress_bar",
]

MUTED = discord.Colour(0x4F545C)

_CELLS = 12


def join_parts(*parts: str | None) -> str:
    """The parts that are there, with dots between: `seed 42 · 120 bpm · 4.0 s`."""
    return " · ".join(part for part in parts if part)


def progress_bar(done: int, total: int) -> str:
    """How far, drawn with letters that every client has."""
    filled = round(_CELLS * done / total) if total else 0
    return "▰" * filled + "▱" * (_CELLS - filled)


def format_duration(value: float) -> str:
    """A wait in words a person uses: `3 s`, `2 min`."""
    if value < 90:
        return f"{max(1, round(value))} s"
    return f"{round(value / 60)} min"


def format_age(passed: timedelta) -> str:
    """How long ago, in one unit: `just now`, `5 min ago`, `3 h ago`, `12 d ago`."""
    minutes = int(passed.total_seconds() // 60)
    if minutes < 1:
        return "just now"
    for unit, size in (("d", 24 * 60), ("h", 60)):
        if minutes >= size:
            return f"{minutes // size} {unit} ago"
    return f"{minutes} min ago"


def format_ordinal(number: int) -> str:
    """`1st`, `2nd`, `3rd`, `11th` …"""
    if 10 <= number % 100 <= 20:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def format_tempo(bpm: float) -> str:
    """Beats a minute as people say them, with one decimal at most: `120 bpm`, `115.4 bpm`."""
    return f"{round(bpm, 1):g} bpm"


def format_number(value: float) -> str:
    """A setting without a tail of zeros: `0.75`, `7`, `93.75`."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
