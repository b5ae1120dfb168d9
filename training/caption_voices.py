"""What captions say of voices, read from `caption_voices.toml`."""

from __future__ import annotations

import random
import re
import tomllib
from pathlib import Path
from typing import Any

_TABLES: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(" ".join(phrase.split()) for phrase in text.split(";"))


BAND = {key: _phrases(text) for key, text in _TABLES["band"].items()}
"""Instrument -> how a style is asked for with this voice in front; its keys are all the voices."""

ALONE, NOBODY = _phrases(_TABLES["alone"]["voices"]), _phrases(_TABLES["nobody"]["band"])
RAPPERS = frozenset({"rapper", "woman_rapper"})
_WOMEN = frozenset({"woman", "woman_rapper", "soprano_voice", "singers"})
_MEN = frozenset({"man", "rapper", "tenor_voice", "singers"})

_PROMISES = {name: re.compile(rf"\b(?:{words})\b") for name, words in _TABLES["promises"].items()}


def keeps_promises(style: str, heard: frozenset[str]) -> bool:
    """Whether a style's name says nothing false of the voices in a clip: their instruments' keys.

    "rap" promises a rapper, "vocal house" a voice, "rap instrumental" that nobody sings.
    """
    text = style.lower()
    if heard and _PROMISES["nobody"].search(text):
        return False
    without_beats = _PROMISES["beat"].sub("", text)
    if _PROMISES["rapper"].search(without_beats) and not heard & RAPPERS:
        return False
    for sex, singers in (("woman", _WOMEN), ("man", _MEN)):
        if heard and _PROMISES[sex].search(text) and not heard & singers:
            return False
    return bool(heard) or not _PROMISES["voice"].search(text)


def sung_style(rng: random.Random, key: str, style: str, mood: str) -> str:
    """A style with a voice in front of it."""
    return rng.choice(BAND[key]).format(s=style, m=mood)
