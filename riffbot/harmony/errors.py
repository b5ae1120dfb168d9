"""What is said when nobody can read a key or a chord."""

from __future__ import annotations

from riffbot.errors import BadRequest


class HarmonyError(BadRequest):
    """A key or a chord cannot be read; the sentence names the nearest one that can."""
