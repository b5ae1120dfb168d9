"""What the page says about the model before, and whether or not, it is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from riffbot.settings import Settings

CARD = "riffbot.json"


def model_info(settings: Settings) -> dict[str, Any]:
    """Name, defaults and schedulers out of the model's card; a foreign checkpoint has none.

    The page must not wait for torch, so the card is read as the plain JSON that it is.
    """
    folder = Path(settings.model)
    try:
        card = json.loads((folder / CARD).read_text("utf-8-sig"))
    except (OSError, ValueError):
        card = {}
    return {
        "model": {"name": card.get("name") or folder.name, "licence": card.get("licence")},
        "defaults": card.get("defaults", {}),
        "schedulers": card.get("schedulers", []),
    }
