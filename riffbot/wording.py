"""Formatting of counts and durations in sentences."""

from __future__ import annotations


def plural(count: int, thing: str, things: str | None = None) -> str:
    """Format a count with its noun: `1 step`, `0 steps`, `3 clips`.

    Args:
        things: the plural, if it is not the noun with an s.
    """
    return f"{count:,} {thing if count == 1 else things or thing + 's'}"


def format_duration(seconds: float) -> str:
    """Format a duration, rounded to one unit: "8 seconds", "3 minutes", "2 hours"."""
    for unit, size in (("hour", 3600), ("minute", 60)):
        if seconds >= 1.5 * size:
            return f"{round(seconds / size)} {unit}s"
    return f"{max(1, round(seconds))} second{'s' if round(seconds) > 1 else ''}"
