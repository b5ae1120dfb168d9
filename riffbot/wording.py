"""Small pieces of sentences that every part of RiffBot writes alike."""

from __future__ import annotations


def plural(count: int, thing: str, things: str | None = None) -> str:
    """`1 step`, `0 steps`, `3 clips`; `things` where an s is not enough."""
    return f"{count:,} {thing if count == 1 else things or thing + 's'}"


def in_words(seconds: float) -> str:
    """`about a minute` in the plainest words: "8 seconds", "3 minutes", "2 hours"."""
    for unit, size in (("hour", 3600), ("minute", 60)):
        if seconds >= 1.5 * size:
            return f"{round(seconds / size)} {unit}s"
    return f"{max(1, round(seconds))} second{'s' if round(seconds) > 1 else ''}"
