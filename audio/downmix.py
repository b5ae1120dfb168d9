"""Many channels → two, with the coefficients of ITU-R BS.775, whatever decoder they came from.

Mixed by the channels' places, a surround recording sounds the same out of a WAV as out of its AAC
twin. Left and right stay apart, so channels of opposite sign do not cancel each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from audio.arrays import Floats

_MINUS_3_DB, _MINUS_6_DB = float(np.sqrt(0.5)), 0.5

_LEFT = {"FL": 1.0, "DL": 1.0, "FLC": 1.0, "WL": 1.0}
_LEFT |= dict.fromkeys(["BL", "SL", "TFL", "TSL", "TBL", "SDL", "BFL", "SSL", "TTL"], _MINUS_3_DB)
_RIGHT = {name.replace("L", "R", 1): weight for name, weight in _LEFT.items()}
_MIDDLE = {"FC": _MINUS_3_DB, "BFC": _MINUS_3_DB, "LFE": 0.0, "LFE2": 0.0}
_MIDDLE |= dict.fromkeys(["BC", "TC", "TFC", "TBC"], _MINUS_6_DB)

_USUAL: dict[int, tuple[str, ...]] = {
    3: ("FL", "FR", "FC"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
"""The order of a WAV that does not say what its channels are."""


def to_stereo(block: Floats, places: Sequence[str] = ()) -> Floats:
    """Mix float[n, channels] of more than two channels down to float32[n, 2].

    Args:
        block: the samples.
        places: FFmpeg's name of each channel's place (`FL`, `FC`, `LFE`, …); where they are not
            all known, the usual order for so many channels is assumed.

    The low-frequency channel is left out, as the recommendation says. The sum may exceed 1.
    """
    return np.asarray(block @ _matrix(block.shape[1], tuple(places)), np.float32)


@lru_cache(64)
def _matrix(channels: int, places: tuple[str, ...]) -> Floats:
    """Weights [channels, 2]."""
    if len(places) != channels or not all(map(_known, places)):
        places = _USUAL.get(channels, ())
    if not places:
        # Their places are unknown: taken in pairs, and no louder than the loudest.
        weights = np.zeros((channels, 2), np.float32)
        weights[0::2, 0] = 1 / len(weights[0::2])
        weights[1::2, 1] = 1 / len(weights[1::2])
        return weights
    pairs = [
        (_LEFT.get(p, _MIDDLE.get(p, 0.0)), _RIGHT.get(p, _MIDDLE.get(p, 0.0))) for p in places
    ]
    return np.asarray(pairs, np.float32)


def _known(place: str) -> bool:
    return place in _LEFT or place in _RIGHT or place in _MIDDLE
