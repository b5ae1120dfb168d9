"""Where the SoundFonts are."""

from __future__ import annotations

import os
from pathlib import Path

_USUAL = (
    "/usr/share/sounds/sf3/FluidR3Mono_GM.sf3",
    "/usr/share/sounds/sf3/MuseScore_General_Lite.sf3",
    "/usr/share/sounds/sf2/FluidR3_GM.sf2",
)


def find() -> list[Path]:
    """SoundFonts of `RIFFBOT_SOUNDFONTS` (a colon-separated list), else Debian's packages.

    `FluidR3_GM.sf2` is the same recordings as the mono sf3 at six times the size, so it is only
    used where the sf3 is missing.
    """
    named = os.environ.get("RIFFBOT_SOUNDFONTS", "")
    if named:
        return [Path(part) for part in named.split(":") if part]
    found = [Path(place) for place in _USUAL if Path(place).is_file()]
    return found[:2]
