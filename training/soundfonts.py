"""Where the SoundFonts are."""

from __future__ import annotations

import os
from pathlib import Path

_SHARE = Path("/usr/share/sounds")
_USUAL = (
    ("sf2/FluidR3_GM.sf2", "sf3/FluidR3Mono_GM.sf3"),
    ("sf2/MuseScore_General_Full.sf2", "sf3/MuseScore_General_Lite.sf3"),
)
"""Two families of recordings; of each the uncompressed one, or else the small one."""


def find() -> list[Path]:
    """SoundFonts of `RIFFBOT_SOUNDFONTS` (a colon-separated list), else of Debian's packages."""
    named = os.environ.get("RIFFBOT_SOUNDFONTS", "")
    if named:
        return [Path(part) for part in named.split(":") if part]
    families = ([_SHARE / name for name in family] for family in _USUAL)
    found = ([path for path in family if path.is_file()] for family in families)
    return [family[0] for family in found if family]
