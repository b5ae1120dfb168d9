"""Discord's own clock, and the ids that tell it."""

from __future__ import annotations

import time

DISCORD_EPOCH_S = 1_420_070_400.0
"""Snowflakes count milliseconds from the first second of 2015."""


class Clock:
    """The time at Discord, in Unix seconds: the real one, until a test moves it forward.

    The bot keeps its own clock, as two machines do. After `advance(900)` Discord holds every
    interaction token for dead while the bot still believes in it.
    """

    def __init__(self) -> None:
        self._offset_s = 0.0

    def now(self) -> float:
        """Unix seconds at Discord."""
        return time.time() + self._offset_s

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at Discord at once."""
        self._offset_s += seconds


class Snowflakes:
    """Ids that rise, each carrying the moment it was made in its upper 42 bits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._count = 0

    def mint(self, *, born: float | None = None) -> int:
        """A fresh id; `born` (Unix seconds) dates it, by default now."""
        self._count += 1
        at = self._clock.now() if born is None else born
        return int((at - DISCORD_EPOCH_S) * 1000) << 22 | self._count & 0x3FFFFF


def born(snowflake: int) -> float:
    """When a snowflake was minted, in Unix seconds."""
    return (snowflake >> 22) / 1000 + DISCORD_EPOCH_S
