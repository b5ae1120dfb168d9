"""What a denoising does to its source: the one table that all advice to members is read from.

Discord suggests its values, `/guide` names some of them, and the page shows the advice of the range
that its slider is in (`web/generate_types.py` writes it down for the page).

The beat holds up to 0.75: of remixes at 0.55, 0.65 and 0.75, .975, .95 and .95 are heard at the
tempo of their seed image (training/LOG.md, version 5). Beyond 0.95 the beat is lost, so that a jam
is steered no further (`riffbot.jam.prompt_path`).
"""

from __future__ import annotations

from dataclasses import dataclass

from riffbot.request import DEFAULT_DENOISING

RECOLOUR, RETHINK, LEAP = 0.4, DEFAULT_DENOISING, 0.95
"""The values that the guide names."""


@dataclass(frozen=True)
class DenoisingRange:
    """What denoising does from one value up to the next range.

    Attributes:
        start: the range's lowest value, 0 … 1.
        advice: one sentence, for the page.
        suggestions: good values of the range, each with a few words, for Discord.
    """

    start: float
    advice: str
    suggestions: tuple[tuple[float, str], ...] = ()


DENOISING_RANGES = (
    DenoisingRange(
        0.0,
        "Returns the seed image as it is.",
        ((0.0, "gives it back as it is"),),
    ),
    DenoisingRange(
        0.2,
        "Stays close to the seed image: a change of colour more than of tune.",
        ((0.25, "a touch: nearly the same"), (RECOLOUR, "recolours it")),
    ),
    DenoisingRange(
        0.45,
        "Keeps the shape of the seed image and lets the prompt dress it.",
        ((0.6, "a new arrangement"),),
    ),
    DenoisingRange(
        0.65,
        "Does a good job of keeping on beat for most prompts. "
        f"{DEFAULT_DENOISING:g} is the default.",
        ((RETHINK, "rethinks it and keeps the beat (a good start)"),),
    ),
    DenoisingRange(
        0.82,
        "More creative, and less like the seed image: often fun, but it can quickly result in "
        "chaotic transitions and tempos.",
        (
            (0.85, "bold: the beat may wander"),
            (LEAP, "a leap, with a memory of it; tempo and rhythm may go astray"),
        ),
    ),
    DenoisingRange(0.99, "Forgets the seed image."),
)
"""All ranges, in order; the first begins at 0."""


def denoising_suggestions() -> list[tuple[float, str]]:
    """Values with their descriptions, ascending; 0, which changes nothing, comes last."""
    found = [
        (value, f"{value:g} · {description}")
        for denoising_range in DENOISING_RANGES
        for value, description in denoising_range.suggestions
    ]
    return [*found[1:], found[0]]
