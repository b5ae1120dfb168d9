"""Formats numbers, durations and lists for messages; RiffBot's colours."""

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
    """Join the parts that are not empty with dots: `seed 42 · 120 bpm · 4.0 s`."""
    return " · ".join(part for part in parts if part)


def progress_bar(done: int, total: int) -> str:
    """Twelve characters, filled in proportion; every client has them in its fonts."""
    filled = round(_CELLS * done / total) if total else 0
    return "▰" * filled + "▱" * (_CELLS - filled)


def format_duration(seconds: float) -> str:
    """Seconds in one unit: `3 s`, `2 min`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"


def format_age(passed: timedelta) -> str:
    """A time that has passed, in one unit: `just now`, `5 min ago`, `3 h ago`, `12 d ago`."""
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
    """Beats a minute with at most one decimal: `120 bpm`, `115.4 bpm`."""
    return f"{round(bpm, 1):g} bpm"


def format_number(value: float) -> str:
    """At most two decimals, without trailing zeros: `0.75`, `7`, `93.75`."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
