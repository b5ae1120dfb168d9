"""What the page says about the model before, and whether or not, it is loaded."""

from __future__ import annotations

import json
from pathlib import Path

from riffbot.settings import Settings
from riffbot.web import schema

CARD = "riffbot.json"


def model_info(settings: Settings) -> schema.ModelInfo:
    """Name, defaults and schedulers out of the model's card; a foreign checkpoint has none.

    The page must not wait for torch, so the card is read as the plain JSON that it is.
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
    )
