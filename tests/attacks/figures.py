"""One row for each attack: what was tried, and what came of it (`pytest -s` shows them)."""

from __future__ import annotations


def row(attack: str, outcome: str = "", **figures: object) -> None:
    """Print a row of the table: the outcome as a sentence, as named figures, or as both."""
    parts = [outcome] if outcome else []
    parts += [f"{name} {value}" for name, value in figures.items()]
    print(f"\n| {attack} | {', '.join(parts)} |", flush=True)
