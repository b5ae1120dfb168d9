"""One row for each attack: what was tried, and what came of it (`pytest -s` shows them)."""

from __future__ import annotations


def row(attack: str, outcome: str) -> None:
    """Print a row of the table."""
    print(f"\n| {attack} | {outcome} |", flush=True)
