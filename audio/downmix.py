"""Mixes surround sound to stereo with the coefficients of ITU-R BS.775.

The weights depend on the channels' positions, so that the same recording sounds the same as WAV and
as AAC. Left and right are not mixed, so channels of opposite sign do not cancel.
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
"""The order of the channels in a WAV that does not define it."""


def to_stereo(block: Floats, places: Sequence[str] = ()) -> Floats:
    """Mix float[n, channels] of more than two channels down to float32[n, 2].

    The low-frequency channel is left out, as recommended. The sum may exceed 1.

    Args:
        block: the samples.
        places: FFmpeg's names of the channels' positions (`FL`, `FC`, `LFE`, …); if not all are
            known, the usual order for the number of channels is assumed.
    """
    return np.asarray(block @ _matrix(block.shape[1], tuple(places)), np.float32)


@lru_cache(64)
def _matrix(channels: int, places: tuple[str, ...]) -> Floats:
    """Return the weights [channels, 2]."""
    if len(places) != channels or not all(map(_known, places)):
        places = _USUAL.get(channels, ())
    if not places:
        # Unknown positions: even channels left, odd ones right, averaged so that none gets louder.
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
