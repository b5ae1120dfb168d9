"""Reads a model's card, without loading the model."""

from __future__ import annotations

import json
from pathlib import Path

from riffbot.settings import Settings
from riffbot.web import schema

CARD = "riffbot.json"


def read_model_card(settings: Settings) -> schema.ModelInfo:
    """Read name, defaults and schedulers from the model's card; other checkpoints have no card.

    The page must not wait for torch, so the card is read as plain JSON.
    """
    folder = Path(settings.model)
    try:
        card = json.loads((folder / CARD).read_text("utf-8-sig"))
    except (OSError, ValueError):
        card = {}
    return schema.ModelInfo(
        model=schema.ModelName(name=card.get("name") or folder.name, licence=card.get("licence")),
        defaults=card.get("defaults", {}),
        schedulers=card.get("schedulers", []),
        knows_harmony=card.get("harmony_grid") is True,
    )
